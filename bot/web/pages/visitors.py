"""Find out who asks for a page, and in which language. Nobody sees a page without a login."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from aiohttp import hdrs, web

from bot.audit.log import AuditLog
from bot.chat.access import Access
from bot.chat.access_control import AccessControl
from bot.chat.context import PAGES, Context
from bot.chat.messages import MessageProcessor
from bot.chat.permissions import AccessPolicy, Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router
from bot.errors import PermanentError, TemporaryError, UserError
from bot.logins.logins import Session
from bot.models import AuditEntry, Clock, Message, Schedule
from bot.ports import Identities
from bot.web.clients import Network, client_address
from bot.web.guard import is_own_origin, is_same
from bot.web.pages.rendering import Pages
from cards.environment import LANGUAGES

log = logging.getLogger(__name__)

LANGUAGE_COOKIE = "dingrun_lang"
LANGUAGE_SECONDS = 365 * 24 * 3600
SESSION_COOKIE = "dingrun_session"
SECURE_SESSION_COOKIE = "__Host-dingrun_session"  # browsers accept it over https only
SESSION_ID_CHARACTERS = 20

RouteHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class WebServices:
    """Parts of the service that the pages use. The contexts differ in the language of their cards.

    `identities` log in people whose pages are open in DingTalk. `jsapi` is a copy of DingTalk's script for
    that.
    """

    contexts: Mapping[str, Context]  # by language
    policy: AccessPolicy
    router: Router
    audit: AuditLog
    lang: str  # of visitors who have chosen none
    identities: Identities | None = None
    jsapi: Path | None = None

    @property
    def clock(self) -> Clock:
        return self.audit.clock


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A person who is logged in, as the handlers see one."""

    session: Session
    lang: str
    address: str
    context: Context
    request: CommandRequest
    here: str = "/status?"  # address of the page, to which a parameter can be added

    @property
    def access(self) -> Access:
        return self.request.access

    @property
    def message(self) -> Message:
        return self.request.message

    @property
    def is_admin(self) -> bool:
        return self.access.allows(Permission.ADMIN)

    def may_act(self, schedule: Schedule) -> bool:
        """Return whether the buttons of a schedule are shown."""
        return self.access.may(Permission.OPERATE, schedule)


PageHandler = Callable[[web.Request, Visitor], Awaitable[web.StreamResponse]]


class Gate:
    """Lets people who are logged in pass, and answers all others."""

    def __init__(
        self, services: WebServices, pages: Pages, *, public_url: str = "", proxies: Sequence[Network] = ()
    ) -> None:
        self.services = services
        self.pages = pages
        self.public_url = public_url
        self._proxies = proxies
        self._logins = services.contexts[services.lang].people.logins
        self._processors = {
            lang: MessageProcessor(context, router=services.router, policy=services.policy)
            for lang, context in services.contexts.items()
        }

    def page(self, handler: PageHandler, permission: Permission = Permission.VIEW) -> RouteHandler:
        """Return a route for a page that needs a permission."""

        async def show(request: web.Request) -> web.StreamResponse:
            visitor = await self.visitor(request, permission)
            if visitor is None:
                return await self.login_page(request)
            if not visitor.access.allows(permission):
                return self.trouble(visitor, "forbidden", HTTPStatus.FORBIDDEN)
            return await self._answer(handler, request, visitor)

        return show

    def form(self, handler: PageHandler, permission: Permission = Permission.IDENTIFY) -> RouteHandler:
        """Return a route for the forms of a session. Those of other sites and sessions are refused."""

        async def receive(request: web.Request) -> web.StreamResponse:
            visitor = await self.visitor(request, permission)
            if visitor is None:
                return await self.login_page(request)
            given = (await read_form(request)).get("form", "")
            if not self.is_own(request) or not is_same(given, visitor.session.form_token):
                return self.trouble(visitor, "form_too_old", HTTPStatus.FORBIDDEN)
            return await self._answer(handler, request, visitor)

        return receive

    def is_own(self, request: web.Request) -> bool:
        """Return whether no page of another site sent the request."""
        return is_own_origin(request, self.public_url)

    def address(self, request: web.Request) -> str:
        return client_address(request, self._proxies)

    def lang(self, request: web.Request) -> str:
        """Return the language that was chosen on a page, or that of the settings."""
        chosen = request.query.get("lang") or request.cookies.get(LANGUAGE_COOKIE, "")
        return chosen if chosen in LANGUAGES else self.services.lang

    def processor(self, lang: str) -> MessageProcessor:
        return self._processors[lang]

    async def login_page(self, request: web.Request, *, invalid: bool = False) -> web.Response:
        """Tell how to log in. Inside DingTalk, the script of the page tries to do so at once."""
        identities, users = self.services.identities, self.services.contexts[self.services.lang].people.users
        values = {
            "visitor": None,
            "page": "login",
            "invalid": invalid,
            "client_id": identities.client_id if identities else "",
            "corp_id": await users.find_corp_id("") if identities else "",
            "has_jsapi": self.services.jsapi is not None,
        }
        return self.pages.show("login", self.lang(request), values, status=HTTPStatus.UNAUTHORIZED)

    def show(self, name: str, visitor: Visitor, **values: object) -> web.Response:
        """Render a page for a visitor."""
        return self.pages.show(name, visitor.lang, {"visitor": visitor, "page": name, **values})

    def trouble(self, visitor: Visitor, text: str, status: HTTPStatus) -> web.Response:
        """Render a page that says why there is nothing to see."""
        values = {"visitor": visitor, "page": "trouble", "text": text}
        return self.pages.show("trouble", visitor.lang, values, status=status)

    async def _answer(
        self, handler: PageHandler, request: web.Request, visitor: Visitor
    ) -> web.StreamResponse:
        """Run a handler, and remember the language if it was chosen just now."""
        try:
            response = await handler(request, visitor)
        except UserError:  # there is no such run or schedule, or it is not for this person
            response = self.trouble(visitor, "not_found", HTTPStatus.NOT_FOUND)
        except (TemporaryError, PermanentError) as error:
            log.warning("web: %s is not shown: %s", request.path, error)
            response = self.trouble(visitor, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
        if request.query.get("lang") in LANGUAGES and not response.prepared:
            response.set_cookie(
                LANGUAGE_COOKIE, visitor.lang, httponly=True, samesite="Lax", max_age=LANGUAGE_SECONDS
            )
        return response

    async def visitor(self, request: web.Request, permission: Permission) -> Visitor | None:
        """Return who asks for a page that needs a permission, or None without a login."""
        token = request.cookies.get(self.cookie, "")
        session = await self._logins.find_session(token) if token else None
        if session is None:
            return None
        lang = self.lang(request)
        message = message_of(session)
        access = await AccessControl(self.services.contexts[lang], self.services.policy).of_message(
            message, permission
        )
        return Visitor(
            session=session,
            lang=lang,
            address=self.address(request),
            context=self.services.contexts[lang],
            request=CommandRequest(message=message, access=access),
            here=address_for_language(request),
        )

    @property
    def cookie(self) -> str:
        return SECURE_SESSION_COOKIE if self.is_secure else SESSION_COOKIE

    @property
    def is_secure(self) -> bool:
        return self.public_url.startswith("https://")

    async def record(self, entry: AuditEntry) -> None:
        """Record something in the audit that no handler records."""
        await self.services.audit.record(entry)


def address_for_language(request: web.Request) -> str:
    """Return the address to which `lang=` is added: that of this page, or the first one after a form."""
    if request.method != hdrs.METH_GET:
        return "/status?"
    query = urlencode([(name, value) for name, value in request.query.items() if name != "lang"])
    return f"{request.rel_url.raw_path}?{query}&" if query else f"{request.rel_url.raw_path}?"


def message_of(session: Session) -> Message:
    """Return what a person says on a page as a message, in a one-to-one conversation of this session."""
    return Message(
        id="",
        robot_code=PAGES,
        conversation_id=f"web:{session.id[:SESSION_ID_CHARACTERS]}",
        group=False,
        sender=session.person,
        text="",
    )


async def read_form(request: web.Request) -> Mapping[str, str]:
    """Read a form of a page. It is UTF-8, whatever charset the request names."""
    if not request.headers.get(hdrs.CONTENT_TYPE, "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = await request.read()
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
