"""Schedules fire in their time zone, once, and what was missed is seen."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bot.errors import TemporaryError
from bot.models import Schedule
from bot.runs.scheduler import MisfirePolicy, SchedulePolicy, Scheduler, last_due, next_due
from tests.conftest import CoreHarness
from tests.factories import make_schedule

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    """A time in Shanghai."""
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
def test_cron_is_read_in_the_time_zone(now: str, last: str, following: str) -> None:
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


def times_of(cron: str, start: datetime, zone: ZoneInfo, hours: int = 4) -> list[str]:
    """When a schedule fires, looked at every minute; never before its time."""
    looks = [start + timedelta(minutes=minute) for minute in range(-1, hours * 60)]
    dues = [last_due(daily(cron=cron), now, zone) for now in looks]
    assert all(due and due <= now for due, now in zip(dues, looks, strict=True))
    return [f"{due:%H:%M}" for due, before in pairwise(reversed(dues)) if due and due != before][::-1]


@pytest.mark.parametrize(("start", "zone"), [(AUTUMN, BERLIN), (SPRING, BERLIN), (HALF_AN_HOUR, LORD_HOWE)])
def test_what_fires_every_minute_does_so_through_a_clock_change(start: datetime, zone: ZoneInfo) -> None:
    assert len(times_of("* * * * *", start, zone)) == 4 * 60


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
def test_an_hour_that_comes_twice_or_never_is_fired_in_time(
    cron: str, start: datetime, zone: ZoneInfo, fired: list[str]
) -> None:
    assert times_of(cron, start, zone) == fired


def test_the_next_time_is_never_one_that_is_over() -> None:
    second_time = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 in Berlin, once more
    tomorrow = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert next_due(daily(cron="30 2 * * *"), second_time, BERLIN) == tomorrow


def test_a_schedule_for_once_fires_once() -> None:
    once = daily(cron="", at=at("2026-12-01 03:00"))
    assert last_due(once, at("2026-12-01 02:59"), SHANGHAI) is None
    assert next_due(once, at("2026-12-01 02:59"), SHANGHAI) == once.at
    assert last_due(once, at("2026-12-02 00:00"), SHANGHAI) == once.at
    assert next_due(once, at("2026-12-02 00:00"), SHANGHAI) is None


class Days:
    """A scheduler on a desk, with starts and days."""

    def __init__(self, desk: CoreHarness, missed: MisfirePolicy = MisfirePolicy.ONCE) -> None:
        self.desk, self.missed = desk, missed
        self.start()

    def start(self) -> None:
        timetable = SchedulePolicy(zone=SHANGHAI, misfire_policy=self.missed)
        self.scheduler = Scheduler(self.desk.store, self.desk.engine, self.desk.runs, timetable=timetable)

    async def tick(self, time: str) -> int:
        return await self.scheduler.tick(at(time))

    async def causes(self) -> list[str]:
        return [run.idempotency_key for run in await self.desk.store.find_runs()]


async def test_it_fires_at_its_minute_and_once(desk: CoreHarness) -> None:
    days = Days(desk)
    assert [await days.tick(f"2026-11-24 {time}") for time in ("02:59:59", "03:00:00", "03:00:01")] == [
        0,
        1,
        0,
    ]
    assert await days.causes() == ["cron:s1:2026-11-23T19:00:00+00:00"]


async def test_a_new_schedule_does_not_fire_for_the_past(desk: CoreHarness) -> None:
    assert await Days(desk).tick("2026-11-24 03:00:01") == 0


async def test_two_processes_make_one_run_of_a_tick(desk: CoreHarness) -> None:
    first, second = Days(desk), Days(desk)
    for days in (first, second):
        await days.tick("2026-11-24 02:00")
    for days in (first, second):
        await days.tick("2026-11-24 03:00:01")
    assert len(await desk.store.find_runs()) == 1


async def test_what_was_missed_runs_once(desk: CoreHarness) -> None:
    days = Days(desk)
    await days.tick("2026-11-20 12:00")
    days.start()
    assert await days.tick("2026-11-24 12:00") == 1
    assert await days.tick("2026-11-24 12:01") == 0
    assert await days.causes() == ["cron:s1:2026-11-23T19:00:00+00:00"]


async def test_what_was_missed_can_be_skipped(desk: CoreHarness) -> None:
    days = Days(desk, MisfirePolicy.SKIP)
    await days.tick("2026-11-20 12:00")
    days.start()
    assert await days.tick("2026-11-24 12:00") == 0
    assert await days.tick("2026-11-25 03:00:01") == 1


@pytest.mark.parametrize("restart", [True, False])
async def test_a_clock_that_was_ahead_silences_nothing_once_it_is_right(
    desk: CoreHarness, caplog: pytest.LogCaptureFixture, restart: bool
) -> None:
    days = Days(desk)
    assert await days.tick("2026-11-24 02:59") == 0
    assert [await days.tick(f"2026-11-{day} 03:00:01") for day in (25, 26)] == [1, 1]  # the clock is ahead
    if restart:
        days.start()
    assert await days.tick("2026-11-24 12:00") == 0  # and is set right
    assert "by a clock that was ahead" in caplog.text
    assert [await days.tick(f"2026-11-{day} 03:00:01") for day in (25, 26, 27)] == [1, 1, 1]
    assert len(await days.causes()) == 5


async def test_clocks_that_differ_a_little_are_not_taken_for_one_that_was_ahead(
    desk: CoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    days, other = Days(desk), Days(desk)
    await days.tick("2026-11-24 02:00")
    assert await days.tick("2026-11-24 03:00:01") == 1
    assert await other.tick("2026-11-24 02:59:20") == 0
    assert caplog.text == ""


async def test_a_changed_cron_line_starts_anew(desk: CoreHarness) -> None:
    days = Days(desk)
    await days.tick("2026-11-24 12:00")
    desk.engine.known = [daily(cron="0 11 * * *")]
    days.start()
    assert await days.tick("2026-11-24 12:00:01") == 0


def test_the_grace_is_a_minute() -> None:
    assert SchedulePolicy(zone=SHANGHAI).misfire_grace == timedelta(minutes=1)


async def test_a_schedule_that_makes_no_sense_does_not_hold_up_the_others(
    desk: CoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    desk.engine.known = [daily(id="odd", cron="no cron line at all"), daily()]
    days = Days(desk)
    assert [await days.tick(f"2026-11-24 {time}") for time in ("02:59", "03:00:01")] == [0, 1]
    assert "CronSimError" in caplog.text


async def test_it_keeps_time_whatever_the_engine_does(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.runs.scheduler.TICK_SECONDS", 0.001)
    days, known, asked = Days(desk), desk.engine.schedules, asyncio.Semaphore(0)
    answers: list[Exception] = [TemporaryError("away")]

    async def sometimes() -> Sequence[Schedule]:
        asked.release()
        if answers:
            raise answers.pop()
        return await known()

    monkeypatch.setattr(desk.engine, "schedules", sometimes)
    keeping = asyncio.create_task(days.scheduler.run(desk.clock))
    async with asyncio.timeout(5):
        for _ in range(3):
            await asked.acquire()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert answers == []
