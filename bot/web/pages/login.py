"""Log in by a one-time link from the chat, and log out.

Opening a link uses it up only with the button on its page: a preview of the link may open it too.
"""

from http import HTTPStatus

from aiohttp import web

from bot.audit.request import audited
from bot.logins.logins import LOGIN_PATH, Logins
from bot.models import AuditChannel, AuditEntry, Person, deterministic_id
from bot.web.guard import BRAKE_SECONDS, TokenBrake
from bot.web.pages.visitors import Gate, Visitor

TOKEN_CHARACTERS = 64


class LoginPages:
    """The routes of logins."""

    def __init__(self, gate: Gate, logins: Logins) -> None:
        self._gate = gate
        self._logins = logins
        self._brake = TokenBrake()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(LOGIN_PATH + "{token}", self.ask),
            web.post(LOGIN_PATH + "{token}", self.log_in),
            web.post("/status/logout", self._gate.form(self.log_out)),
        ]

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Show whom a link logs in, with the button that does."""
        person = await self._find_person(request)
        if person is None:
            return self._invalid(request)
        values = {"visitor": None, "page": "login", "person": person, "path": request.path}
        return self._gate.pages.show("login_ask", self._gate.lang(request), values)

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """Use up a link."""
        if not self._gate.is_own(request) or await self._find_person(request) is None:
            return self._invalid(request)
        opened = await self._logins.redeem(request.match_info["token"])
        if opened is None:
            return self._invalid(request)
        token, session = opened
        return await self.welcome(request, token, session.person)

    async def welcome(self, request: web.Request, token: str, person: Person) -> web.StreamResponse:
        """Record a login, give the browser its session, and show the first page."""
        entry = AuditEntry(
            id=f"web:{deterministic_id('', token, length=20)}",
            at=self._gate.services.clock(),
            channel=AuditChannel.WEB,
            actor=person,
            said=request.path.removesuffix(request.match_info.get("token", "")),
            command="login",
            rule="login",
            address=self._gate.address(request),
        )
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

    async def log_out(self, _request: web.Request, visitor: Visitor) -> web.StreamResponse:
        await self._logins.end(visitor.session)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/status"})
        response.del_cookie(self._gate.cookie, secure=self._gate.is_secure, httponly=True, samesite="Lax")
        return response

    async def _find_person(self, request: web.Request) -> Person | None:
        """Return whom a link is for. An address that guesses is not listened to for a while."""
        address, token = self._gate.address(request), request.match_info["token"]
        if self._brake.is_blocked(address):
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(BRAKE_SECONDS))})
        person = await self._logins.find_person(token) if len(token) == TOKEN_CHARACTERS else None
        if person is None:
            self._brake.count(address)
        return person

    def _invalid(self, request: web.Request) -> web.Response:
        values = {"visitor": None, "page": "login", "invalid": True}
        return self._gate.pages.show(
            "login", self._gate.lang(request), values, status=HTTPStatus.UNAUTHORIZED
        )
