"""Tests of Scheduler: schedules fire in their time zone, once, and misfires are handled."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest

from bot.errors import TemporaryError
from bot.models import Expectation, Overlap, RunStatus, Schedule
from bot.runs.scheduler import (
    MisfirePolicy,
    SchedulePolicy,
    Scheduler,
    last_due,
    last_fired_key,
    next_due,
    seconds_to_interval,
)
from bot.telemetry.rescues import Rescue
from tests.conftest import CoreHarness
from tests.factories import make_schedule

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    """Parse a time in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def daily(**changes: object) -> Schedule:
    return make_schedule(**({"cron": "0 3 * * *"} | changes))


@pytest.mark.parametrize(
    ("now", "last", "following"),
    [
        ("2026-11-24 02:59:59", "2026-11-23 03:00", "2026-11-24 03:00"),
        ("2026-11-24 03:00:00", "2026-11-24 03:00", "2026-11-25 03:00"),
        ("2026-11-24 03:00:30", "2026-11-24 03:00", "2026-11-25 03:00"),
    ],
)
def test_cron_is_interpreted_in_the_time_zone(now: str, last: str, following: str) -> None:
    assert last_due(daily(), at(now), SHANGHAI) == at(last)
    assert next_due(daily(), at(now), SHANGHAI) == at(following)


def test_a_time_that_a_clock_change_skips_fires_once() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    schedule = daily(cron="30 2 * * *")
    before = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
    after = datetime(2027, 3, 28, 12, 0, tzinfo=UTC)
    assert last_due(schedule, before, berlin) != last_due(schedule, after, berlin)


BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
AUTUMN = datetime(2026, 10, 24, 23, 0, 50, tzinfo=UTC)  # at 01:00 UTC it is 02:00 in Berlin again
SPRING = datetime(2027, 3, 27, 23, 0, 50, tzinfo=UTC)
HALF_AN_HOUR = datetime(2027, 4, 3, 13, 0, 50, tzinfo=UTC)  # at 15:00 UTC it is 01:30 on Lord Howe again


def fired_times(cron: str, start: datetime, zone: ZoneInfo, hours: int = 4) -> list[str]:
    """Return the times at which a schedule fires, checked every minute. None is in the future."""
    minutes = [start + timedelta(minutes=minute) for minute in range(-1, hours * 60)]
    dues = [last_due(daily(cron=cron), now, zone) for now in minutes]
    assert all(due and due <= now for due, now in zip(dues, minutes, strict=True))
    return [f"{due:%H:%M}" for due, before in pairwise(reversed(dues)) if due and due != before][::-1]


@pytest.mark.parametrize(("start", "zone"), [(AUTUMN, BERLIN), (SPRING, BERLIN), (HALF_AN_HOUR, LORD_HOWE)])
def test_a_schedule_of_every_minute_fires_through_a_clock_change(start: datetime, zone: ZoneInfo) -> None:
    assert len(fired_times("* * * * *", start, zone)) == 4 * 60


@pytest.mark.parametrize(
    ("cron", "start", "zone", "fired"),
    [
        ("30 * * * *", AUTUMN, BERLIN, ["23:30", "00:30", "01:30", "02:30"]),
        ("30 2 * * *", AUTUMN, BERLIN, ["00:30"]),
        ("*/30 2 * * *", AUTUMN, BERLIN, ["00:00", "00:30", "01:00", "01:30"]),
        ("45 1 * * *", HALF_AN_HOUR, LORD_HOWE, ["14:45"]),
        ("30 * * * *", SPRING, BERLIN, ["23:30", "00:30", "01:30", "02:30"]),
        ("30 2 * * *", SPRING, BERLIN, ["01:00"]),
    ],
)
def test_times_in_a_repeated_or_skipped_hour_fire_once(
    cron: str, start: datetime, zone: ZoneInfo, fired: list[str]
) -> None:
    assert fired_times(cron, start, zone) == fired


def test_the_next_time_is_never_in_the_past() -> None:
    second_time = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 in Berlin, once more
    tomorrow = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert next_due(daily(cron="30 2 * * *"), second_time, BERLIN) == tomorrow


def test_a_one_time_schedule_fires_once() -> None:
    once = daily(cron="", at=at("2026-12-01 03:00"))
    assert last_due(once, at("2026-12-01 02:59"), SHANGHAI) is None
    assert next_due(once, at("2026-12-01 02:59"), SHANGHAI) == once.at
    assert last_due(once, at("2026-12-02 00:00"), SHANGHAI) == once.at
    assert next_due(once, at("2026-12-02 00:00"), SHANGHAI) is None


class SchedulerHarness:
    """A scheduler that can be restarted and ticked at a time of day."""

    def __init__(self, core: CoreHarness, misfire_policy: MisfirePolicy = MisfirePolicy.ONCE) -> None:
        self.core, self.misfire_policy = core, misfire_policy
        self.start()

    def start(self) -> None:
        policy = SchedulePolicy(zone=SHANGHAI, misfire_policy=self.misfire_policy)
        self.scheduler = Scheduler(self.core.store, self.core.engine, self.core.runs, policy=policy)

    async def tick(self, time: str) -> int:
        return await self.scheduler.tick(at(time))

    async def keys(self) -> list[str]:
        return [run.idempotency_key for run in await self.core.store.find_runs()]


async def test_a_schedule_fires_once_at_its_minute(core: CoreHarness) -> None:
    harness = SchedulerHarness(core)
    assert [await harness.tick(f"2026-11-24 {time}") for time in ("02:59:59", "03:00:00", "03:00:01")] == [
        0,
        1,
        0,
    ]
    assert await harness.keys() == ["cron:s1:2026-11-23T19:00:00+00:00"]


async def test_a_cron_line_is_read_once_a_minute(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Mock(wraps=last_due)
    monkeypatch.setattr("bot.runs.scheduler.last_due", reads)
    harness = SchedulerHarness(core)
    for second in range(60):
        await harness.tick(f"2026-11-24 02:59:{second:02}")
    assert reads.call_count == 1
    assert await harness.tick("2026-11-24 03:00:00") == 1


async def test_a_new_schedule_does_not_fire_for_the_past(core: CoreHarness) -> None:
    assert await SchedulerHarness(core).tick("2026-11-24 03:00:01") == 0


async def test_two_processes_trigger_one_run(core: CoreHarness) -> None:
    first, second = SchedulerHarness(core), SchedulerHarness(core)
    for harness in (first, second):
        await harness.tick("2026-11-24 02:00")
    for harness in (first, second):
        await harness.tick("2026-11-24 03:00:01")
    assert len(await core.store.find_runs()) == 1


@pytest.mark.rescue(Rescue.MISFIRE_RUN)
async def test_missed_times_trigger_one_run(core: CoreHarness) -> None:
    harness = SchedulerHarness(core)
    await harness.tick("2026-11-20 12:00")
    harness.start()
    assert await harness.tick("2026-11-24 12:00") == 1
    assert await harness.tick("2026-11-24 12:01") == 0
    assert await harness.keys() == ["cron:s1:2026-11-23T19:00:00+00:00"]


async def test_missed_times_can_be_skipped(core: CoreHarness) -> None:
    harness = SchedulerHarness(core, MisfirePolicy.SKIP)
    await harness.tick("2026-11-20 12:00")
    harness.start()
    assert await harness.tick("2026-11-24 12:00") == 0
    assert await harness.tick("2026-11-25 03:00:01") == 1


@pytest.mark.parametrize("restart", [True, False])
async def test_a_clock_that_was_ahead_suppresses_no_run_once_it_is_right(
    core: CoreHarness, caplog: pytest.LogCaptureFixture, restart: bool
) -> None:
    harness = SchedulerHarness(core)
    assert await harness.tick("2026-11-24 02:59") == 0
    assert [await harness.tick(f"2026-11-{day} 03:00:01") for day in (25, 26)] == [1, 1]  # the clock is ahead
    if restart:
        harness.start()
    assert await harness.tick("2026-11-24 12:00") == 0  # and is set right
    assert "from a clock that was ahead" in caplog.text
    assert [await harness.tick(f"2026-11-{day} 03:00:01") for day in (25, 26, 27)] == [1, 1, 1]
    assert len(await harness.keys()) == 5


async def test_a_small_clock_skew_resets_no_checkpoint(
    core: CoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness, other = SchedulerHarness(core), SchedulerHarness(core)
    await harness.tick("2026-11-24 02:00")
    assert await harness.tick("2026-11-24 03:00:01") == 1
    assert await other.tick("2026-11-24 02:59:20") == 0
    assert caplog.text == ""


async def overlapping(core: CoreHarness, overlap: Overlap) -> list[str]:
    """Let a schedule be due again while its first run is open, and return its open runs."""
    core.engine.known[:] = [daily(expect=Expectation(overlap=overlap))]
    harness = SchedulerHarness(core)
    for time in ("2026-11-24 02:59", "2026-11-24 03:00", "2026-11-25 03:00"):
        core.clock.now = at(time)
        await harness.tick(time)
        await core.do_jobs()
    await core.watcher.tick()
    runs = await core.store.find_runs(status=RunStatus.RUNNING)
    return [f"{run.start_time:%d}" for run in runs]


@pytest.mark.parametrize(
    ("overlap", "open_days"),
    [(Overlap.ALLOW, ["24", "23"]), (Overlap.SKIP, ["23"]), (Overlap.SUPERSEDE, ["24"])],
)
async def test_the_overlap_policy_decides_about_an_open_run(
    core: CoreHarness, overlap: Overlap, open_days: list[str]
) -> None:
    assert await overlapping(core, overlap) == open_days


async def test_a_run_does_not_supersede_itself_after_a_crash(core: CoreHarness) -> None:
    core.engine.known[:] = [daily(expect=Expectation(overlap=Overlap.SUPERSEDE))]
    harness = SchedulerHarness(core)
    await harness.tick("2026-11-24 02:59")
    checkpoint = await core.store.find_value(last_fired_key(core.engine.known[0]))
    await harness.tick("2026-11-24 03:00")
    await core.do_jobs()
    await core.store.set_value(last_fired_key(core.engine.known[0]), checkpoint or "")
    harness.start()
    await harness.tick("2026-11-24 03:00:01")
    assert not any(task.status.ended for task in core.engine.all_tasks.values())


async def test_a_changed_cron_line_starts_from_now(core: CoreHarness) -> None:
    harness = SchedulerHarness(core)
    await harness.tick("2026-11-24 12:00")
    core.engine.known = [daily(cron="0 11 * * *")]
    harness.start()
    assert await harness.tick("2026-11-24 12:00:01") == 0


def test_the_misfire_grace_is_a_minute() -> None:
    assert SchedulePolicy(zone=SHANGHAI).misfire_grace == timedelta(minutes=1)


@pytest.mark.parametrize(("second", "wait"), [("00", 5.0), ("03.500", 1.5), ("55", 5.0), ("59.500", 0.5)])
def test_the_scheduler_looks_as_each_minute_begins(second: str, wait: float) -> None:
    assert seconds_to_interval(at(f"2026-11-24 03:00:{second}")) == pytest.approx(wait)


async def test_a_one_time_schedule_fires_at_its_second(core: CoreHarness) -> None:
    times = ("03:00:02", "03:00:03.500", "03:00:31")
    core.engine.known = [daily(id=time, cron="", at=at(f"2026-11-24 {time}")) for time in times]
    harness = SchedulerHarness(core)
    waits = []
    for time in ("03:00:01", "03:00:02", "03:00:03.500"):
        await harness.tick(f"2026-11-24 {time}")
        waits.append(harness.scheduler.seconds_to_tick(at(f"2026-11-24 {time}")))
    assert waits == pytest.approx([1, 1.5, 1.5])


async def test_an_unreadable_schedule_does_not_block_the_others(
    core: CoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    core.engine.known = [daily(id="odd", cron="no cron line at all"), daily()]
    harness = SchedulerHarness(core)
    assert [await harness.tick(f"2026-11-24 {time}") for time in ("02:59", "03:00:01")] == [0, 1]
    assert "CronSimError" in caplog.text


async def test_the_scheduler_survives_an_error_of_the_engine(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.runs.scheduler.TICK_SECONDS", 0.001)
    harness, known, asked = SchedulerHarness(core), core.engine.schedules, asyncio.Semaphore(0)
    answers: list[Exception] = [TemporaryError("away")]

    async def sometimes() -> Sequence[Schedule]:
        asked.release()
        if answers:
            raise answers.pop()
        return await known()

    monkeypatch.setattr(core.engine, "schedules", sometimes)
    running = asyncio.create_task(harness.scheduler.run(core.clock))
    async with asyncio.timeout(5):
        for _ in range(3):
            await asked.acquire()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert answers == []
