"""Endpoints that are closed to new apps, and what answers the ones that are not emulated: stubs, or a 501."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from aiohttp import web

from dingtalk_sandbox import errors
from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family, Pipeline
from dingtalk_sandbox.errors import Json, missing_scope, oapi_error
from dingtalk_sandbox.scene.stubs import Stub, fill
from dingtalk_sandbox.state import SandboxState

log = logging.getLogger(__name__)

CLOSED_ENDPOINTS = (  # closed to apps that did not use them before ("1474" to "1477", "1480")
    ("POST", "/v1.0/im/v1.0/robot/interactiveCards/send"),
    ("PUT", "/v1.0/im/robots/interactiveCards"),
    ("POST", "/v1.0/im/interactiveCards/send"),
    ("PUT", "/v1.0/im/interactiveCards"),
    ("POST", "/v1.0/im/interactiveCards/templates/send"),
)


def _closed(_: SandboxState, __: Call) -> Json:
    raise missing_scope("qyapi_chat_manage.legacy")


def _closed_chat(_: SandboxState, __: Call) -> Json:
    """`/chat/send` is closed to apps without prior use since 2022-09-23 ("1488")."""
    raise oapi_error(60011, "没有调用该接口的权限")


def closed_endpoints() -> tuple[Endpoint, ...]:
    new = [Endpoint(method=m, path=p, handler=_closed, is_closed=True) for m, p in CLOSED_ENDPOINTS]
    old = Endpoint(method="POST", path="/chat/send", handler=_closed_chat, family=Family.OLD, is_closed=True)
    return (*new, old)


def _is_old(request: web.Request) -> bool:
    """Return True for a path of the old API: all of the new one begin with a version."""
    return not request.path.startswith(("/v1.0/", "/v2.0/"))


def _find_stub(state: SandboxState, request: web.Request) -> Endpoint | None:
    """Return an endpoint that answers as the scene says. It needs a token as any other call."""
    for stub in state.scenario.stubs:
        parts = stub.match(request.method, request.path)
        if parts is not None:
            family = Family.OLD if _is_old(request) else Family.NEW
            return Endpoint(
                method=stub.method, path=stub.path, handler=partial(_answer, stub, parts), family=family
            )
    return None


def _answer(stub: Stub, parts: Mapping[str, str], state: SandboxState, call: Call) -> Json:
    values = {
        "path": parts, "query": dict(call.query), "body": call.body, "now": state.clock.ms(),
        "id": secrets.token_hex(16),
    }  # fmt: skip
    body: Json = fill(stub.body, values)
    if stub.status != 200:  # noqa: PLR2004 - OK
        raise errors.ApiError(stub.status, body)
    return body


def unsupported(
    state: SandboxState, pipeline: Pipeline
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/_sandbox/"):
            return web.json_response({"error": f"no such call: {request.method} {request.path}"}, status=404)
        if request.path in {"/robot/send", "/robot/sendBySession"}:
            return web.json_response({"errcode": 43002, "errmsg": "需要POST请求"})
        if stub := _find_stub(state, request):
            return await pipeline.serve(stub, request)
        log.warning("not emulated: %s %s", request.method, request.path)
        state.call_counts["not emulated"] += 1
        error = errors.not_emulated(f"{request.method} {request.path}", old=_is_old(request))
        return web.json_response(error.body, status=error.status)

    return handle
