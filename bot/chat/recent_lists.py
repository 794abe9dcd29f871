"""The last list that each person was shown in a conversation, so that a number in it is understood."""

import json
import re
from collections.abc import Sequence

from bot.models import Message
from bot.ports import Store

_NUMBER = re.compile(r"(?:#|第)? ?(\d{1,2})(?: ?[个条号])?")


class RecentLists:
    """Remembers which ids stood in a list, in the order of their numbers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def remember(self, message: Message, ids: Sequence[str]) -> None:
        """The answer to this message lists these runs, or schedules; no other list counts any more."""
        if ids:
            await self._store.set_value(_key(message), json.dumps(ids))

    async def resolve(self, message: Message, text: str) -> str:
        """The id that a number stands for in the list shown last; any other text stays as it is."""
        number = _NUMBER.fullmatch(text)
        kept = await self._store.find_value(_key(message)) if number else None
        ids = json.loads(kept) if kept else []
        place = int(number[1]) if number else 0
        return str(ids[place - 1]) if 0 < place <= len(ids) else text


def _key(message: Message) -> str:
    return f"list:{message.conversation_id}:{message.sender.id}"
