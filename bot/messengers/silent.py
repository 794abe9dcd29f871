"""Messenger of a service without DingTalk settings: it logs messages instead of sending them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from bot.errors import DingRunError
from bot.models import Destination, MarkdownMessage, Message, RenderedCard, SendResult
from bot.ports import Capabilities, CheckResult, Checks, CheckStatus, Sending, TextRepeat, unmarked

log = logging.getLogger(__name__)

_NOT_SENT = SendResult(silent=True)


class SilentMessenger:
    """Messenger that logs. `reason` tells why nothing is sent."""

    capabilities = Capabilities(cards=True, files=True, text_bytes=12_000, text_repeat=TextRepeat.BY_KEY)

    def __init__(self, reason: str = "no DingTalk configured") -> None:
        self._reason = reason

    def checks(self, groups: Sequence[str] = ()) -> Checks:
        return {"消息通道 / channels": self._check_configured}

    async def _check_configured(self) -> CheckResult:
        return CheckResult(status=CheckStatus.SKIPPED, detail="没有配置，只写日志 / not configured, log only")

    def diagnose(self, error: DingRunError) -> CheckResult:
        return CheckResult(status=CheckStatus.FAIL, detail=str(error))

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        log.info("not pushed, %s: card %s: %s", self._reason, card_id, card.headline)
        return _NOT_SENT

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        log.info("not pushed, %s: update of card %s: %s", self._reason, card_id, card.headline)

    async def send_message(
        self, destination: Destination, markdown: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        log.info("not pushed, %s: message %s: %s", self._reason, key, markdown.title)
        return _NOT_SENT

    async def upload(self, path: Path, name: str) -> str:
        log.info("not uploaded, %s: %s", self._reason, name)
        return ""

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        log.info("not pushed, %s: file %s", self._reason, name)
        return _NOT_SENT

    async def conversation_id(self, group: str) -> str:
        return group

    async def reply(
        self, message: Message, markdown: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        log.info("not answered, %s: %s", self._reason, markdown.title)
        return _NOT_SENT
