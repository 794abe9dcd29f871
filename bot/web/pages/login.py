"""Log in by a one-time link from the chat, or silently inside DingTalk, and log out.

Opening a link uses it up only with the button on its page: a preview of the link may open it too. Inside
DingTalk the page asks the client for a code, by which DingTalk tells us who it is. Where the client gives
none, the link works.
"""

import asyncio
import logging
from http import HTTPStatus

from aiohttp import web

from bot.audit.request import audited
from bot.errors import DingRunError
from bot.logins.logins import LOGIN_PATH, Logins
from bot.models import AuditChannel, AuditEntry, Person, deterministic_id
from bot.web.guard import TokenBrake
from bot.web.pages.visitors import Gate, Visitor, read_form

log = logging.getLogger(__name__)

TOKEN_CHARACTERS = 64
MAX_CODE_CHARACTERS = 200
SCRIPT_HEADERS = {
    "Content-Type": "text/javascript; charset=utf-8",
    "Cache-Control": "public, max-age=86400",
    "X-Content-Type-Options": "nosniff",
}


class LoginPages:
    """The routes of logins."""

    def __init__(self, gate: Gate, logins: Logins) -> None:
        self._gate = gate
        self._logins = logins
        self._brake = TokenBrake()
        self._code_brake = TokenBrake()  # of its own: codes also fail while DingTalk does not answer

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(LOGIN_PATH + "{token}", self.ask),
            web.post(LOGIN_PATH + "{token}", self.log_in),
            web.post("/status/dingtalk", self.log_in_silently),
            web.get("/status/jsapi.js", self.jsapi),
            web.post("/status/logout", self._gate.form(self.log_out)),
        ]

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Show whom a link logs in, with the button that does."""
        person = await self._find_person(request)
        if person is None:
            return await self._gate.login_page(request, invalid=True)
        values = {"visitor": None, "page": "login", "person": person, "path": request.path}
        return self._gate.pages.show("login_ask", self._gate.lang(request), values)

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """Use up a link."""
        if not self._gate.is_own(request) or await self._find_person(request) is None:
            return await self._gate.login_page(request, invalid=True)
        opened = await self._logins.redeem(request.match_info["token"])
        if opened is None:
            return await self._gate.login_page(request, invalid=True)
        token, session = opened
        return await self.welcome(request, token, session.person)

    async def log_in_silently(self, request: web.Request) -> web.StreamResponse:
        """Log in the person whose client gave the page a code. The answer is for the script of the page."""
        identities, address = self._gate.services.identities, self._gate.address(request)
        code = (await read_form(request)).get("code", "")[:MAX_CODE_CHARACTERS]
        if identities is None or not self._gate.is_own(request) or not code:
            raise web.HTTPForbidden
        self._code_brake.check(address)
        try:
            person = await identities.identify(code)
        except DingRunError as error:
            log.info("nobody is logged in by a code of DingTalk: %s", error)
            self._code_brake.count(address)
            raise web.HTTPUnauthorized from None
        token, _ = await self._logins.open(person)
        return await self.welcome(request, token, person)

    async def jsapi(self, _request: web.Request) -> web.StreamResponse:
        """Serve the copy of DingTalk's script, which pages load from nowhere else."""
        path = self._gate.services.jsapi
        try:
            content = await asyncio.to_thread(path.read_bytes) if path else b""
        except OSError as error:
            log.warning("web.jsapi: %s cannot be read: %s", path, error.strerror)
            content = b""
        if not content:
            raise web.HTTPNotFound
        return web.Response(body=content, headers=SCRIPT_HEADERS)

    async def welcome(self, request: web.Request, token: str, person: Person) -> web.StreamResponse:
        """Record a login, give the browser its session, and show the first page."""
        said = request.path.removesuffix(request.match_info.get("token", ""))
        entry = self._entry(request, person, token, command="login", said=said)
        async with audited(self._gate.record, entry):
            response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/status"})
        response.set_cookie(
            self._gate.cookie,
            token,
            httponly=True,
            secure=self._gate.is_secure,
            samesite="Lax",
            max_age=int(self._logins.ttl.total_seconds()),
        )
        return response

    async def log_out(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """End the session of this browser."""
        session = visitor.session
        entry = self._entry(request, session.person, session.id, command="logout", said=request.path)
        async with audited(self._gate.record, entry):
            await self._logins.end(session)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/status"})
        response.del_cookie(self._gate.cookie, secure=self._gate.is_secure, httponly=True, samesite="Lax")
        return response

    async def _find_person(self, request: web.Request) -> Person | None:
        """Return whom a link is for. An address that guesses is not listened to for a while."""
        address, token = self._gate.address(request), request.match_info["token"]
        self._brake.check(address)
        person = await self._logins.find_person(token) if len(token) == TOKEN_CHARACTERS else None
        if person is None:
            self._brake.count(address)
        return person

    def _entry(
        self, request: web.Request, person: Person, cause: str, *, command: str, said: str
    ) -> AuditEntry:
        """Return the entry of a login or a logout. The same cause is the same entry."""
        return AuditEntry(
            id=f"web:{deterministic_id('', command, cause, length=20)}",
            at=self._gate.services.clock(),
            channel=AuditChannel.WEB,
            actor=person,
            said=said,
            command=command,
            rule="login",
            address=self._gate.address(request),
        )
