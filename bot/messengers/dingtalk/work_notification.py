"""Messenger of work notifications (0769-asynchronous-sending-of-enterprise-session-messages).

Acceptance is not delivery: DingTalk silently drops a text that the person received within a day, and
throttles. The outcome is requested once (0773, getsendresult).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.checks.diagnosis import diagnose
from bot.messengers.dingtalk.errors import error_from_code
from bot.messengers.dingtalk.media import upload
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.models import Destination, MarkdownMessage, Message, RenderedCard, SendResult
from bot.ports import Capabilities, CheckResult, Checks, Sending, TextRepeat, unmarked
from bot.telemetry.rescues import Rescue, count_rescue

MAX_MESSAGE_BYTES = 2_048
CAPABILITIES = Capabilities(
    files=True,
    text_bytes=1_700,
    text_repeat=TextRepeat.BY_WORDS,
    max_file_bytes=10 * 1024 * 1024,  # 0775-message-types-and-data-format
)
OUTCOME_DELAY_SECONDS = 1.0  # until the outcome is requested
ASYNC = "/topapi/message/corpconversation/asyncsend_v2"
RESULT = "/topapi/message/corpconversation/getsendresult"

DUPLICATE_CODE = "143106"  # the same text today, so an earlier attempt delivered it
THROTTLED = frozenset({"143103", "143104"})  # per minute


class WorkNotificationMessenger:
    """Messenger over `/topapi/message/corpconversation/asyncsend_v2`. It sends no cards."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        tokens: Tokens,
        *,
        rate_limiter: NullRateLimiter | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._app = app
        self._sleep = sleep
        self._api = ApiClient(session, app, tokens, rate_limiter)

    def checks(self, groups: Sequence[str] = ()) -> Checks:
        return {}  # the app robot checks the keys, and only a message tries the agent

    def diagnose(self, error: DingRunError) -> CheckResult:
        return diagnose(error, self._app.app_key)

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        raise PermanentError("a work notification cannot be a card")

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        raise PermanentError("a work notification cannot be a card")

    async def send_message(
        self, destination: Destination, markdown: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        """Send a message. Idempotent: DingTalk drops a text that the person received within a day."""
        msg = {"msgtype": "markdown", "markdown": {"title": markdown.title, "text": markdown.text}}
        return await self._send(destination, msg, sending)

    async def upload(self, path: Path, name: str) -> str:
        return await upload(self._api, path, name)

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        return await self._send(destination, {"msgtype": "file", "file": {"media_id": media_id}}, sending)

    async def conversation_id(self, group: str) -> str:
        raise PermanentError("a work notification cannot find groups")

    async def reply(
        self, message: Message, markdown: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        raise PermanentError("a work notification cannot reply")

    async def _send(self, destination: Destination, msg: Mapping[str, Any], sending: Sending) -> SendResult:
        if self._app.agent_id is None:
            raise ConfigError("DINGDING.AGENT_ID is missing: work notifications need it")
        size = len(json.dumps(msg, ensure_ascii=False).encode())
        if size > MAX_MESSAGE_BYTES:
            raise PermanentError(
                f"a work notification has at most {MAX_MESSAGE_BYTES} bytes, this one has {size}"
            )
        body = {"agent_id": self._app.agent_id, "userid_list": destination.id, "msg": msg}
        answer = await self._api.oapi(ASYNC, body, sending=sending)
        task = answer.get("task_id")
        if not isinstance(task, int):
            raise TemporaryError("DingTalk's answer has no task_id", uncertain=True)
        problem = await self._outcome(task, destination.id)
        if problem:
            raise problem
        return SendResult(message_id=str(task))

    async def _outcome(self, task: int, person: str) -> DingRunError | None:
        """Return the error of a delivery, or None if it succeeded or is not known yet."""
        await self._sleep(OUTCOME_DELAY_SECONDS)
        try:
            answer = await self._api.oapi(RESULT, {"agent_id": self._app.agent_id, "task_id": task})
        except DingRunError:
            return None  # accepted, and nothing else is known
        result = answer.get("send_result")
        return error_from_send_result(result if isinstance(result, dict) else {}, person)


def error_from_send_result(result: Mapping[str, Any], person: str) -> DingRunError | None:
    """Return the error for one person, or None for delivered, duplicate or not known yet."""
    for entry in _entries(result.get("forbidden_list")):
        if str(entry.get("userid")) == person:
            return _error_from_code(str(entry.get("code")))
    if person in _names(result, "invalid_user_id_list"):
        return error_from_code("33012", f"DingTalk knows nobody with the userId {person}")
    if person in _names(result, "forbidden_user_id_list"):
        return PermanentError(
            "DingTalk does not deliver to this person (daily limit, or the same text today)"
        )
    if person in _names(result, "failed_user_id_list"):
        return TemporaryError("DingTalk could not deliver the work notification")
    return None


def _error_from_code(code: str) -> DingRunError | None:
    if code == DUPLICATE_CODE:
        count_rescue(Rescue.TEXT_KNOWN)
        return None
    if code in THROTTLED:
        return TemporaryError(f"work notifications are throttled ({code})", retry_after=60)
    return PermanentError(f"DingTalk does not deliver this work notification ({code})", code=code)


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _names(result: Mapping[str, Any], key: str) -> set[str]:
    value = result.get(key)
    return {str(name) for name in value} if isinstance(value, list) else set()
