"""Remember who has written to the robot, and which groups the settings name by an old id."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from bot.delivery.channels import Channels
from bot.errors import PermanentError
from bot.models import Destination, Message, Person
from bot.ports import Store

log = logging.getLogger(__name__)


class UserDirectory:
    """The names of people and the organizations of the robots.

    A tap on a card carries nothing but a staffId (0003, tutorial).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: dict[str, str] = {}

    async def record_message(self, message: Message) -> None:
        """Keep the staffId and the name of a sender, and the organization of the robot."""
        if not message.is_foreign:
            await self.record(message.sender)
        if message.corp_id:
            await self._set(f"corp:{message.app}", message.corp_id)
        if message.group and message.title:
            await self._set(f"group:{message.conversation_id}", message.title)

    async def record(self, person: Person) -> None:
        """Keep the staffId of a person, and the name if there is one."""
        if person.id and (person.name or not await self.is_known(person.id)):
            await self._set(f"name:{person.id}", person.name)

    async def is_known(self, staff_id: str) -> bool:
        """Return whether a message carried this staffId; only those of our own members have one."""
        return bool(staff_id) and await self._find(f"name:{staff_id}") is not None

    async def find_corp_id(self, app: str) -> str:
        """Return the organization of an app's robot, or "" until somebody has sent it a message."""
        return await self._find(f"corp:{app}") or ""

    async def group_title(self, conversation_id: str) -> str:
        """Return the name of a group, or "" until somebody has sent a message there."""
        return await self._find(f"group:{conversation_id}") or ""

    async def display_name(self, staff_id: str) -> str:
        """Return the name of a person, or the staffId when the name is unknown."""
        return str(await self.with_name(Person(id=staff_id)))

    async def with_name(self, person: Person) -> Person:
        """Return the same person, with the name if it is known."""
        if person.name or not person.id:
            return person
        return replace(person, name=await self._find(f"name:{person.id}") or "")

    async def _set(self, key: str, value: str) -> None:
        if self._cache.get(key) != value:
            await self._store.set_value(key, value)
            self._cache[key] = value

    async def _find(self, key: str) -> str | None:
        cached = self._cache.get(key)
        return cached if cached is not None else await self._store.find_value(key)


class GroupDirectory:
    """The groups that the settings name by their old chatId. Messages carry the openConversationId (0745)."""

    def __init__(self, store: Store, channels: Channels, old: Sequence[Destination]) -> None:
        self._store = store
        self._channels = channels
        self._old = old
        self._conversations: dict[str, str] = {}  # by chatId

    async def aliases(self, conversation_id: str) -> tuple[str, ...]:
        """Return the old chatIds of a group, which are converted once and kept in the store.

        Raises:
            TemporaryError: DingTalk does not answer.
        """
        return tuple([group.id for group in self._old if await self._find(group) == conversation_id])

    async def _find(self, group: Destination) -> str:
        if group.id not in self._conversations:
            known = await self._store.find_value(f"group:{group.id}")
            self._conversations[group.id] = known or await self._convert(group)
        return self._conversations[group.id]

    async def _convert(self, group: Destination) -> str:
        try:
            found = await self._channels.to(group).conversation_id(group.id)
        except PermanentError as error:
            log.warning("%s is not the chatId of a group: %s", group.id, error)
            return ""
        await self._store.set_value(f"group:{group.id}", found)
        return found
