"""What every API call goes through: faults, token, scope, limits, counting, and the record for the inspector.

An endpoint is a row: its path, its family of errors, its scope and price, and the act behind it. The act is a
plain function of the state and the call; it returns the body of the answer or raises `Refusal`.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from dingtalk_sandbox.errors import (
    NOT_EMULATED,
    Json,
    Refusal,
    invalid_authentication,
    missing_scope,
    refuse,
    refuse_oapi,
    throttled,
)
from dingtalk_sandbox.faults import Fault, Kind
from dingtalk_sandbox.redaction import hide, too_deep
from dingtalk_sandbox.scenario import App
from dingtalk_sandbox.state import QuotaKind, SandboxState

log = logging.getLogger(__name__)

PAGE = "<!DOCTYPE html><html><head><title>502</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class Family(StrEnum):
    NEW = "new"  #: api.dingtalk.com: token in a header, errors with a status and a code
    OLD = "old"  #: oapi.dingtalk.com: token in the URL, errors with 200 and an errcode
    OPEN = "open"  #: no token of an app: token calls, the gateway
    WEBHOOK = "webhook"  #: no token of an app, errors with 200 and an errcode


@dataclass(kw_only=True)
class Call:
    """One request as an act sees it."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    raw: bytes
    wire: Json = field(default_factory=dict)
    _app: App | None = None

    @property
    def app(self) -> App:
        """The app whose token came with the call."""
        if self._app is None:
            raise refuse("unauthorized", status=401)
        return self._app


Handler = Callable[[SandboxState, Call], Any]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    method: str
    path: str
    handler: Handler
    family: Family = Family.NEW
    scope: str = ""
    quota_kind: QuotaKind = QuotaKind.API
    malformed: str = "param.invalid"  # the code for a body that is no JSON object
    limit: int = 0  # bytes, for the inspector
    measure: Callable[[Call], int] = lambda call: len(call.raw)
    body: bool = True  # takes one

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def authenticate(state: SandboxState, endpoint: Endpoint, request: web.Request) -> App | None:
    """The app of the token. Raises `Refusal`; in the new API expired and unknown look the same."""
    if endpoint.family not in {Family.NEW, Family.OLD}:
        return None
    new = endpoint.family == Family.NEW
    value = request.headers.get("x-acs-dingtalk-access-token") if new else request.query.get("access_token")
    token = state.tokens.get(value or "")
    if token and token.expires > state.clock.now():
        return state.scenario.app(token.app.key) or token.app
    if new:
        raise invalid_authentication(state.settings.bad_token_status if value else 401)
    if not value:
        raise refuse_oapi(41001, "缺少access_token")
    raise refuse_oapi(42001, "access_token超时") if token else refuse_oapi(40014, "不合法的access_token")


def admit(state: SandboxState, endpoint: Endpoint, app: App | None) -> None:
    """Scope, calls per second, calls per month; then the call is booked."""
    new = endpoint.family != Family.OLD
    if app and endpoint.scope and endpoint.scope not in app.scopes:
        raise missing_scope(endpoint.scope) if new else refuse_oapi(60011, "没有调用该接口的权限")
    if app and state.is_over_qps(app, endpoint.name):
        text = "您的企业调用该接口过于频繁"
        raise throttled("QpsLimitForAppkeyAndApi") if new else refuse_oapi(90018, text)
    if app and state.is_exhausted(endpoint.quota_kind):
        raise throttled("ApiCountLimitForOrg") if new else refuse_oapi(90020, "您的企业本月调用次数已用完")
    if app:
        state.count_call(endpoint.quota_kind)


def parse(endpoint: Endpoint, request: web.Request, raw: bytes) -> Json:
    """The body as an object. Raises `Refusal` when it is none."""
    if not endpoint.body or (endpoint.method == "GET"):
        return {}
    new = endpoint.family in {Family.NEW, Family.OPEN}
    wrong = refuse(endpoint.malformed) if new else refuse_oapi(40035, "不合法的参数")
    if not new and request.content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(raw.decode("utf-8", "replace")))
    try:
        value = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(value, dict) or too_deep(value):
        raise wrong
    return value


class Pipeline:
    """Serves endpoints as aiohttp handlers."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def handler(self, endpoint: Endpoint) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(endpoint, request)

        return handle

    async def _serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        self._state.calls[endpoint.name] += 1
        faults = self._state.faults.take(f"{endpoint.name} {request.path}")
        await asyncio.sleep(sum(f.ms for f in faults if f.kind == Kind.LATENCY) / 1000)
        for fault in faults:
            if (answer := broken(fault, endpoint, request)) is not None:
                self._note_fault(endpoint, fault, answer.status)
                return answer
        raw = await request.read()
        status, body = self._answer(endpoint, request, raw)
        if any(f.kind == Kind.LOSE_ANSWER for f in faults):
            return cut(request)
        if isinstance(body, str):
            return web.Response(text=body, status=status, content_type="application/xml")
        return web.json_response(body, status=status)

    def _note_fault(self, endpoint: Endpoint, fault: Fault, status: int) -> None:
        """For the inspector: trouble that was ordered is a call as well, one that did nothing."""
        at = self._state.clock.now().isoformat()
        wire: Json = {"endpoint": endpoint.name, "bucket": QuotaKind.FREE.value, "bytes": 0, "limit": 0}
        self._state.log.append(
            wire | {"request": {}, "response": {"fault": fault.kind.value}, "status": status, "at": at}
        )

    def _answer(self, endpoint: Endpoint, request: web.Request, raw: bytes) -> tuple[int, Any]:
        wire: Json = {
            "endpoint": endpoint.name,
            "bucket": endpoint.quota_kind.value,
            "bytes": 0,
            "limit": endpoint.limit,
        }
        try:
            app = authenticate(self._state, endpoint, request)
            admit(self._state, endpoint, app)
            call = Call(
                path=request.match_info, query=request.query, headers=request.headers, raw=raw, wire=wire,
                body=parse(endpoint, request, raw), _app=app,
            )  # fmt: skip
            wire |= {"request": hide(call.body), "bytes": endpoint.measure(call)}
            wire |= {"query": hide(dict(request.query))} if request.query else {}
            status, body = 200, endpoint.handler(self._state, call)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
            self._state.refused[endpoint.name] += 1
            self._note_refusal(endpoint, refusal)
        wire |= {"response": hide(body), "status": status, "at": self._state.clock.now().isoformat()}
        self._state.log.append(wire)
        return status, body

    def _note_refusal(self, endpoint: Endpoint, refusal: Refusal) -> None:
        if refusal.body.get("code") != NOT_EMULATED:
            log.info("%s refused: %s", endpoint.name, refusal)
            return
        log.warning("%s: %s", endpoint.name, refusal.body["message"])
        self._state.calls["not emulated"] += 1


def broken(fault: Fault, endpoint: Endpoint, request: web.Request) -> web.Response | None:
    """The answer a fault gives in place of the act, if it is of that kind."""
    if fault.kind == Kind.DROP:
        return cut(request)
    if fault.kind == Kind.HTML:
        return web.Response(text=PAGE, status=fault.status or 502, content_type="text/html")
    if fault.kind == Kind.STATUS:
        return web.json_response(fault.body or {}, status=fault.status or 503)
    if fault.kind == Kind.ERROR:
        old = isinstance(fault.code, int) or endpoint.family in {Family.OLD, Family.WEBHOOK}
        number = fault.code if isinstance(fault.code, int) else -1
        refusal = (
            refuse_oapi(number, fault.message or "系统繁忙")
            if old
            else refuse(str(fault.code), fault.message, status=fault.status or 400)
        )
        return web.json_response(refusal.body, status=refusal.status)
    return None


def cut(request: web.Request) -> web.Response:
    """Close the TCP connection; the response that is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
