"""Remember the last list shown to each person in a conversation, to resolve a number in it."""

import json
import re
from collections.abc import Sequence

from bot.models import Message
from bot.ports import Store

_NUMBER = re.compile(r"(?:#|第)? ?(\d{1,2})(?: ?[个条号])?")


class RecentLists:
    """The ids of each list, in the order of their numbers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def remember(self, message: Message, ids: Sequence[str]) -> None:
        """Keep the runs or schedules that the answer to this message lists, in place of the list before."""
        if ids:
            await self._store.set_value(_key(message), json.dumps(ids))

    async def resolve(self, message: Message, text: str) -> str:
        """Return the id that a number stands for in the last list, or the text itself."""
        number = _NUMBER.fullmatch(text)
        stored = await self._store.find_value(_key(message)) if number else None
        ids = json.loads(stored) if stored else []
        position = int(number[1]) if number else 0
        return str(ids[position - 1]) if 0 < position <= len(ids) else text


def _key(message: Message) -> str:
    return f"list:{message.conversation_id}:{message.sender.id}"
