"""The request pipeline: faults, token, scope, limits, quota, and the record for the inspector.

An `Endpoint` declares its path, error format, scope, quota and handler. A handler is a plain function of the
state and the call. It returns the body of the response or raises `ApiError`.
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
    NOT_EMULATED_CODE,
    ApiError,
    Json,
    api_error,
    invalid_authentication,
    ip_not_allowed,
    limit_exceeded,
    missing_scope,
    new_request_id,
    oapi_error,
)
from dingtalk_sandbox.faults import Fault, FaultKind
from dingtalk_sandbox.redaction import is_too_deep, redact
from dingtalk_sandbox.scenario import App
from dingtalk_sandbox.state import QuotaKind, SandboxState

log = logging.getLogger(__name__)

BAD_GATEWAY_PAGE = (
    "<!DOCTYPE html><html><head><title>502</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)


API_HOST = "api.dingtalk.com"
OAPI_HOST = "oapi.dingtalk.com"


class Family(StrEnum):
    NEW = "new"  #: api.dingtalk.com: token in a header, errors with an HTTP status and a code
    OLD = "old"  #: oapi.dingtalk.com: token in the URL, errors with HTTP 200 and an errcode
    OPEN = "open"  #: token endpoints and the gateway: no token, errors as in NEW
    WEBHOOK = "webhook"  #: no token, errors as in OLD


@dataclass(kw_only=True)
class Call:
    """One request as a handler sees it."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    raw: bytes
    exchange: Json = field(default_factory=dict)
    _app: App | None = None

    @property
    def host(self) -> str:
        """The host name under which the client reached the sandbox."""
        return self.headers.get("Host", "").partition(":")[0].lower()

    @property
    def app(self) -> App:
        """The app that the token belongs to."""
        if self._app is None:
            raise api_error("unauthorized", status=401)
        return self._app

    def warn(self, text: str) -> None:
        """Log that the call works and is not as documented. The inspector shows it as well."""
        self.exchange.setdefault("warnings", []).append(text)
        log.warning("%s: %s", self.exchange.get("endpoint"), text)


Handler = Callable[[SandboxState, Call], Any]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    method: str
    path: str
    handler: Handler
    family: Family = Family.NEW
    scope: str = ""
    quota_kind: QuotaKind = QuotaKind.API
    malformed_code: str = "param.invalid"  # code for a body that is not a JSON object
    size_limit: int = 0  # in bytes, shown by the inspector
    measure_size: Callable[[Call], int] = lambda call: len(call.raw)
    takes_body: bool = True
    is_closed: bool = False  # rejects every call, as DingTalk does for new apps

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def host(self) -> str:
        """The host that has it at DingTalk ("0013")."""
        return API_HOST if self.family in {Family.NEW, Family.OPEN} else OAPI_HOST


def authenticate(state: SandboxState, endpoint: Endpoint, request: web.Request) -> App | None:
    """Find the app of the token. Raises `ApiError`.

    The new API does not distinguish expired from unknown tokens.
    """
    if endpoint.family not in {Family.NEW, Family.OLD}:
        return None
    new = endpoint.family == Family.NEW
    value = request.headers.get("x-acs-dingtalk-access-token") if new else request.query.get("access_token")
    token = state.tokens.get(value or "")
    if token and token.expires > state.clock.now():
        app = state.scenario.app(token.app.key) or token.app
        if app.allowed_ips and request.remote not in app.allowed_ips:
            raise ip_not_allowed(new=new)
        return app
    if new:
        raise invalid_authentication(state.settings.bad_token_status if value else 401)
    if not value:
        raise oapi_error(41001, "缺少access_token")
    raise oapi_error(42001, "access_token超时") if token else oapi_error(40014, "不合法的access_token")


def check_limits(state: SandboxState, endpoint: Endpoint, app: App | None) -> None:
    """Check scope, calls per second and monthly quota, and count the call. Raises `ApiError`."""
    new = endpoint.family != Family.OLD
    if app and endpoint.scope and endpoint.scope not in app.scopes:
        raise missing_scope(endpoint.scope) if new else oapi_error(60011, "没有调用该接口的权限")
    if app and state.is_over_qps(app, endpoint.name):
        text = "您的企业调用该接口过于频繁"
        raise limit_exceeded("QpsLimitForAppkeyAndApi") if new else oapi_error(90018, text)
    if app and state.is_exhausted(endpoint.quota_kind):
        raise (
            limit_exceeded("ApiCountLimitForOrg") if new else oapi_error(90020, "您的企业本月调用次数已用完")
        )
    if app:
        state.count_call(endpoint.quota_kind)


def parse_body(endpoint: Endpoint, request: web.Request, raw: bytes) -> Json:
    """Parse the body as a JSON object or a form. Raises `ApiError`."""
    if not endpoint.takes_body or (endpoint.method == "GET"):
        return {}
    new = endpoint.family in {Family.NEW, Family.OPEN}
    wrong = api_error(endpoint.malformed_code) if new else oapi_error(40035, "不合法的参数")
    if not new and request.content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(raw.decode("utf-8", "replace")))
    try:
        value = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(value, dict) or is_too_deep(value):
        raise wrong
    return value


def is_true(value: object) -> bool:
    """Return True for a true value, as JSON or, in a form of the old API, as a text."""
    return str(value).lower() == "true"


def oapi_answer(**fields: object) -> Json:
    """Build an answer of the old API to a call that succeeded."""
    return {"errcode": 0, "errmsg": "ok", **fields, "request_id": new_request_id().lower()}


class Pipeline:
    """Turns endpoints into aiohttp handlers."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def handler(self, endpoint: Endpoint) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.serve(endpoint, request)

        return handle

    async def serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self._state.call_counts[endpoint.name] += 1
        faults = self._state.faults.consume(f"{endpoint.name} {request.path}")
        await asyncio.sleep(sum(f.ms for f in faults if f.kind == FaultKind.LATENCY) / 1000)
        for fault in faults:
            if (answer := fault_response(fault, endpoint, request)) is not None:
                self._record_fault(endpoint, fault, answer.status)
                return answer
        raw = await request.read()
        status, body = self._call_endpoint(endpoint, request, raw)
        if any(f.kind == FaultKind.LOSE_ANSWER for f in faults):
            return abort_connection(request)
        if isinstance(body, str):
            return web.Response(text=body, status=status, content_type="application/xml")
        return web.json_response(body, status=status)

    def _record_fault(self, endpoint: Endpoint, fault: Fault, status: int) -> None:
        """Record a call that a fault prevented."""
        at = self._state.clock.now().isoformat()
        exchange: Json = {"endpoint": endpoint.name, "bucket": QuotaKind.FREE.value, "bytes": 0, "limit": 0}
        self._state.record_call(
            exchange | {"request": {}, "response": {"fault": fault.kind.value}, "status": status, "at": at}
        )

    def _call_endpoint(self, endpoint: Endpoint, request: web.Request, raw: bytes) -> tuple[int, Any]:
        exchange: Json = {
            "endpoint": endpoint.name,
            "bucket": endpoint.quota_kind.value,
            "bytes": 0,
            "limit": endpoint.size_limit,
        }
        try:
            app = authenticate(self._state, endpoint, request)
            check_limits(self._state, endpoint, app)
            call = Call(
                path=request.match_info, query=request.query, headers=request.headers, raw=raw,
                body=parse_body(endpoint, request, raw), exchange=exchange, _app=app,
            )  # fmt: skip
            exchange |= {"request": redact(call.body), "bytes": endpoint.measure_size(call)}
            exchange |= {"query": redact(dict(request.query))} if request.query else {}
            status, body = 200, endpoint.handler(self._state, call)
        except ApiError as error:
            status, body = error.status, error.body
            self._state.error_counts[endpoint.name] += 1
            self._log_error(endpoint, error)
        exchange |= {"response": redact(body), "status": status, "at": self._state.clock.now().isoformat()}
        self._state.record_call(exchange)
        return status, body

    def _log_error(self, endpoint: Endpoint, error: ApiError) -> None:
        if error.body.get("code") != NOT_EMULATED_CODE:
            log.info("%s rejected: %s", endpoint.name, error)
            return
        log.warning("%s: %s", endpoint.name, error.body["message"])
        self._state.call_counts["not emulated"] += 1


def fault_response(fault: Fault, endpoint: Endpoint, request: web.Request) -> web.Response | None:
    """Return the response of a fault that replaces the call, or None if it does not."""
    if fault.kind == FaultKind.DROP:
        return abort_connection(request)
    if fault.kind == FaultKind.HTML:
        return web.Response(text=BAD_GATEWAY_PAGE, status=fault.status or 502, content_type="text/html")
    if fault.kind == FaultKind.STATUS:
        return web.json_response(fault.body or {}, status=fault.status or 503)
    if fault.kind == FaultKind.ERROR:
        old = isinstance(fault.code, int) or endpoint.family in {Family.OLD, Family.WEBHOOK}
        number = fault.code if isinstance(fault.code, int) else -1
        error = (
            oapi_error(number, fault.message or "系统繁忙")
            if old
            else api_error(str(fault.code), fault.message, status=fault.status or 400)
        )
        return web.json_response(error.body, status=error.status)
    return None


def abort_connection(request: web.Request) -> web.Response:
    """Abort the TCP connection. The returned response is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
