"""The messenger of a service without DingTalk settings: logs what it would have sent, and sends nothing."""

import logging
from pathlib import Path

from bot.models import Destination, MarkdownMessage, Message, RenderedCard, SendResult
from bot.ports import Capabilities, Sending, TextRepeat, unmarked

log = logging.getLogger(__name__)

_NOTHING_SENT = SendResult(silent=True)


class SilentMessenger:
    """Implements the Messenger port by logging. `reason` says why nothing is sent."""

    capabilities = Capabilities(cards=True, files=True, text_bytes=12_000, text_repeat=TextRepeat.BY_KEY)

    def __init__(self, reason: str = "no DingTalk configured") -> None:
        self._reason = reason

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        log.info("not pushed, %s: card %s: %s", self._reason, card_id, card.headline)
        return _NOTHING_SENT

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        log.info("not pushed, %s: news of card %s: %s", self._reason, card_id, card.headline)

    async def send_message(
        self, destination: Destination, note: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        log.info("not pushed, %s: message %s: %s", self._reason, key, note.title)
        return _NOTHING_SENT

    async def upload(self, path: Path, name: str) -> str:
        log.info("not uploaded, %s: %s", self._reason, name)
        return ""

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        log.info("not pushed, %s: file %s", self._reason, name)
        return _NOTHING_SENT

    async def reply(
        self, message: Message, note: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        log.info("not answered, %s: %s", self._reason, note.title)
        return _NOTHING_SENT
