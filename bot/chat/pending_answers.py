"""Remember what DingRun asked or listed last, to understand a reply such as `2` or `确认`.

Each person has one pending question or list in each conversation. A later one replaces it.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bot.models import Clock, Message
from bot.ports import Store

QUESTION_TTL = timedelta(minutes=10)  # a confirmation or "which one?"
LIST_TTL = timedelta(hours=12)

CONFIRMATIONS = frozenset([
    "1",
    "确认",
    "确定",
    "是",
    "是的",
    "对",
    "好",
    "好的",
    "yes",
    "y",
    "ok",
    "okay",
    "confirm",
])
CANCELLATIONS = frozenset(["取消", "不", "否", "不用", "不要", "算了", "no", "n", "cancel"])

_NUMBER = re.compile(r"(?:#|第)? ?(\d{1,2})(?: ?[个条号])?")


class PendingKind(StrEnum):
    LIST = "list"  #: a number shows the item
    CHOICE = "choice"  #: a number repeats the command with the item
    CONFIRMATION = "confirmation"  #: a confirmation repeats the command, once


class Pending(BaseModel):
    """Question or list that a reply may refer to."""

    model_config = ConfigDict(frozen=True)

    kind: PendingKind
    command: str  # first word of the command that a reply stands for
    arguments: tuple[str, ...]  # by number
    message_id: str  # message that was answered by the question or list
    asked_at: AwareDatetime
    answered_by: str = ""  # message that confirmed or ended it

    def is_open(self, now: datetime, message_id: str = "") -> bool:
        """Return whether a reply still counts. A message that is processed again counts again."""
        ttl = LIST_TTL if self.kind is PendingKind.LIST else QUESTION_TTL
        return now - self.asked_at <= ttl and self.answered_by in {"", message_id}

    def argument(self, text: str) -> str | None:
        """Return the argument that a number stands for, or None."""
        number = _NUMBER.fullmatch(text)
        position = int(number[1]) if number and self.kind is not PendingKind.CONFIRMATION else 0
        return self.arguments[position - 1] if 0 < position <= len(self.arguments) else None


class PendingAnswers:
    """The last question or list of each person in each conversation."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def remember_list(self, message: Message, ids: Sequence[str], *, command: str) -> None:
        """Keep a list that the answer to this message shows. A number then runs `command` with the item."""
        if ids:
            await self._remember(message, PendingKind.LIST, command, ids)

    async def ask_which(self, message: Message, ids: Sequence[str], *, command: str) -> None:
        """Keep the items that the person may choose from, for the command that could mean several."""
        await self._remember(message, PendingKind.CHOICE, command, ids)

    async def ask_confirmation(self, message: Message, argument: str, *, command: str) -> None:
        """Keep a command that is carried out once the person confirms it."""
        await self._remember(message, PendingKind.CONFIRMATION, command, [argument])

    async def find(self, message: Message) -> Pending | None:
        """Return what a reply in this message may refer to, or None."""
        stored = await self._store.find_value(_key(message))
        try:
            pending = Pending.model_validate_json(stored) if stored else None
        except ValidationError:  # written by an earlier version
            return None
        return pending if pending and pending.is_open(self._clock(), message.id) else None

    async def resolve(self, message: Message, text: str) -> str:
        """Return the id that a number stands for in the last list, or the text itself."""
        pending = await self.find(message) if _NUMBER.fullmatch(text) else None
        argument = pending.argument(text) if pending else None
        return text if argument is None else argument

    async def close(self, message: Message, pending: Pending) -> None:
        """Let no other message confirm it. The same message may, if it is processed again after a crash."""
        await self._save(message, pending.model_copy(update={"answered_by": message.id}))

    async def _remember(
        self, message: Message, kind: PendingKind, command: str, arguments: Sequence[str]
    ) -> None:
        pending = Pending(
            kind=kind,
            command=command,
            arguments=tuple(arguments),
            message_id=message.id,
            asked_at=self._clock(),
        )
        await self._save(message, pending)

    async def _save(self, message: Message, pending: Pending) -> None:
        await self._store.set_value(_key(message), pending.model_dump_json())


def _key(message: Message) -> str:
    return f"list:{message.conversation_id}:{message.sender.id}"
