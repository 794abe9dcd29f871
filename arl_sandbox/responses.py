"""What ARL's API is asked and answers: switches of the fake, envelopes, and the check of payloads."""

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
    """One ARL and how it is to behave."""

    database: ArlDatabase
    fork: bool = False  # with its cache of a minute, its batch export, its switches for pushing
    basic_auth: str = ""  # user:password that the proxy before it demands
    tls: ssl.SSLContext | None = None
    no_auth: bool = False  # `ARL.AUTH: false`: nobody is asked for a token
    requests: list[str] = field(default_factory=list)
    lost_responses: set[str] = field(default_factory=set)  # paths whose next answer is lost, after the deed
    delay_celery_id: bool = False  # a task that was just made cannot be stopped
    ignore_stop: bool = False  # it says 200 and nothing happens
    database_timeout: float = 30.0  # seconds until a call without ARL's database fails
    cache_races: bool = False  # reads race writes: what the fork has cached stays for its minute


def envelope(code: int, message: str, data: object = None) -> web.Response:
    """The envelope of an act. HTTP says 200 whatever the code is."""
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
    """The body, with the fields that the call declares. Raises `Invalid`; the words are chosen."""
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
