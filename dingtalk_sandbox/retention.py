"""Limits of what the sandbox keeps, so that it can run for long. What is dropped is unknown afterwards."""

from collections.abc import Iterator, MutableMapping
from typing import Any

from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.state import SandboxState


class Retention:
    """Drops what exceeds `keep_messages`, the oldest first, after each change of a message."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state
        state.conversations.on_change(self.apply)

    def apply(self, _: Message) -> None:
        """Drop messages with their cards, and keys that belong to messages."""
        limit = self._state.settings.keep_messages
        if not limit:
            return
        for message in self._state.conversations.drop_oldest(limit):
            self._drop_card(message)
        for mapping in self._keyed_by_messages():
            drop_oldest(mapping, limit)
        counts = self._state.work_notification_counts
        if len(counts) > limit:
            today = self._state.clock.today()
            for key in [key for key in counts if key[0] != today]:
                del counts[key]

    def _drop_card(self, message: Message) -> None:
        """Drop the card of a message, if no other message shows it."""
        id_ = message.out_track_id
        if id_ and not self._state.conversations.shows_card(id_):
            self._state.cards.pop(id_, None)

    def _keyed_by_messages(self) -> Iterator[MutableMapping[Any, Any]]:
        state = self._state
        yield from (state.sessions, state.media, state.download_codes, state.download_links)
        yield state.work_notifications
        yield from (robot.uuids for robot in state.webhooks.values())


def drop_oldest(mapping: MutableMapping[Any, Any], limit: int) -> None:
    """Remove the entries that were added first, until `limit` remain."""
    while len(mapping) > limit:
        del mapping[next(iter(mapping))]


def drop_undelivered_cards(state: SandboxState) -> None:
    """Remove the oldest cards that were delivered nowhere, if there are more than `keep_messages`.

    It looks through all cards only when there are twice as many as that.
    """
    limit = state.settings.keep_messages
    if not limit or len(state.cards) <= 2 * limit:
        return
    undelivered = [id_ for id_, card in state.cards.items() if not card.carriers]
    for id_ in undelivered[:-limit]:
        del state.cards[id_]
