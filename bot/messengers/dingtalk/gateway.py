"""Stream gateway: open a ticket for a connection (open-dingtalk/developerpedia, learn/stream/protocol.md)."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from bot.errors import DingRunError, PermanentError, RateLimited, TemporaryError
from bot.messengers.dingtalk.auth import DingTalkApp
from bot.messengers.dingtalk.errors import Throttled, error_from_openapi
from bot.messengers.dingtalk.http import post_json

MESSAGES_TOPIC = "/v1.0/im/bot/messages/get"
TAPS_TOPIC = "/v1.0/card/instances/callback"

REFUSED_STATUSES = frozenset({400, 401, 403})  # the keys or the settings of the app are wrong


async def open_ticket(session: aiohttp.ClientSession, app: DingTalkApp) -> str:
    """Request the WebSocket URL of the Stream, with its ticket.

    The URL is a secret, valid for 90 s and one connection. Raises `PermanentError` if DingTalk rejects the
    keys of the app, else `TemporaryError`.
    """
    body = {
        "clientId": app.app_key,
        "clientSecret": app.app_secret,
        "subscriptions": _subscriptions((MESSAGES_TOPIC, TAPS_TOPIC)),
        "ua": "dingtalk-sdk-python/v0.24.3-dingrun",
    }
    url = f"{app.openapi_base}/v1.0/gateway/connections/open"
    status, answer = await post_json(session, url, body, headers={"Accept": "application/json"})
    if problem := _error_from_gateway(status, answer):
        raise problem
    endpoint, ticket = answer.get("endpoint"), answer.get("ticket")
    if not isinstance(endpoint, str) or not isinstance(ticket, str):
        raise TemporaryError(f"DingTalk answered {status} without endpoint and ticket")
    return _websocket_url(endpoint, ticket, secure=app.openapi_base.startswith("https"))


def _subscriptions(topics: Sequence[str]) -> list[dict[str, str]]:
    return [{"type": "CALLBACK", "topic": topic} for topic in topics]


def _error_from_gateway(status: int, answer: Mapping[str, Any]) -> DingRunError | None:
    problem = error_from_openapi(status, answer)
    if isinstance(problem, Throttled | RateLimited) or status not in REFUSED_STATUSES:
        return problem
    return PermanentError(str(problem), code=problem.code if problem else "")


def _websocket_url(endpoint: str, ticket: str, *, secure: bool) -> str:
    """Build the URL to connect to. Raises `TemporaryError` if the endpoint is not a WebSocket URL."""
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0
        url = f"{endpoint}?ticket={quote(ticket)}"
    except ValueError:  # brackets, an invalid port, a lone surrogate
        valid, parts, url = False, urlsplit(""), ""
    if valid and secure and parts.scheme != "wss":
        raise TemporaryError("DingTalk's Stream endpoint does not use wss://")
    if not valid:
        raise TemporaryError("DingTalk's Stream endpoint is not a valid URL")
    return url
