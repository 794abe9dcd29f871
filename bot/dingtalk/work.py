"""Work notifications (0769-asynchronous-sending-of-enterprise-session-messages)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from bot.dingtalk.calls import Calls
from bot.dingtalk.media import upload
from bot.dingtalk.token import App, Tokens
from bot.errors import ConfigError, Permanent
from bot.models import CardView, Destination, Message, Note, Receipt

MSG_BYTES = 2_048


class WorkMessenger:
    """The Messenger port over `/topapi/message/corpconversation/asyncsend_v2`: notes and files, no cards."""

    def __init__(self, session: aiohttp.ClientSession, app: App, tokens: Tokens) -> None:
        self._app = app
        self._calls = Calls(session, app, tokens)

    async def send_card(self, destination: Destination, card: CardView, card_id: str) -> Receipt:
        raise Permanent("a work notification cannot be a card")

    async def update_card(self, card_id: str, card: CardView) -> None:
        raise Permanent("a work notification cannot be a card")

    async def send_note(self, destination: Destination, note: Note, key: str) -> Receipt:
        """The same text to the same person is dropped by DingTalk within a day, so a repeat is harmless."""
        msg = {"msgtype": "markdown", "markdown": {"title": note.title, "text": note.text}}
        return await self._send(destination, msg)

    async def upload(self, path: Path, name: str) -> str:
        return await upload(self._calls, path, name)

    async def send_file(self, destination: Destination, media_id: str, name: str) -> Receipt:
        return await self._send(destination, {"msgtype": "file", "file": {"media_id": media_id}})

    async def reply(self, message: Message, note: Note) -> Receipt:
        raise Permanent("a work notification is no answer")

    async def _send(self, destination: Destination, msg: Mapping[str, Any]) -> Receipt:
        if self._app.agent_id is None:
            raise ConfigError("DINGDING.AGENT_ID is missing: work notifications need it")
        size = len(json.dumps(msg, ensure_ascii=False).encode())
        if size > MSG_BYTES:
            raise Permanent(f"a work notification takes {MSG_BYTES} bytes, this one has {size}")
        body = {"agent_id": self._app.agent_id, "userid_list": destination.id, "msg": msg}
        answer = await self._calls.oapi("/topapi/message/corpconversation/asyncsend_v2", body)
        return Receipt(message_id=str(answer.get("task_id", "")))
