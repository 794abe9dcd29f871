"""Read the bodies of control calls, and answer wrong ones with 400 `{"error": …}`."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.redaction import is_too_deep

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def read_body(request: web.Request) -> Any:
    """Read the JSON body, `{}` if it is empty. Raises `UsageError`."""
    try:
        value = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise UsageError("the body is not valid JSON") from None
    if is_too_deep(value):
        raise UsageError("the body is nested too deeply")
    return value


async def read_fields(request: web.Request, *names: str) -> list[str]:
    """Read the named string fields of a JSON body. Raises `UsageError`."""
    body = await read_body(request)
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in names):
        raise UsageError(f"expected {{{', '.join(names)}}}, all strings")
    return [body[name] for name in names]


def with_usage_errors(handler: Handler) -> Handler:
    async def guard(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except UsageError as problem:
            return web.json_response({"error": str(problem)}, status=400)

    return guard
