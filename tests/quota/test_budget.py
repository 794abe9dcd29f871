"""Quota levels, thresholds and forecasts."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.models import QuotaKind
from bot.quota.budget import (
    Balance,
    Budget,
    Forecast,
    QuotaLevel,
    digest_wait,
    forecast,
    month_end,
    month_of,
    month_start,
    passed_thresholds,
    quota_level,
    webhook_quota_level,
)

BUDGET = Budget(limits={QuotaKind.API: 1_000, QuotaKind.STREAM: 1_000})
MIDDLE = datetime(2026, 11, 15, 16, tzinfo=UTC)  # half of November is over in China


def balance(api: int = 0, stream: int = 0, *, now: datetime = MIDDLE, **changes: object) -> Balance:
    booked = {QuotaKind.API: api, QuotaKind.STREAM: stream}
    return Balance(**({"budget": BUDGET, "booked": booked, "now": now} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("api", "stream", "has_fallback", "level"),
    [
        (0, 0, False, QuotaLevel.FULL),
        (799, 0, False, QuotaLevel.FULL),
        (800, 0, False, QuotaLevel.NO_UPDATES),
        (880, 0, False, QuotaLevel.NO_FILE),
        (950, 0, False, QuotaLevel.DIGEST),
        (950, 0, True, QuotaLevel.WEBHOOK),
        (950, 900, True, QuotaLevel.DIGEST),
        (989, 900, True, QuotaLevel.DIGEST),
        (990, 0, False, QuotaLevel.SPENT),
        (990, 0, True, QuotaLevel.WEBHOOK),
        (2_000, 900, True, QuotaLevel.SPENT),
    ],
)
def test_the_level_rises_as_the_month_runs_out(
    api: int, stream: int, has_fallback: bool, level: QuotaLevel
) -> None:
    assert quota_level(balance(api, stream), has_fallback=has_fallback) is level


@pytest.mark.parametrize(
    ("stream", "level"), [(899, QuotaLevel.FULL), (900, QuotaLevel.DIGEST), (990, QuotaLevel.SPENT)]
)
def test_a_webhook_robot_has_levels_of_its_own(stream: int, level: QuotaLevel) -> None:
    assert webhook_quota_level(balance(1_000, stream)) is level


def test_without_a_limit_everything_goes() -> None:
    assert quota_level(balance(10**6, budget=Budget())) is QuotaLevel.FULL


def test_a_quota_that_dingtalk_reports_as_used_up_is_used_up() -> None:
    refused = balance(10, refused=frozenset({QuotaKind.API}))
    assert (quota_level(refused), refused.left(QuotaKind.API)) == (QuotaLevel.SPENT, 0)
    assert (refused.share(QuotaKind.API), forecast(refused, QuotaKind.API)) == (
        1.0,
        Forecast(at_end=20, lasts_until=MIDDLE),
    )


@pytest.mark.parametrize(
    ("spent", "left", "share"),
    [
        (balance(booked={}), 1_000, 0.0),  # no call was made yet
        (balance(820), 180, 0.82),
        (balance(1_200), 0, 1.2),  # others use the same quota
        (balance(820, budget=Budget()), None, 0.0),
    ],
)
def test_what_is_left_of_a_limit_is_at_least_nothing(spent: Balance, left: int | None, share: float) -> None:
    assert (spent.left(QuotaKind.API), spent.share(QuotaKind.API)) == (left, share)


def test_digests_are_spread_over_what_is_left_of_the_month() -> None:
    assert digest_wait(balance(960), QuotaKind.API) == timedelta(days=15) / 30
    assert digest_wait(balance(990), QuotaKind.API) == timedelta(days=15)
    assert digest_wait(balance(0, 960), QuotaKind.STREAM) == timedelta(days=15) / 30
    assert digest_wait(balance(0), QuotaKind.API) > timedelta(minutes=10)


def test_only_the_highest_passed_threshold_is_reported() -> None:
    assert passed_thresholds(balance(799, 0)) == []
    assert passed_thresholds(balance(800, 950)) == [(QuotaKind.API, 80), (QuotaKind.STREAM, 95)]
    assert passed_thresholds(balance(960, 850)) == [(QuotaKind.API, 95), (QuotaKind.STREAM, 80)]


@pytest.mark.parametrize(
    ("used", "at_end", "lasts"),
    [
        (0, 0, None),
        (100, 200, None),
        (500, 1_000, None),  # to the very end
        (501, 1_002, timedelta(days=15) * 499 / 501),
        (800, 1_600, timedelta(days=15) / 4),
        (1_000, 2_000, timedelta(0)),
        (1_200, 2_400, timedelta(0)),
    ],
)
def test_the_forecast_goes_on_at_the_pace_so_far(used: int, at_end: int, lasts: timedelta | None) -> None:
    until = None if lasts is None else MIDDLE + lasts
    assert forecast(balance(used), QuotaKind.API) == Forecast(at_end=at_end, lasts_until=until)


def test_the_first_hours_of_a_month_tell_nothing() -> None:
    sixth_hour = datetime(2026, 10, 31, 22, tzinfo=UTC)
    assert forecast(balance(50, now=sixth_hour - timedelta(seconds=1)), QuotaKind.API) is None
    assert forecast(balance(50, now=sixth_hour), QuotaKind.API) is not None


def test_without_a_limit_there_is_no_forecast() -> None:
    assert forecast(balance(800, budget=Budget()), QuotaKind.API) is None


def test_a_month_begins_at_midnight_in_china() -> None:
    assert month_of(datetime(2026, 11, 30, 15, 59, tzinfo=UTC)) == "2026-11"
    assert month_of(datetime(2026, 11, 30, 16, 0, tzinfo=UTC)) == "2026-12"


@pytest.mark.parametrize("now", [MIDDLE, MIDDLE + timedelta(hours=1, minutes=2, seconds=3, microseconds=4)])
def test_a_month_is_whole_whenever_it_is_asked_for(now: datetime) -> None:
    assert month_start(now) == datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert month_end(now) == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
