"""Messages by conversation, and the feed that announces their changes."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from dingtalk_sandbox.errors import Json

MAX_QUEUED_EVENTS = 1000
MAX_UPDATES = 200
"""Limit of the exchanges that a message keeps, beside the one that created it."""


@dataclass(frozen=True, kw_only=True)
class Sender:
    id: str
    name: str
    robot: bool = False


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """The visible form of a request to send something.

    `kind` is text, markdown, action_card, file or work_notice. Cards have no rendering: the page draws them.
    """

    kind: str
    content: Json
    media_id: str = ""  # set for files
    file_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Emotion:
    """A robot's reaction to a message."""

    name: str  # shown beneath the message
    robot: str  # robotCode


@dataclass(kw_only=True)
class Message:
    """A message in a conversation. Its `kind` is that of its rendering, or the msgtype of a person's."""

    id: str
    conversation: str
    kind: str
    sender: Sender
    at: datetime
    content: Json
    media_id: str = ""
    file_name: str = ""
    out_track_id: str = ""  # outTrackId
    query_key: str = ""  # processQueryKey or carrierId, used to recall a robot's message
    robot: str = ""  # robotCode of the sender
    task_id: int = 0  # set for work notifications
    recipients: tuple[str, ...] = ()  # userIds who may see it; () = everyone in the conversation
    recalled: bool = False
    expires: datetime | None = None  # set for pinned cards
    pictures: tuple[str, ...] = ()  # media_ids of the pictures in rich text
    quote: str = ""  # id of the message it replies to
    emotions: list[Emotion] = field(default_factory=list)  # of robots, in the order they came
    read_by: dict[str, datetime] = field(default_factory=dict)
    exchange: Json | None = None  # the request and response that created it
    updates: list[Json] = field(default_factory=list)  # exchanges that changed it later

    def record(self, exchange: Json) -> None:
        """Keep an exchange that changed the message."""
        self.updates.append(exchange)
        del self.updates[:-MAX_UPDATES]


def new_id(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(18)


class EventFeed:
    """Publishes changes to listeners, such as the page's event streams, in order."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[tuple[str, object] | None]] = set()

    def publish(self, event: str, what: object) -> None:
        """Tell all listeners. One that is far behind misses it, and reads the state at an earlier event."""
        for queue in self._queues:
            if queue.qsize() < MAX_QUEUED_EVENTS:
                queue.put_nowait((event, what))

    def close(self) -> None:
        for queue in self._queues:
            queue.put_nowait(None)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[tuple[str, object] | None]]:
        queue: asyncio.Queue[tuple[str, object] | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


class Conversations:
    """All messages, in the order they were sent."""

    def __init__(self, feed: EventFeed) -> None:
        self._messages: dict[str, Message] = {}
        self._cards: Counter[str] = Counter()  # messages by outTrackId
        self._feed = feed
        self._changed: list[Callable[[Message], None]] = []
        self._cleared: list[Callable[[], None]] = []

    def on_change(self, changed: Callable[[Message], None]) -> None:
        """Call a function with each message that is added or changed."""
        self._changed.append(changed)

    def on_clear(self, cleared: Callable[[], None]) -> None:
        """Call a function when all messages are dropped."""
        self._cleared.append(cleared)

    def add(self, message: Message) -> Message:
        self._messages[message.id] = message
        self._cards[message.out_track_id] += 1
        self.publish_change(message)
        return message

    def drop_oldest(self, limit: int) -> list[Message]:
        """Drop the messages that exceed a limit, and return them."""
        oldest = [*islice(self._messages, max(0, len(self._messages) - limit))]
        dropped = [self._messages.pop(id_) for id_ in oldest]
        for message in dropped:
            self._cards[message.out_track_id] -= 1
            if not self.shows_card(message.out_track_id):
                del self._cards[message.out_track_id]
        return dropped

    def shows_card(self, out_track_id: str) -> bool:
        """Return True if a message shows the card."""
        return self._cards.get(out_track_id, 0) > 0

    def publish_change(self, message: Message) -> None:
        for changed in self._changed:
            changed(message)
        self._feed.publish("change", message)

    def recall(self, message: Message) -> None:
        message.recalled = True
        self.publish_change(message)

    def find(self, id_: str) -> Message | None:
        return self._messages.get(id_)

    def messages(self, conversation: str) -> list[Message]:
        return [m for m in self._messages.values() if m.conversation == conversation]

    def find_by_query_key(self, key: str) -> list[Message]:
        return [m for m in self._messages.values() if key and m.query_key == key]

    def find_by_card(self, out_track_id: str) -> list[Message]:
        return [m for m in self._messages.values() if m.out_track_id == out_track_id]

    def find_by_task(self, task: int) -> list[Message]:
        return [m for m in self._messages.values() if m.task_id == task]

    def clear(self) -> None:
        self._messages.clear()
        self._cards.clear()
        for cleared in self._cleared:
            cleared()
