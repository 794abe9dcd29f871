"""State of the fake ARL, response envelopes and payload validation."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from arl_sandbox.database import ArlDatabase
from arl_sandbox.errors import PayloadError

Json = dict[str, Any]

API_KEY = "arl-api-key"
TYPE_NAMES: Mapping[type, str] = {str: "string", list: "array", bool: "boolean"}


@dataclass(kw_only=True)
class ArlState:
    """A fake ARL and the behavior to simulate."""

    database: ArlDatabase
    fork: bool = False  # emulate the fork: cache, batch export, notification settings
    basic_auth: str = ""  # user:password required by a proxy in front of ARL
    tls: ssl.SSLContext | None = None
    no_auth: bool = False  # `ARL.AUTH: false`: no token required
    requests: list[str] = field(default_factory=list)
    lost_responses: set[str] = field(
        default_factory=set
    )  # paths whose next response is lost, after the call was executed
    delay_celery_id: bool = False  # a new task cannot be stopped yet
    ignore_stop: bool = False  # a stop responds with 200 and does nothing
    database_timeout: float = 30.0  # seconds until a call fails while the database is down
    cache_races: bool = False  # the fork's cache is not invalidated by writes


def envelope(code: int, message: str, data: object = None) -> web.Response:
    """Build the response envelope. The HTTP status is always 200."""
    return web.json_response({"message": message, "code": code, "data": {} if data is None else data})


def success(data: object = None) -> web.Response:
    return envelope(200, "success", data)


def internal_error() -> web.Response:
    return web.json_response({"message": "Internal Server Error"}, status=500)


def validation_error(errors: Mapping[str, str]) -> web.Response:
    return web.json_response({"errors": errors, "message": "Input payload validation failed"}, status=400)


async def read_payload(
    request: web.Request, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> Json:
    """Read the declared fields of the body. Raises `PayloadError`. The messages are assumed."""
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        raise PayloadError({"": "None is not of type 'object'"}) from None
    if not isinstance(body, dict):
        raise PayloadError({"": f"{body!r} is not of type 'object'"})
    errors = {name: f"{name!r} is a required property" for name in required if name not in body}
    for name, kind in {**required, **(optional or {})}.items():
        if name in body and not isinstance(body[name], kind):
            errors[name] = f"{body[name]!r} is not of type {TYPE_NAMES[kind]!r}"
    if errors:
        raise PayloadError(errors)
    return {name: body[name] for name in {**required, **(optional or {})} if name in body}
