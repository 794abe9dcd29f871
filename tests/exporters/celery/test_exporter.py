"""Test the Celery exporter on a real store, with workers and their notifier in this process."""

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
from bot.exporters.celery.requests import (
    KIND,
    MAX_WORKER_DEATHS,
    failure_response,
    new_request,
    transfer_path,
)
from bot.models import MAX_CLOCK_SKEW, JobState
from bot.runtime import utc_now
from bot.stores.sqlite.store import SqliteStore
from bot.telemetry.rescues import Rescue
from tests.factories import NOW
from tests.fakes import FakeClock, FakeExporter
from tests.worker_harness import WorkerHarness

SECOND = timedelta(seconds=1)


@pytest.fixture
async def workers(store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerHarness:
    monkeypatch.setattr(celery, "POLL_INTERVAL_SECONDS", 0.01)
    return WorkerHarness(store, tmp_path / "reports")


async def test_a_worker_writes_the_report_that_a_bot_requests(workers: WorkerHarness) -> None:
    assert (await workers.exporter().export(await workers.report_input(), workers.path())).rows == 3
    assert workers.path().read_bytes() == b"workbook of r1"
    assert [*workers.path().parent.iterdir()] == [workers.path()]
    assert [request.state for request in await workers.requests()] == [JobState.DONE]


async def test_ten_requests_at_once_are_each_written_once(workers: WorkerHarness) -> None:
    inputs = [await workers.report_input(number) for number in range(10)]
    exports = (
        workers.exporter().export(report_input, workers.path(report_input.run.id)) for report_input in inputs
    )
    assert [findings.rows for findings in await asyncio.gather(*exports)] == [3] * 10
    assert workers.notifications == 10
    for report_input in inputs:
        assert workers.path(report_input.run.id).read_bytes().decode() == f"workbook of {report_input.run.id}"


async def test_a_request_without_a_broker_waits_and_is_not_added_twice(workers: WorkerHarness) -> None:
    workers.trouble = [TemporaryError("exporter.broker_url: redis://h does not answer")]
    exporter, report_input = workers.exporter(), await workers.report_input()
    with pytest.raises(TemporaryError, match="broker_url"):
        await exporter.export(report_input, workers.path())
    await exporter.export(report_input, workers.path())
    assert len(await workers.requests()) == 1


async def test_a_bug_in_the_notifier_does_not_end_the_wait(
    workers: WorkerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("a mistake of ours")

    exporter = workers.exporter()
    monkeypatch.setattr(workers, "notify", broken)
    waiting = asyncio.create_task(exporter.export(await workers.report_input(), workers.path()))
    while "a mistake of ours" not in caplog.text:  # noqa: ASYNC110 - the thread's own time
        await asyncio.sleep(0.01)
    await workers.worker().run_next()
    assert (await waiting).rows == 3


async def test_the_event_loop_never_waits_for_a_broker(
    workers: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery, "NOTIFY_TIMEOUT_SECONDS", 0.1)
    answered = threading.Event()
    monkeypatch.setattr(workers, "notify", answered.wait)
    with pytest.raises(TemporaryError, match="in time"):
        await workers.exporter().export(await workers.report_input(), workers.path())
    answered.set()


@pytest.mark.rescue(Rescue.WORKER_REPLACED)
async def test_another_worker_is_notified_after_a_death_and_writes_the_report_once(
    workers: WorkerHarness,
) -> None:
    dead = {"state": JobState.DOING, "owner": "dead", "attempts": 1, "lease_until": utc_now() - SECOND}
    await workers.add_old_request(**dead)
    await workers.exporter().export(await workers.report_input(), workers.path())
    assert isinstance(workers.local_exporter, FakeExporter)
    assert workers.local_exporter.made == ["r1"]
    assert [(request.state, request.attempts) for request in await workers.requests()] == [(JobState.DONE, 2)]


async def test_a_claimed_request_is_waited_for_without_notifications(
    workers: WorkerHarness, clock: FakeClock
) -> None:
    lease = clock() + 2 * NOTIFY_INTERVAL
    request = await workers.add_old_request(
        state=JobState.DOING, owner="w", attempts=1, lease_until=lease, result={"taken": 70}
    )
    exporter = workers.exporter(clock)
    exporting = asyncio.ensure_future(exporter.export(await workers.report_input(), workers.path()))
    while exporter.progress("r1") != 70:  # noqa: ASYNC110 - the exporter polls
        await asyncio.sleep(0.01)
    assert workers.notifications == 0
    clock.turn(seconds=61)
    await exporting
    assert (await workers.requests())[0].id == request.id


async def test_an_unclaimed_request_is_notified_again(workers: WorkerHarness) -> None:
    workers.lost_notifications = 1
    clock = FakeClock(utc_now())
    exporting = asyncio.ensure_future(
        workers.exporter(clock).export(await workers.report_input(), workers.path())
    )
    while workers.notifications < 1:  # noqa: ASYNC110 - it notifies in a thread
        await asyncio.sleep(0.01)
    clock.turn(seconds=NOTIFY_INTERVAL.total_seconds())
    assert ((await exporting).rows, workers.notifications) == (3, 2)


def test_unclaimed_requests_are_polled_less_and_less_often() -> None:
    request = new_request("r1", "r1.a", "day/r1.part", NOW)
    pauses = list(
        accumulate(
            range(5), lambda last, _: next_poll_delay(request, NOW, last), initial=POLL_INTERVAL_SECONDS
        )
    )[1:]
    assert pauses == pytest.approx([
        0.6,
        1.2,
        MAX_POLL_INTERVAL_SECONDS,
        MAX_POLL_INTERVAL_SECONDS,
        MAX_POLL_INTERVAL_SECONDS,
    ])
    taken = replace(request, state=JobState.DOING, lease_until=NOW + NOTIFY_INTERVAL)
    assert next_poll_delay(taken, NOW, MAX_POLL_INTERVAL_SECONDS) == POLL_INTERVAL_SECONDS


async def test_a_request_that_no_worker_claims_says_so_and_stays(workers: WorkerHarness) -> None:
    workers.lost_notifications = 99
    clock = FakeClock(utc_now())
    exporting = asyncio.ensure_future(
        workers.exporter(clock).export(await workers.report_input(), workers.path())
    )
    while workers.notifications < 1:  # noqa: ASYNC110 - it notifies in a thread
        await asyncio.sleep(0.01)
    clock.turn(seconds=UNCLAIMED_TIMEOUT.total_seconds())
    with pytest.raises(RateLimited, match="waits for a worker"):
        await exporting
    assert [request.state for request in await workers.requests()] == [JobState.TODO]


@pytest.mark.rescue(Rescue.REQUEST_RESUMED)
async def test_a_report_written_while_no_bot_ran_is_received(workers: WorkerHarness) -> None:
    await workers.add_old_request()
    report_input = await workers.report_input()
    await workers.worker().run_next()
    assert (await workers.exporter().export(report_input, workers.path())).rows == 3
    assert workers.notifications == 0


async def test_a_written_report_that_is_gone_is_requested_again(workers: WorkerHarness) -> None:
    await workers.add_old_request(state=JobState.DONE, result={"findings": {"rows": 3}})
    await workers.exporter().export(await workers.report_input(), workers.path())
    assert len(await workers.requests()) == 2


async def test_a_failed_request_is_not_resumed_though_its_file_was_written(workers: WorkerHarness) -> None:
    """The process that writes a report may die after the file is there, and before it has said so."""
    failed = failure_response(TemporaryError("its process died"))
    request = await workers.add_old_request(**failed)
    (workers.folder / transfer_path(request)).parent.mkdir(parents=True)
    (workers.folder / transfer_path(request)).write_bytes(b"a report")
    assert (await workers.exporter().export(await workers.report_input(), workers.path())).rows == 3
    assert len(await workers.requests()) == 2


async def test_a_worker_refuses_another_version_and_says_so(workers: WorkerHarness) -> None:
    await workers.add_old_request(payload={"place": "2026-11-24/x.part", "version": "9.9.9"})
    with pytest.raises(TemporaryError, match=r"the bot is DingRun 9\.9\.9, the worker worker is "):
        await workers.exporter().export(await workers.report_input(), workers.path())
    assert not workers.path().exists()


async def test_a_request_that_kills_its_workers_is_given_up(workers: WorkerHarness) -> None:
    dead = {
        "state": JobState.DOING,
        "owner": "d",
        "attempts": MAX_WORKER_DEATHS,
        "lease_until": utc_now() - SECOND,
    }
    await workers.add_old_request(**dead)
    with pytest.raises(TemporaryError, match="workers died"):
        await workers.exporter().export(await workers.report_input(), workers.path())


@pytest.mark.parametrize("error", [TemporaryError("disk full"), PermanentError("no such engine")])
async def test_the_error_of_a_worker_reaches_the_bot(workers: WorkerHarness, error: Exception) -> None:
    assert isinstance(workers.local_exporter, FakeExporter)
    workers.local_exporter.trouble = [error]
    with pytest.raises(type(error), match=str(error)):
        await workers.exporter().export(await workers.report_input(), workers.path())
    assert [*workers.path().parent.iterdir()] == []


async def test_a_request_that_is_gone_from_the_store_is_temporary(workers: WorkerHarness) -> None:
    workers.lost_notifications = 1
    exporting = asyncio.ensure_future(workers.exporter().export(await workers.report_input(), workers.path()))
    while workers.notifications < 1:  # noqa: ASYNC110 - it notifies in a thread
        await asyncio.sleep(0.01)
    assert isinstance(workers.store, SqliteStore)
    await workers.store._db.execute("delete from jobs")
    with pytest.raises(TemporaryError, match="gone from the store"):
        await exporting


async def test_a_worker_with_a_slow_clock_claims_a_request_at_once(workers: WorkerHarness) -> None:
    request = await workers.add_old_request()
    now = request.created_at - MAX_CLOCK_SKEW
    assert await workers.store.claim_job([KIND], "late", now, now + SECOND)
