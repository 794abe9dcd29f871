"""Test that a number is resolved by the last list that the person was shown."""

import pytest

from bot.chat.recent_lists import RecentLists
from bot.models import Person
from bot.stores.sqlite.store import SqliteStore
from tests.factories import make_message

SHOWN = ["ra", "rb"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2", "rb"),
        ("#1", "ra"),
        ("第2个", "rb"),
        ("1 号", "ra"),
        ("3", "3"),
        ("0", "0"),
        ("每日", "每日"),
        ("", ""),
    ],
)
async def test_a_number_in_the_list_is_understood(store: SqliteStore, text: str, meant: str) -> None:
    await RecentLists(store).remember(make_message(), SHOWN)
    assert await RecentLists(store).resolve(make_message(), text) == meant


async def test_the_last_list_counts_and_an_empty_one_is_none(store: SqliteStore) -> None:
    lists = RecentLists(store)
    for ids in (SHOWN, ["rc"], []):
        await lists.remember(make_message(), ids)
    assert [await lists.resolve(make_message(), number) for number in "12"] == ["rc", "2"]


async def test_everybody_has_their_own_list_in_each_conversation(store: SqliteStore) -> None:
    lists = RecentLists(store)
    await lists.remember(make_message(), SHOWN)
    for other in (make_message(sender=Person(id="user02")), make_message(conversation_id="cidB")):
        assert await lists.resolve(other, "1") == "1"
