"""Tests of the rules by which a start is missed, and a run is late or overdue."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Expectation, LapseKind, Run, RunStatus, Schedule, ScheduleState, TaskCounts, Watch
from bot.runs.expectations import (
    MAX_DURATIONS,
    Observation,
    count_missed,
    expected_times,
    extend_observation,
    first_missed,
    is_start_after,
    judge_run,
    late_after,
    overdue_after,
    plan_of,
    usual_duration,
)
from bot.runs.scheduler import last_due
from tests.factories import NOW, make_run, make_schedule

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def at(text: str) -> datetime:
    """Parse a time on 2026-11-24 in Shanghai, or of another day."""
    day = "" if "-" in text else "2026-11-24 "
    return datetime.fromisoformat(f"{day}{text}").replace(tzinfo=SHANGHAI).astimezone(UTC)


def expecting(
    cron: str = "0 * * * *", state: ScheduleState = ScheduleState.ACTIVE, **expect: Any
) -> Schedule:
    return make_schedule(cron=cron, state=state, expect=Expectation(**expect))


def watch(last: str = "", since: str = "00:30") -> Watch:
    return Watch(schedule_id="s1", since=at(since), last_start=at(last) if last else None)


def seen(until: str, since: str = "00:00") -> Observation:
    return Observation(since=at(since), until=at(until))


@pytest.mark.parametrize(
    ("last", "until", "missed"),
    [
        ("", "01:04:59", None),  # within the grace
        ("", "01:05", "01:00"),
        ("01:00", "01:30", None),
        ("00:59:00", "01:30", None),  # ARL starts a little early
        ("00:58:00", "01:30", "01:00"),  # too early to be the run of this time
        ("01:20", "01:30", None),  # late, but there
        ("01:00", "05:30", "02:00"),  # the first of several is told, so that it is told once
    ],
)
def test_a_time_without_a_start_is_missed_after_its_grace(last: str, until: str, missed: str | None) -> None:
    found = first_missed(expecting(), watch(last), seen(until), SHANGHAI)
    assert found == (at(missed) if missed else None)


@pytest.mark.parametrize("state", [ScheduleState.STOPPED, ScheduleState.OVER])
def test_a_schedule_that_is_not_active_misses_nothing(state: ScheduleState) -> None:
    assert first_missed(expecting(state=state), watch(), seen("05:00"), SHANGHAI) is None
    assert plan_of(expecting(state=state), SHANGHAI) == ""


def test_nothing_is_missed_from_before_the_schedule_was_watched() -> None:
    assert first_missed(expecting(), watch(since="02:30"), seen("03:04"), SHANGHAI) is None


def test_after_downtime_the_grace_begins_anew() -> None:
    assert first_missed(expecting(), watch("01:00"), seen("04:34", since="04:30"), SHANGHAI) is None
    assert first_missed(expecting(), watch("01:00"), seen("04:35", since="04:30"), SHANGHAI) == at("02:00")


def test_every_counts_from_the_last_start() -> None:
    schedule = expecting(every=HOUR)
    assert first_missed(schedule, watch("01:10"), seen("02:14"), SHANGHAI) is None
    assert first_missed(schedule, watch("01:10"), seen("02:15"), SHANGHAI) == at("02:10")


def test_a_one_time_schedule_is_missed_once() -> None:
    schedule = make_schedule(cron="", at=at("03:00"))
    assert first_missed(schedule, watch(), seen("03:05"), SHANGHAI) == at("03:00")
    assert first_missed(schedule, watch("03:20"), seen("09:00"), SHANGHAI) is None


def test_a_schedule_without_times_misses_nothing() -> None:
    assert first_missed(make_schedule(cron=""), watch(), seen("23:00"), SHANGHAI) is None


def test_a_minutely_schedule_misses_the_minute_after_its_last_start() -> None:
    assert first_missed(expecting("* * * * *"), watch("01:00"), seen("01:10"), SHANGHAI) == at("01:01")


def test_the_cron_line_of_an_engine_is_in_its_own_time_zone() -> None:
    schedule = expecting("0 3 * * *", timezone="UTC")
    assert first_missed(schedule, watch(), seen("10:00"), SHANGHAI) is None
    assert first_missed(schedule, watch(), seen("11:05"), SHANGHAI) == at("11:00")


@pytest.mark.parametrize(
    ("start", "count"), [("02:03", 1), ("02:30", 2), ("07:00", 6), ("07:04:59", 6), ("07:05", 7)]
)
def test_the_times_that_passed_until_a_start_are_counted(start: str, count: int) -> None:
    assert count_missed(expecting(), at("01:00"), at(start), SHANGHAI) == count


def test_a_start_ends_what_was_missed() -> None:
    assert is_start_after(at("01:20"), at("01:00"))
    assert is_start_after(at("00:59"), at("01:00"))
    assert not is_start_after(at("00:10"), at("01:00"))
    assert not is_start_after(None, at("01:00"))


AUTUMN = datetime(2026, 10, 24, 22, 0, 30, tzinfo=UTC)  # at 01:00 UTC it is 02:00 in Berlin again
SPRING = datetime(2027, 3, 27, 22, 0, 30, tzinfo=UTC)
HALF_AN_HOUR = datetime(2027, 4, 3, 13, 0, 50, tzinfo=UTC)


CLOCK_CHANGES = [(AUTUMN, BERLIN), (SPRING, BERLIN), (HALF_AN_HOUR, LORD_HOWE), (NOW, SHANGHAI)]


def expected_and_fired(cron: str, start: datetime, zone: ZoneInfo) -> tuple[list[datetime], list[datetime]]:
    """Return the times of eight hours that are expected, and those at which the scheduler fires."""
    schedule, end = expecting(cron), start + 8 * HOUR
    expected = list(takewhile(lambda time: time <= end, expected_times(schedule, start, zone)))
    dues = [last_due(schedule, start + minute * MINUTE, zone) for minute in range(8 * 60 + 1)]
    return expected, [due for due in dict.fromkeys(dues) if due and due > start]


@pytest.mark.parametrize(("start", "zone"), CLOCK_CHANGES)
@pytest.mark.parametrize(
    "cron", ["30 2 * * *", "*/30 2 * * *", "30 * * * *", "45 1 * * *", "0 0 29 2 *", "*/7 * * * *"]
)
def test_what_is_expected_is_what_the_scheduler_fires(cron: str, start: datetime, zone: ZoneInfo) -> None:
    expected, fired = expected_and_fired(cron, start, zone)
    assert set(expected) <= set(fired)
    assert expected == fired or zone is LORD_HOWE  # a time in a repeated half hour may not be expected


def test_a_leap_day_is_expected_in_leap_years_only() -> None:
    (first,) = list(
        takewhile(
            lambda time: time.year < 2032, expected_times(expecting("0 3 29 2 *"), at("2026-11-24"), SHANGHAI)
        )
    )
    assert f"{first.astimezone(SHANGHAI):%Y-%m-%d}" == "2028-02-29"


def lasting(*minutes: float, **changes: Any) -> list[Run]:
    """Return successful runs that took so many minutes."""
    defaults: dict[str, Any] = {"status": RunStatus.FINISHED, "task_counts": TaskCounts(total=1, done=1)}
    return [make_run(end_time=NOW + each * MINUTE, **(defaults | changes)) for each in minutes]


def test_the_usual_duration_is_p95_of_at_least_eight_good_runs() -> None:
    assert usual_duration(lasting(*range(1, 8))) is None
    assert usual_duration(lasting(*range(1, 9))) == 8 * MINUTE
    assert usual_duration(lasting(*range(1, 21))) == 19 * MINUTE


def test_failed_runs_and_retries_are_no_measure() -> None:
    failed = lasting(*[99] * 9, task_counts=TaskCounts(total=1, error=1))
    assert usual_duration([*failed, *lasting(*[99] * 9, idempotency_key="retry:r1:m1")]) is None


def test_only_the_last_fifty_runs_count() -> None:
    assert usual_duration([*lasting(*[1] * MAX_DURATIONS), *lasting(*[500] * 50)]) == MINUTE


@pytest.mark.parametrize(
    ("usual", "factor", "minutes"),
    [(None, 1.5, None), (60, 1.5, 90), (2, 1.5, 12), (60, 0, None), (60, 3.0, 180)],
)
def test_a_run_is_late_after_a_multiple_of_the_usual(
    usual: float | None, factor: float, minutes: float | None
) -> None:
    limit = late_after(Expectation(late_factor=factor), usual * MINUTE if usual else None)
    assert limit == (minutes * MINUTE if minutes else None)


@pytest.mark.parametrize(
    ("usual", "max_runtime", "hours"), [(None, None, 24), (2, None, 24), (10, None, 30), (10, 1, 1)]
)
def test_a_run_is_overdue_after_its_maximum_or_what_its_history_tells(
    usual: float | None, max_runtime: float | None, hours: float
) -> None:
    expect = Expectation(max_runtime=max_runtime * HOUR if max_runtime else None)
    assert overdue_after(expect, usual * HOUR if usual else None) == hours * HOUR


@pytest.mark.parametrize(
    ("minutes", "kind"), [(89, None), (90, LapseKind.LATE), (119, LapseKind.LATE), (120, LapseKind.OVERDUE)]
)
def test_an_open_run_is_late_and_then_overdue(minutes: float, kind: LapseKind | None) -> None:
    run = make_run(id="r1")
    found = judge_run(run, Expectation(max_runtime=2 * HOUR), HOUR, NOW + minutes * MINUTE)
    assert (found.id if found else None) == (f"{kind}:r1" if kind else None)


@pytest.mark.parametrize(
    ("step", "since"), [(timedelta(seconds=20), NOW), (2 * HOUR, NOW + 2 * HOUR), (-HOUR, NOW - HOUR)]
)
def test_a_gap_or_a_clock_set_back_begins_a_new_observation(step: timedelta, since: datetime) -> None:
    extended = extend_observation(Observation(since=NOW, until=NOW), NOW + step)
    assert extended == Observation(since=since, until=NOW + step)


CRONS = ("* * * * *", "*/10 * * * *", "0 * * * *", "30 2 * * *", "0 9 * * 1-5")


@given(
    cron=st.sampled_from(CRONS),
    zone=st.sampled_from([SHANGHAI, BERLIN, LORD_HOWE]),
    starts=st.lists(st.integers(0, 3 * 24 * 60), max_size=8),
    begin=st.sampled_from([AUTUMN, SPRING, HALF_AN_HOUR]),
)
def test_the_first_missed_time_does_not_depend_on_when_it_is_judged(
    cron: str, zone: ZoneInfo, starts: Sequence[int], begin: datetime
) -> None:
    schedule = expecting(cron)
    last = begin + max(starts) * MINUTE if starts else None
    seen_starts = Watch(schedule_id="s1", since=begin, last_start=last)
    end = begin + timedelta(days=8)
    found = {
        first_missed(schedule, seen_starts, Observation(since=begin, until=end - early * HOUR), zone)
        for early in (0, 1, 7, 30)
    }
    assert len(found - {None}) <= 1
    assert all(time > (last or begin) for time in found if time)
