"""Test that the names of people are remembered."""

from bot.chat.users import UserDirectory
from bot.models import Person
from bot.stores.sqlite.store import SqliteStore


async def test_a_name_is_remembered_over_a_restart(store: SqliteStore) -> None:
    await UserDirectory(store).record(Person(id="user01", name="李雷"))
    assert (await UserDirectory(store).with_name(Person(id="user01"))).name == "李雷"


async def test_a_new_name_takes_the_place_of_the_old(store: SqliteStore) -> None:
    directory = UserDirectory(store)
    for name in ("李雷", "李雷", "李大雷"):
        await directory.record(Person(id="user01", name=name))
    assert (await directory.with_name(Person(id="user01"))).name == "李大雷"


async def test_who_was_never_met_keeps_the_id(store: SqliteStore) -> None:
    directory = UserDirectory(store)
    await directory.record(Person(id="", name="外部顾问"))
    for person in (Person(id="user09"), Person(id=""), Person(id="u", name="n")):
        assert await directory.with_name(person) == person
