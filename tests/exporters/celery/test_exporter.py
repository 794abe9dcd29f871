"""The exporter that asks workers, on a real store; the workers are in this process, and so is the bell."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from pathlib import Path

import pytest

from bot.errors import PermanentError, RateLimited, TemporaryError
from bot.exporters.celery import exporter as celery
from bot.exporters.celery.exporter import (
    MAX_POLL_INTERVAL_SECONDS,
    NOTIFY_INTERVAL,
    POLL_INTERVAL_SECONDS,
    UNCLAIMED_TIMEOUT,
    next_poll_delay,
)
from bot.exporters.celery.requests import KIND, MAX_WORKER_DEATHS, new_request
from bot.models import MAX_CLOCK_SKEW, JobState
from bot.runtime import utc_now
from bot.stores.sqlite.store import SqliteStore
from tests.factories import NOW
from tests.fakes import FakeClock, FakeExporter
from tests.worker_harness import WorkerHarness

SECOND = timedelta(seconds=1)


@pytest.fixture
async def workshop(store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerHarness:
    monkeypatch.setattr(celery, "POLL_INTERVAL_SECONDS", 0.01)
    return WorkerHarness(store, tmp_path / "reports")


async def test_a_worker_makes_what_a_bot_asks_for(workshop: WorkerHarness) -> None:
    assert (await workshop.exporter().export(await workshop.story(), workshop.path())).rows == 3
    assert workshop.path().read_bytes() == b"workbook of r1"
    assert [*workshop.path().parent.iterdir()] == [workshop.path()]
    assert [order.state for order in await workshop.orders()] == [JobState.DONE]


async def test_ten_at_once_are_made_once_each(workshop: WorkerHarness) -> None:
    stories = [await workshop.story(number) for number in range(10)]
    exports = (workshop.exporter().export(story, workshop.path(story.run.id)) for story in stories)
    assert [findings.rows for findings in await asyncio.gather(*exports)] == [3] * 10
    assert workshop.rings == 10
    for story in stories:
        assert workshop.path(story.run.id).read_bytes().decode() == f"workbook of {story.run.id}"


async def test_an_order_that_cannot_be_rung_for_waits_and_is_not_asked_twice(workshop: WorkerHarness) -> None:
    workshop.trouble = [TemporaryError("exporter.broker_url: redis://h does not answer")]
    exporter, story = workshop.exporter(), await workshop.story()
    with pytest.raises(TemporaryError, match="broker_url"):
        await exporter.export(story, workshop.path())
    await exporter.export(story, workshop.path())
    assert len(await workshop.orders()) == 1


async def test_a_bell_that_breaks_by_a_mistake_of_ours_does_not_end_the_wait(
    workshop: WorkerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("a mistake of ours")

    exporter = workshop.exporter()
    monkeypatch.setattr(workshop, "notify", broken)
    waiting = asyncio.create_task(exporter.export(await workshop.story(), workshop.path()))
    while "a mistake of ours" not in caplog.text:  # noqa: ASYNC110 - the thread's own time
        await asyncio.sleep(0.01)
    await workshop.worker().run_next()
    assert (await waiting).rows == 3


async def test_the_loop_never_waits_for_a_broker(
    workshop: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery, "NOTIFY_TIMEOUT_SECONDS", 0.1)
    answered = threading.Event()
    monkeypatch.setattr(workshop, "notify", answered.wait)
    with pytest.raises(TemporaryError, match="in time"):
        await workshop.exporter().export(await workshop.story(), workshop.path())
    answered.set()


async def test_a_worker_that_died_is_rung_for_again_and_the_report_made_once(workshop: WorkerHarness) -> None:
    dead = {"state": JobState.DOING, "owner": "dead", "attempts": 1, "lease_until": utc_now() - SECOND}
    await workshop.left(**dead)
    await workshop.exporter().export(await workshop.story(), workshop.path())
    assert isinstance(workshop.pen, FakeExporter)
    assert workshop.pen.made == ["r1"]
    assert [(order.state, order.attempts) for order in await workshop.orders()] == [(JobState.DONE, 2)]


async def test_a_worker_that_lives_is_waited_for(workshop: WorkerHarness, clock: FakeClock) -> None:
    lease = clock() + 2 * NOTIFY_INTERVAL
    order = await workshop.left(
        state=JobState.DOING, owner="w", attempts=1, lease_until=lease, result={"taken": 70}
    )
    exporter = workshop.exporter(clock)
    exporting = asyncio.ensure_future(exporter.export(await workshop.story(), workshop.path()))
    while exporter.progress("r1") != 70:  # noqa: ASYNC110 - the exporter looks every now and then
        await asyncio.sleep(0.01)
    assert workshop.rings == 0
    clock.turn(seconds=61)
    await exporting
    assert (await workshop.orders())[0].id == order.id


async def test_an_order_that_nobody_took_is_rung_for_again(workshop: WorkerHarness) -> None:
    workshop.deaf = 1
    clock = FakeClock(utc_now())
    exporting = asyncio.ensure_future(
        workshop.exporter(clock).export(await workshop.story(), workshop.path())
    )
    while workshop.rings < 1:  # noqa: ASYNC110 - it rings in a thread
        await asyncio.sleep(0.01)
    clock.turn(seconds=NOTIFY_INTERVAL.total_seconds())
    assert ((await exporting).rows, workshop.rings) == (3, 2)


def test_the_longer_nobody_is_at_an_order_the_seldomer_it_is_looked_at() -> None:
    order = new_request("r1", "r1.a", "day/r1.part", NOW)
    pauses = list(
        accumulate(range(5), lambda last, _: next_poll_delay(order, NOW, last), initial=POLL_INTERVAL_SECONDS)
    )[1:]
    assert pauses == pytest.approx([
        0.6,
        1.2,
        MAX_POLL_INTERVAL_SECONDS,
        MAX_POLL_INTERVAL_SECONDS,
        MAX_POLL_INTERVAL_SECONDS,
    ])
    taken = replace(order, state=JobState.DOING, lease_until=NOW + NOTIFY_INTERVAL)
    assert next_poll_delay(taken, NOW, MAX_POLL_INTERVAL_SECONDS) == POLL_INTERVAL_SECONDS


async def test_nobody_who_comes_is_told_and_waited_for(workshop: WorkerHarness) -> None:
    workshop.deaf = 99
    clock = FakeClock(utc_now())
    exporting = asyncio.ensure_future(
        workshop.exporter(clock).export(await workshop.story(), workshop.path())
    )
    while workshop.rings < 1:  # noqa: ASYNC110 - it rings in a thread
        await asyncio.sleep(0.01)
    clock.turn(seconds=UNCLAIMED_TIMEOUT.total_seconds())
    with pytest.raises(RateLimited, match="waits for a worker"):
        await exporting
    assert [order.state for order in await workshop.orders()] == [JobState.TODO]


async def test_what_was_made_while_no_bot_looked_is_taken_as_it_is(workshop: WorkerHarness) -> None:
    await workshop.left()
    story = await workshop.story()
    await workshop.worker().run_next()
    assert (await workshop.exporter().export(story, workshop.path())).rows == 3
    assert workshop.rings == 0


async def test_what_was_made_and_is_gone_is_made_again(workshop: WorkerHarness) -> None:
    await workshop.left(state=JobState.DONE, result={"findings": {"rows": 3}})
    await workshop.exporter().export(await workshop.story(), workshop.path())
    assert len(await workshop.orders()) == 2


async def test_another_version_is_refused_with_a_clear_word(workshop: WorkerHarness) -> None:
    await workshop.left(payload={"place": "2026-11-24/x.part", "version": "9.9.9"})
    with pytest.raises(TemporaryError, match=r"the bot is DingRun 9\.9\.9, the worker worker is "):
        await workshop.exporter().export(await workshop.story(), workshop.path())
    assert not workshop.path().exists()


async def test_a_report_that_kills_its_workers_is_given_up(workshop: WorkerHarness) -> None:
    dead = {
        "state": JobState.DOING,
        "owner": "d",
        "attempts": MAX_WORKER_DEATHS,
        "lease_until": utc_now() - SECOND,
    }
    await workshop.left(**dead)
    with pytest.raises(TemporaryError, match="workers died"):
        await workshop.exporter().export(await workshop.story(), workshop.path())


@pytest.mark.parametrize("error", [TemporaryError("disk full"), PermanentError("no such engine")])
async def test_what_a_worker_could_not_do_comes_back_as_it_was(
    workshop: WorkerHarness, error: Exception
) -> None:
    assert isinstance(workshop.pen, FakeExporter)
    workshop.pen.trouble = [error]
    with pytest.raises(type(error), match=str(error)):
        await workshop.exporter().export(await workshop.story(), workshop.path())
    assert [*workshop.path().parent.iterdir()] == []


async def test_an_order_that_is_gone_from_the_store_is_temporary(workshop: WorkerHarness) -> None:
    workshop.deaf = 1
    exporting = asyncio.ensure_future(workshop.exporter().export(await workshop.story(), workshop.path()))
    while workshop.rings < 1:  # noqa: ASYNC110 - it rings in a thread
        await asyncio.sleep(0.01)
    assert isinstance(workshop.store, SqliteStore)
    await workshop.store._db.execute("delete from jobs")
    with pytest.raises(TemporaryError, match="gone from the store"):
        await exporting


async def test_a_worker_whose_clock_is_late_takes_an_order_at_once(workshop: WorkerHarness) -> None:
    order = await workshop.left()
    now = order.created_at - MAX_CLOCK_SKEW
    assert await workshop.store.claim_job([KIND], "late", now, now + SECOND)
