"""The record of an incident, which all bots on a store share."""

from datetime import timedelta

import pytest

from bot.delivery.incidents.records import MAX_WRITES, SIGHTING_TTL, Incident, IncidentRecords
from bot.errors import TemporaryError
from bot.stores.sqlite.documents import SqliteDocuments
from bot.stores.sqlite.store import SqliteStore
from tests.factories import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def records(store: SqliteStore) -> tuple[IncidentRecords, IncidentRecords]:
    """Return the records as two bots change them."""
    documents = SqliteDocuments(store)
    return IncidentRecords(documents, owner="a"), IncidentRecords(documents, owner="b")


Both = tuple[IncidentRecords, IncidentRecords]


async def test_two_bots_that_see_an_incident_share_its_record(records: Both) -> None:
    ours, theirs = records
    await ours.open("stream", NOW)
    seen = await theirs.open("stream", NOW + MINUTE)
    assert (seen.part, seen.opened_at, seen.is_open) == ("stream", NOW, True)
    assert seen.seen_by == {"a": NOW, "b": NOW + MINUTE}
    (found,) = (await ours.find_open()).values()
    assert (found.part, found.seen_by) == ("stream", seen.seen_by)


async def test_what_a_bot_saw_long_ago_does_not_count(records: Both) -> None:
    ours, theirs = records
    await ours.open("stream", NOW)
    almost = await theirs.open("stream", NOW + SIGHTING_TTL - timedelta(seconds=1))
    assert set(almost.seen_by) == {"a", "b"}
    assert set((await theirs.open("stream", NOW + SIGHTING_TTL)).seen_by) == {"b"}


async def test_an_incident_ends_when_no_bot_sees_it(records: Both) -> None:
    ours, theirs = records
    await ours.open("stream", NOW)
    await theirs.open("stream", NOW)
    assert not await ours.leave((await ours.find_open())["stream"], NOW)
    left = (await theirs.find_open())["stream"]
    assert left.seen_by == {"b": NOW}
    assert await theirs.leave(left, NOW)
    await theirs.close(left)
    assert await ours.find_open() == {}


async def test_a_bot_that_did_not_see_it_waits_for_those_that_do(records: Both) -> None:
    ours, theirs = records
    incident = await ours.open("stream", NOW)
    assert not await theirs.leave(incident, NOW)
    assert (await theirs.find_open())["stream"] == (await ours.find_open())["stream"]
    assert await theirs.leave(incident, NOW + SIGHTING_TTL)  # the other one has died


async def test_the_next_incident_of_a_part_is_a_new_one_in_the_same_record(records: Both) -> None:
    ours, theirs = records
    await ours.open("stream", NOW)
    await ours.close((await ours.find_open())["stream"])
    again = await theirs.open("stream", NOW + MINUTE)
    assert (again.opened_at, again.is_open, again.seen_by) == (NOW + MINUTE, True, {"b": NOW + MINUTE})


async def test_an_incident_that_another_bot_sees_meanwhile_is_not_ended(records: Both) -> None:
    ours, theirs = records
    await ours.open("stream", NOW)
    before = (await ours.find_open())["stream"]
    await theirs.open("stream", NOW)
    await ours.close(before)
    assert list(await ours.find_open()) == ["stream"]


@pytest.mark.parametrize(("lost", "kept"), [(MAX_WRITES - 1, True), (MAX_WRITES, False)])
async def test_a_sighting_is_given_up_if_others_keep_changing_the_record(
    records: Both, monkeypatch: pytest.MonkeyPatch, lost: int, kept: bool
) -> None:
    ours, _ = records
    add, losses = ours._records.add, [False] * lost

    async def lose(part: str, incident: Incident) -> bool:
        return losses.pop() if losses else await add(part, incident)

    monkeypatch.setattr(ours._records, "add", lose)
    if not kept:
        with pytest.raises(TemporaryError, match="keep changing the incident of stream"):
            await ours.open("stream", NOW)
    else:
        assert (await ours.open("stream", NOW)).opened_at == NOW
