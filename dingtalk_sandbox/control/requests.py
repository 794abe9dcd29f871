"""Read the bodies of control calls, and answer wrong ones with 400 `{"error": …}`."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, RootModel, ValidationError

from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.redaction import is_too_deep

B = TypeVar("B", bound=BaseModel)
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


async def read_model(request: web.Request, model: type[B]) -> B:
    """Read a JSON body. Raises `UsageError` that names the fields and the first wrong one."""
    await read_body(request)
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        told = f"{place}: {first['msg']}" if place else first["msg"]
        fields = "" if issubclass(model, RootModel) else f"expected {{{', '.join(model.model_fields)}}}; "
        raise UsageError(fields + told) from None


def with_usage_errors(handler: Handler) -> Handler:
    async def guard(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except UsageError as problem:
            return web.json_response({"error": str(problem)}, status=400)

    return guard
