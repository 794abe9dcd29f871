"""The fake messenger: an app robot in groups and one-to-one chats, without DingTalk."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from bot.errors import CardUndeliveredError, DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.media import EXTENSIONS
from bot.messengers.dingtalk.robot import CAPABILITIES as OPENAPI
from bot.messengers.dingtalk.webhook import WebhookMessenger
from bot.messengers.dingtalk.work_notification import WorkNotificationMessenger
from bot.models import Destination, DestinationKind, MarkdownMessage, Message, RenderedCard, SendResult
from bot.ports import CheckResult, Checks, CheckStatus, Messenger, Sending, unmarked


class AnswerLost(TemporaryError):
    """The request was executed, but its answer was lost."""

    def __init__(self) -> None:
        super().__init__("no answer", uncertain=True)


def _no_effect() -> None:
    """Change nothing that people see."""


class FakeMessenger:
    """Messenger that records what it sends, and keeps what people see.

    - `trouble`: errors of the next calls, None for a success.
    - `trouble_with`: errors of the next calls of one method.
    - `old_ids`: conversations by the old chatId of a group.
    - `setup_faults`: destinations that nothing reaches, and why, such as `robot_not_in_group`.
    - `unknown_templates`: templates of which DingTalk creates no card.
    """

    capabilities = OPENAPI

    def __init__(self) -> None:
        self.cards: dict[str, RenderedCard] = {}  # that exist, visible or not
        self.shown: dict[str, list[tuple[str, str]]] = defaultdict(list)  # what people see: verb and what
        self.sent: list[tuple[str, str, str]] = []  # verb, destination or card, what
        self.trouble: list[Exception | None] = []
        self.trouble_with: dict[str, list[Exception]] = {}
        self.mentioned: list[tuple[str, ...]] = []  # in messages
        self.answers: list[MarkdownMessage] = []
        self.old_ids: dict[str, str] = {}  # conversations by chatId
        self.setup_faults: dict[str, str] = {}
        self.unknown_templates: set[str] = set()
        self.media: set[str] = set()
        self._converted: set[str] = set()

    def _act(
        self,
        verb: str,
        where: str,
        what: str,
        effect: Callable[[], None] = _no_effect,
        effect_if_lost: Callable[[], None] | None = None,
    ) -> SendResult:
        """Do what a request does, or raise the error that comes. A lost answer tells of no other one."""
        coming = self.trouble_with.get(verb) or self.trouble
        error = coming.pop(0) if coming else None
        if error and not isinstance(error, AnswerLost):
            raise error
        try:
            (effect_if_lost or effect if error else effect)()
        except PermanentError:
            if not error:
                raise
        if error:
            raise error
        self.sent.append((verb, where, what))
        return SendResult(message_id=f"message{len(self.sent)}")

    def _show(self, destination: Destination, verb: str, what: str) -> None:
        """Let people see something. A card is visible once."""
        conversation = f"{destination.kind}:{self.old_ids.get(destination.id, destination.id)}"
        if fault := self.setup_faults.get(conversation):
            raise PermanentError(f"not delivered to {conversation}", setup_fault=fault)
        if verb != "card" or (verb, what) not in self.shown[conversation]:
            self.shown[conversation].append((verb, what))

    def checks(self, groups: Sequence[str] = ()) -> Checks:
        return {}

    def diagnose(self, error: DingRunError) -> CheckResult:
        return CheckResult(status=CheckStatus.FAIL, detail=str(error))

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        exists = created or card_id in self.cards

        def deliver() -> None:
            if not created and card.template_id in self.unknown_templates:
                raise PermanentError("no such template", code="param.templateNotExist", template=True)
            if not exists:
                self.cards[card_id] = card
            if card_id not in self.cards:
                raise PermanentError("no such card", code="param.cardNotExist")
            self._show(destination, "card", card_id)

        verb, not_told = ("deliver", not created) if exists else ("card", False)
        if_lost = _no_effect if not_told else deliver  # a card is delivered once it is known to exist
        try:
            result = self._act(verb, str(destination), card_id, deliver, if_lost)
        except CardUndeliveredError:
            self.cards.setdefault(card_id, card)
            raise
        return replace(result, existed=exists)

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        def update() -> None:
            if card_id not in self.cards:
                raise PermanentError("no such card", code="param.cardNotExist")
            self.cards[card_id] = replace(card, params={**self.cards[card_id].params, **card.params})

        self._act("update", card_id, card.headline, update)

    async def send_message(
        self, destination: Destination, markdown: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        if len(markdown.text.encode()) > self.capabilities.text_bytes:
            raise PermanentError("the message is too long")
        async with sending():
            result = self._act(
                "note",
                str(destination),
                markdown.text,
                lambda: self._show(destination, "note", markdown.text),
            )
        self.mentioned.append(markdown.mention)
        return result

    async def upload(self, path: Path, name: str) -> str:
        if name.rpartition(".")[2].lower() not in EXTENSIONS:
            raise PermanentError(f"{name} is of a type that is not accepted", code="40005")
        media_id = self._act("upload", name, "").message_id
        self.media.add(media_id)
        return media_id

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        def send() -> None:
            if media_id not in self.media:
                raise PermanentError("no such file", code="invalidParameter.param.invalid")
            self._show(destination, "file", name)

        async with sending():
            return self._act("file", str(destination), name, send)

    async def conversation_id(self, group: str) -> str:
        if not group.startswith("chat") or group in self._converted:
            return self.old_ids.get(group, group)
        if group not in self.old_ids:
            raise PermanentError("no such group", setup_fault="wrong_group")
        self._act("convert", group, self.old_ids[group])
        self._converted.add(group)
        return self.old_ids[group]

    async def reply(
        self, message: Message, markdown: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        async with sending():
            result = self._act("reply", message.conversation_id, markdown.text)
        self.answers.append(markdown)
        return result

    def verbs(self) -> list[str]:
        return [verb for verb, _, _ in self.sent]


CAPABILITIES = {
    DestinationKind.GROUP: OPENAPI,
    DestinationKind.USER: OPENAPI,
    DestinationKind.WORK: WorkNotificationMessenger.capabilities,
    DestinationKind.WEBHOOK: WebhookMessenger.capabilities,
}


class FakeChannel:
    """Fake messenger with the capabilities of one kind of destination."""

    def __init__(self, messenger: FakeMessenger, kind: DestinationKind) -> None:
        self._messenger = messenger
        self.capabilities = CAPABILITIES[kind]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._messenger, name)


def fake_channel(messenger: Messenger, kind: DestinationKind) -> Messenger:
    """Return a fake messenger with the capabilities of a kind, or a real messenger unchanged."""
    return (
        cast(Messenger, FakeChannel(messenger, kind)) if isinstance(messenger, FakeMessenger) else messenger
    )
