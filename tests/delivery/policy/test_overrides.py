"""Test the service that changes overrides."""

import asyncio
from dataclasses import replace

import pytest

from bot.delivery.policy.overrides import Overrides
from bot.errors import TemporaryError
from bot.models import Acknowledgement, Mute, Person, ScheduleOverride
from bot.stores.sqlite.overrides import SqliteOverrides
from bot.stores.sqlite.store import SqliteStore
from tests.factories import NOW

MUTE = Mute(by=Person(id="user01"), at=NOW)
ACKNOWLEDGEMENT = Acknowledgement(by=Person(id="user02"), at=NOW, until=NOW, run_id="r1")


async def test_nothing_changed_is_an_empty_override(store: SqliteStore) -> None:
    assert await Overrides(SqliteOverrides(store)).find("s1") == ScheduleOverride(schedule_id="s1")


async def test_changes_of_two_people_at_once_are_both_kept(store: SqliteStore) -> None:
    overrides = Overrides(SqliteOverrides(store))
    await asyncio.gather(
        overrides.change("s1", lambda each: replace(each, mute=MUTE)),
        overrides.change("s1", lambda each: replace(each, acknowledgement=ACKNOWLEDGEMENT)),
    )
    found = await overrides.find("s1")
    assert (found.mute, found.acknowledgement) == (MUTE, ACKNOWLEDGEMENT)
    assert await overrides.all() == {"s1": found}


async def test_a_change_that_changes_nothing_is_not_stored(store: SqliteStore) -> None:
    overrides = Overrides(SqliteOverrides(store))
    await overrides.change("s1", lambda each: each)
    assert await overrides.all() == {}


async def test_a_change_that_always_comes_too_late_is_tried_again_later(store: SqliteStore) -> None:
    overrides = Overrides(SqliteOverrides(store))
    await overrides.change("s1", lambda each: replace(each, mute=MUTE))
    with pytest.raises(TemporaryError):
        await overrides.change("s1", lambda each: replace(each, mute=None, version=99))
