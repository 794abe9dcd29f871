"""The recorder notes each state of a message and of its card."""

import copy
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.state import Card, SandboxState

STATES_PER_MESSAGE = 3
"""States that are kept on average, before the oldest are dropped."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A message as it was at a time, with the card that it shows."""

    at: datetime
    message: Message
    card: Card | None = None


class Recorder:
    """Records from the start, and keeps `STATES_PER_MESSAGE` times `keep_messages` entries."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        self.entries: deque[Entry] = deque()
        state.conversations.on_change(self._record)
        state.conversations.on_clear(self.entries.clear)

    def _record(self, message: Message) -> None:
        """Note a state. That of the same message replaces the one before, unless it shows a card."""
        card = self._state.cards.get(message.out_track_id)
        last = self.entries[-1] if self.entries else None
        if last and last.message.id == message.id and not card and not message.recalled:
            self.entries.pop()
        self.entries.append(
            Entry(at=self._state.clock.now(), message=copy_message(message), card=card and copy_card(card))
        )
        limit = self._state.settings.keep_messages * STATES_PER_MESSAGE
        while 0 < limit < len(self.entries):
            self.entries.popleft()

    def restore(self, entries: Iterable[Entry]) -> None:
        """Continue a record after these entries."""
        kept = list(entries)
        self.entries.clear()
        self.entries.extend(kept)


def copy_card(card: Card) -> Card:
    """Copy a card, so that a change of one does not show in the other."""
    return copy.deepcopy(card, {id(card.app): card.app})


def copy_message(message: Message) -> Message:
    """Copy a message. Exchanges are shared: only the response of the latest is added later."""
    copied = copy.copy(message)
    copied.updates, copied.emotions = list(message.updates), list(message.emotions)
    copied.read_by = dict(message.read_by)
    return copied
