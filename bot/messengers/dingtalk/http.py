"""HTTP transport of all calls to DingTalk: one shared session, with limits on time and size.

The SDK's own transport creates a TLS context and a session per call, which blocks the event loop, and loses
the HTTP status of errors. Only its models are used.
"""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from bot.errors import TemporaryError
from bot.messengers.dingtalk.errors import BAN_SECONDS, Banned, NotBilled, is_ban_page

TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
UPLOAD_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=5)
MAX_ANSWER_BYTES = 1024 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})

Answer = tuple[int, Mapping[str, Any]]


class Redirected(aiohttp.ClientError):
    """Redirect of a host. DingTalk's hosts do not redirect, so it could lead to an unsafe one."""


async def _refuse_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    answer = await handler(request)
    if answer.status in REDIRECTS:
        answer.close()
        raise Redirected
    return answer


def dingtalk_session() -> aiohttp.ClientSession:
    """Open the session of all calls to DingTalk, the WebSocket included. It follows no redirects."""
    return aiohttp.ClientSession(middlewares=[_refuse_redirects])


async def post_json(
    session: aiohttp.ClientSession,
    url: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a JSON body and return status and JSON object of the answer. Raises `TemporaryError`."""
    return await call(session, "POST", url, json=body, headers=headers)


async def call(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> Answer:
    """Send a request and return status and JSON object of the answer.

    Raises `TemporaryError`, with `uncertain` set if the request may have reached DingTalk. Its text never
    contains the URL, whose query may be a secret.
    """
    options.setdefault("timeout", TIMEOUT)
    try:
        async with session.request(method, url, allow_redirects=False, **options) as answer:
            raw = await answer.content.read(MAX_ANSWER_BYTES + 1)
            while len(raw) <= MAX_ANSWER_BYTES and (more := await answer.content.read(MAX_ANSWER_BYTES)):
                raw += more
            return answer.status, _object(answer.status, raw)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise NotBilled(f"DingTalk cannot be reached: {type(error).__name__}") from None
    except TimeoutError:
        raise TemporaryError("DingTalk did not answer in time", uncertain=True) from None
    except (aiohttp.ClientError, OSError) as error:
        raise TemporaryError(f"DingTalk's answer was lost: {type(error).__name__}", uncertain=True) from None


def _object(status: int, raw: bytes) -> Mapping[str, Any]:
    if len(raw) > MAX_ANSWER_BYTES:
        raise TemporaryError(
            f"DingTalk answered {status} with more than {MAX_ANSWER_BYTES} bytes", uncertain=True
        )
    if is_ban_page(raw):
        raise Banned(retry_after=BAN_SECONDS)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict) and body.get("punish") == "deny":
        raise Banned(retry_after=BAN_SECONDS)
    if not isinstance(body, dict):
        raise TemporaryError(f"DingTalk answered {status} with a body that is no JSON object", uncertain=True)
    return body
