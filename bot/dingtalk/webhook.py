"""Custom group robots (0717): signed, and safe to repeat by their `msgUuid`."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from bot.dingtalk.faults import of_oapi
from bot.dingtalk.http import call
from bot.errors import Permanent
from bot.models import CardView, Clock, Destination, Message, Note, Receipt, derived_id

DEFAULT_BASE = "https://oapi.dingtalk.com"


def sign(secret: str, milliseconds: int) -> str:
    """The signature of a request at this time (guide-0081): base64, to be URL-encoded once."""
    text = f"{milliseconds}\n{secret}"
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


class WebhookMessenger:
    """The Messenger port over `/robot/send`: notes only. `robots`: name to access token and secret."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        robots: Mapping[str, tuple[str, str]],
        *,
        clock: Clock,
        base: str = DEFAULT_BASE,
    ) -> None:
        self._session = session
        self._robots = robots
        self._clock = clock
        self._base = base

    async def send_card(self, destination: Destination, card: CardView, card_id: str) -> Receipt:
        raise Permanent("a custom robot cannot show interactive cards")

    async def update_card(self, card_id: str, card: CardView) -> None:
        raise Permanent("a custom robot cannot show interactive cards")

    async def send_note(self, destination: Destination, note: Note, key: str) -> Receipt:
        if destination.id not in self._robots:
            raise Permanent(f"there is no robot {destination.id} in notify.webhooks")
        token, secret = self._robots[destination.id]
        query = {"access_token": token}
        if secret:
            now = int(self._clock().timestamp() * 1000)
            query |= {"timestamp": str(now), "sign": sign(secret, now)}
        uuid = derived_id("", key, length=32)
        body = {
            "msgtype": "markdown",
            "markdown": {"title": note.title, "text": note.text},
            "msgUuid": uuid,
        }
        _, answer = await call(self._session, "POST", f"{self._base}/robot/send", params=query, json=body)
        problem = of_oapi(answer)
        if problem:
            raise problem
        return Receipt(message_id=uuid)

    async def upload(self, path: Path, name: str) -> str:
        raise Permanent("a custom robot cannot send files")

    async def send_file(self, destination: Destination, media_id: str, name: str) -> Receipt:
        raise Permanent("a custom robot cannot send files")

    async def reply(self, message: Message, note: Note) -> Receipt:
        raise Permanent("a custom robot cannot answer")
