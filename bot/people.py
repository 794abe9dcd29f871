"""Names of people, as their messages told them: a press on a card tells only the staffId (0003, tutorial)."""

from dataclasses import replace

from bot.models import Person
from bot.ports import Store


class People:
    """Remembers who is called what."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: dict[str, str] = {}  # a copy of what the store remembers

    async def met(self, person: Person) -> None:
        """A message told this person's name."""
        if person.id and person.name and self._names.get(person.id) != person.name:
            await self._store.remember(f"name:{person.id}", person.name)
            self._names[person.id] = person.name

    async def called(self, id_: str) -> str:
        """The name of a staffId if it is known, else the staffId."""
        return str(await self.named(Person(id=id_)))

    async def named(self, person: Person) -> Person:
        """The same person, with the name if it is known."""
        if person.name or not person.id:
            return person
        name = self._names.get(person.id) or await self._store.recall(f"name:{person.id}")
        return replace(person, name=name or "")
