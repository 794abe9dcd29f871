"""Test when quiet hours are in force."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.policy.quiet_hours import QuietHours
from bot.models import Destination
from tests.factories import make_ended_run

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(start=time(22), end=time(8), zone=SHANGHAI)
NOON = QuietHours(start=time(12), end=time(13, 30), zone=SHANGHAI)
GROUP = Destination.parse("group:cidA")
AT_NIGHT = datetime(2026, 11, 24, 23, tzinfo=SHANGHAI)


def end_of(hours: QuietHours, day: int, hour: int, minute: int = 0) -> str:
    end = hours.end_after(datetime(2026, 11, day, hour, minute, tzinfo=hours.zone))
    return f"{end.astimezone(hours.zone):%d %H:%M}" if end else ""


@pytest.mark.parametrize(
    ("hour", "minute", "end"),
    [
        (21, 59, ""),
        (22, 0, "25 08:00"),
        (23, 59, "25 08:00"),
        (0, 0, "24 08:00"),
        (7, 59, "24 08:00"),
        (8, 0, ""),
        (12, 0, ""),
    ],
)
def test_quiet_hours_may_span_midnight(hour: int, minute: int, end: str) -> None:
    assert end_of(NIGHT, 24, hour, minute) == end


@pytest.mark.parametrize(("hour", "minute", "end"), [(11, 59, ""), (12, 0, "24 13:30"), (13, 30, "")])
def test_quiet_hours_may_be_within_a_day(hour: int, minute: int, end: str) -> None:
    assert end_of(NOON, 24, hour, minute) == end


def test_the_clock_of_the_zone_counts_when_it_is_changed() -> None:
    hours = QuietHours(start=time(22), end=time(8), zone=BERLIN)
    before = datetime(2026, 10, 24, 22, tzinfo=BERLIN)
    end = hours.end_after(before)
    assert end == datetime(2026, 10, 25, 8, tzinfo=BERLIN)
    assert end is not None
    assert end - before.astimezone(UTC) == timedelta(hours=11)


def test_quiet_hours_that_end_at_a_time_that_does_not_exist_end() -> None:
    hours = QuietHours(start=time(1), end=time(2, 30), zone=BERLIN)  # at 2:00, clocks go to 3:00
    end = hours.end_after(datetime(2026, 3, 29, 1, 15, tzinfo=BERLIN))
    assert end == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_failures_may_pass() -> None:
    failures = QuietHours(start=time(22), end=time(8), zone=SHANGHAI, except_failed=True)
    well, failed = make_ended_run(), make_ended_run(error=1)
    assert failures.wait_until(well, GROUP, AT_NIGHT) is not None
    assert failures.wait_until(failed, GROUP, AT_NIGHT) is None
    assert NIGHT.wait_until(failed, GROUP, AT_NIGHT) is not None


@given(
    st.times(),
    st.times(),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - in UTC below
    st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/Sao_Paulo"), ZoneInfo("Pacific/Apia")]),
)
def test_quiet_hours_always_end_within_a_day_and_are_over_then(
    start: time, end: time, now: datetime, zone: ZoneInfo
) -> None:
    hours = QuietHours(start=start, end=end, zone=zone)
    found = hours.end_after(now.replace(tzinfo=UTC)) if start != end else None
    if found:
        assert timedelta() < found - now.replace(tzinfo=UTC) <= timedelta(days=1, hours=2)
        assert hours.end_after(found) != found
