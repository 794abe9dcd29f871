"""Push messages to bots that receive by HTTP ("0718"): a signed request, and a reply in its response.

DingTalk waits 2.5 s ("1435"). What it does then is not documented: the sandbox pushes again, as for Stream.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from dataclasses import dataclass

import aiohttp

from dingtalk_sandbox.api.webhooks import post_reply
from dingtalk_sandbox.errors import ApiError, Json
from dingtalk_sandbox.redaction import is_too_deep, redact, redact_address
from dingtalk_sandbox.scenario import App
from dingtalk_sandbox.state import QuotaKind, SandboxState

log = logging.getLogger(__name__)
MAX_RESPONSE_BYTES = 1024 * 1024
REPLY_TYPES = frozenset({"text", "markdown", "actionCard", "feedCard"})
"""Messages that a response may be."""


def signature(secret: str, timestamp: str) -> str:
    """Return the header `sign` of a request: HMAC-SHA256 of timestamp, newline and secret, in base64."""
    signed = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A request to a bot, as the inspector shows it, and why the bot did not take it."""

    exchange: Json
    reply: Json
    why: str = ""  # "" = it was taken


class HttpReceiver:
    """Posts messages. `close` ends its connections."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self._session: aiohttp.ClientSession | None = None

    async def post(self, app: App, data: Json) -> Posted:
        """Post a message to the URL of an app. Every failure is told, none is raised."""
        stamp = str(self._state.clock.ms())
        body = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "timestamp": stamp,
            "sign": signature(app.secret, stamp),
        }
        status, answer, why = 0, b"", ""
        try:
            async with asyncio.timeout(self._state.settings.http_deadline):
                status, answer = await self._send(app.url, body, headers)
        except TimeoutError:
            why = "the bot did not answer in time"
        except (aiohttp.ClientError, OSError) as error:
            why = f"the bot cannot be reached: {type(error).__name__}"
        if status and not 200 <= status < 300:  # noqa: PLR2004 - HTTP success
            why = f"the bot answered with status {status}"
        reply = _parse_reply(answer)
        exchange = {
            "endpoint": f"POST {redact_address(app.url)}",
            "bucket": QuotaKind.STREAM.value,
            "limit": 0,
            "bytes": len(body),
            "request": {"headers": redact(headers), "data": redact(data)},
            "response": reply or {"body": answer.decode("utf-8", "replace")[:1000]},
            "status": status,
            "at": self._state.clock.now().isoformat(),
        }
        return Posted(exchange=exchange, reply={} if why else reply, why=why)

    async def _send(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            try:
                return response.status, await response.content.readexactly(MAX_RESPONSE_BYTES)
            except asyncio.IncompleteReadError as whole:
                return response.status, whole.partial

    def show_reply(self, app: App, conversation: str, posted: Posted) -> None:
        """Show the message that a response is, if it is one."""
        kind = posted.reply.get("msgtype")
        if kind in {None, "empty"}:
            return
        if kind not in REPLY_TYPES:
            log.warning("a response of msgtype %s is no reply", kind)
            return
        try:
            post_reply(self._state, app, conversation, posted.reply, posted.exchange)
        except ApiError as error:
            log.warning("the response of %s is no message: %s", app.key, error)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _parse_reply(answer: bytes) -> Json:
    try:
        value = json.loads(answer or b"{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and not is_too_deep(value) else {}
