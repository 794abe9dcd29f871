"""Work notifications (0769-asynchronous-sending-of-enterprise-session-messages).

Acceptance is not delivery: DingTalk drops a text that the person had within a day, and throttles, without
saying so in its answer. What became of it is asked once (0773, getsendresult).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.errors import refusal
from bot.messengers.dingtalk.media import upload
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.models import Destination, MarkdownMessage, Message, RenderedCard, SendResult
from bot.ports import Capabilities, Sending, TextRepeat, unmarked

MSG_BYTES = 2_048
CAPABILITIES = Capabilities(
    files=True,
    text_bytes=1_700,
    text_repeat=TextRepeat.BY_WORDS,
    max_file_bytes=10 * 1024 * 1024,  # 0775-message-types-and-data-format
)
VERDICT_AFTER = 1.0  # seconds that DingTalk is given to come to one
ASYNC = "/topapi/message/corpconversation/asyncsend_v2"
RESULT = "/topapi/message/corpconversation/getsendresult"

DUPLICATE_CODE = "143106"  # the same text today: a repeat of ours, so it is there
THROTTLED = frozenset({"143103", "143104"})  # per minute


class WorkNotificationMessenger:
    """The Messenger port over `/topapi/message/corpconversation/asyncsend_v2`: notes and files, no cards."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        tokens: Tokens,
        *,
        meter: NullRateLimiter | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._app = app
        self._sleep = sleep
        self._calls = ApiClient(session, app, tokens, meter)

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        raise PermanentError("a work notification cannot be a card")

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        raise PermanentError("a work notification cannot be a card")

    async def send_message(
        self, destination: Destination, note: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        """The same text to the same person is dropped by DingTalk within a day, so a repeat is harmless."""
        msg = {"msgtype": "markdown", "markdown": {"title": note.title, "text": note.text}}
        return await self._send(destination, msg, sending)

    async def upload(self, path: Path, name: str) -> str:
        return await upload(self._calls, path, name)

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        return await self._send(destination, {"msgtype": "file", "file": {"media_id": media_id}}, sending)

    async def reply(
        self, message: Message, note: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        raise PermanentError("a work notification is no answer")

    async def _send(self, destination: Destination, msg: Mapping[str, Any], sending: Sending) -> SendResult:
        if self._app.agent_id is None:
            raise ConfigError("DINGDING.AGENT_ID is missing: work notifications need it")
        size = len(json.dumps(msg, ensure_ascii=False).encode())
        if size > MSG_BYTES:
            raise PermanentError(f"a work notification takes {MSG_BYTES} bytes, this one has {size}")
        body = {"agent_id": self._app.agent_id, "userid_list": destination.id, "msg": msg}
        answer = await self._calls.oapi(ASYNC, body, sending=sending)
        task = answer.get("task_id")
        if not isinstance(task, int):
            raise TemporaryError("DingTalk's answer holds no task_id", uncertain=True)
        problem = await self._verdict(task, destination.id)
        if problem:
            raise problem
        return SendResult(message_id=str(task))

    async def _verdict(self, task: int, person: str) -> DingRunError | None:
        """What became of it, or None when it arrived, or when DingTalk cannot tell yet."""
        await self._sleep(VERDICT_AFTER)
        try:
            answer = await self._calls.oapi(RESULT, {"agent_id": self._app.agent_id, "task_id": task})
        except DingRunError:
            return None  # it was accepted, and that is what is known
        result = answer.get("send_result")
        return verdict(result if isinstance(result, dict) else {}, person)


def verdict(result: Mapping[str, Any], person: str) -> DingRunError | None:
    """What a `send_result` says of one person; None for delivered, had already, or not known yet."""
    for entry in _entries(result.get("forbidden_list")):
        if str(entry.get("userid")) == person:
            return _forbidden(str(entry.get("code")))
    if person in _names(result, "invalid_user_id_list"):
        return refusal("33012", f"DingTalk knows nobody with the userId {person}")
    if person in _names(result, "forbidden_user_id_list"):
        return PermanentError(
            "DingTalk does not deliver to this person (daily limit, or the same text today)"
        )
    if person in _names(result, "failed_user_id_list"):
        return TemporaryError("DingTalk could not deliver the work notification")
    return None


def _forbidden(code: str) -> DingRunError | None:
    if code == DUPLICATE_CODE:
        return None
    if code in THROTTLED:
        return TemporaryError(f"work notifications are throttled ({code})", retry_after=60)
    return PermanentError(f"DingTalk does not deliver this work notification ({code})", code=code)


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _names(result: Mapping[str, Any], key: str) -> set[str]:
    value = result.get(key)
    return {str(name) for name in value} if isinstance(value, list) else set()
