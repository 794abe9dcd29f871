"""Who people are, as their messages told it: a press on a card tells only a staffId (0003, tutorial)."""

from dataclasses import replace

from bot.models import Message, Person
from bot.ports import Store


class UserDirectory:
    """Remembers who is called what, and of which organisation the robots are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._facts: dict[str, str] = {}  # a copy of what the store remembers

    async def heard(self, message: Message) -> None:
        """A message told the staffId and the name of its sender, and the organisation of its robot."""
        await self.record(message.sender)
        if message.corp_id:
            await self._remember(f"corp:{message.app}", message.corp_id)

    async def record(self, person: Person) -> None:
        """A message told this person's staffId, and the name if there is one."""
        if person.id and (person.name or not await self.is_known(person.id)):
            await self._remember(f"name:{person.id}", person.name)

    async def is_known(self, id_: str) -> bool:
        """Whether a message told this staffId: DingTalk gives one to members of our organisation alone."""
        return bool(id_) and await self._recall(f"name:{id_}") is not None

    async def corp_of(self, app: str) -> str:
        """The organisation of an app's robot; "" until somebody has spoken to it."""
        return await self._recall(f"corp:{app}") or ""

    async def display_name(self, id_: str) -> str:
        """The name of a staffId if it is known, else the staffId."""
        return str(await self.with_name(Person(id=id_)))

    async def with_name(self, person: Person) -> Person:
        """The same person, with the name if it is known."""
        if person.name or not person.id:
            return person
        return replace(person, name=await self._recall(f"name:{person.id}") or "")

    async def _remember(self, key: str, value: str) -> None:
        if self._facts.get(key) != value:
            await self._store.set_value(key, value)
            self._facts[key] = value

    async def _recall(self, key: str) -> str | None:
        known = self._facts.get(key)
        return known if known is not None else await self._store.find_value(key)
