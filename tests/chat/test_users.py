"""Names of people."""

from bot.chat.users import People
from bot.models import Person
from bot.stores.sqlite.store import SqliteStore


async def test_a_name_is_remembered_over_a_restart(store: SqliteStore) -> None:
    await People(store).met(Person(id="user01", name="李雷"))
    assert (await People(store).named(Person(id="user01"))).name == "李雷"


async def test_a_new_name_takes_the_place_of_the_old(store: SqliteStore) -> None:
    people = People(store)
    for name in ("李雷", "李雷", "李大雷"):
        await people.met(Person(id="user01", name=name))
    assert (await people.named(Person(id="user01"))).name == "李大雷"


async def test_who_was_never_met_keeps_the_id(store: SqliteStore) -> None:
    people = People(store)
    await people.met(Person(id="", name="外部顾问"))
    for person in (Person(id="user09"), Person(id=""), Person(id="u", name="n")):
        assert await people.named(person) == person
