"""Quota levels, thresholds and forecasts."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.models import QuotaKind
from bot.quota.budget import (
    Balance,
    Budget,
    QuotaLevel,
    digest_wait,
    forecast,
    month_end,
    month_of,
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


def test_digests_are_spread_over_what_is_left_of_the_month() -> None:
    assert digest_wait(balance(960)) == timedelta(days=15) / 30
    assert digest_wait(balance(990)) == timedelta(days=15)
    assert digest_wait(balance(0)) > timedelta(minutes=10)


def test_only_the_highest_passed_threshold_is_reported() -> None:
    assert passed_thresholds(balance(799, 0)) == []
    assert passed_thresholds(balance(960, 850)) == [(QuotaKind.API, 95), (QuotaKind.STREAM, 80)]


def test_the_forecast_goes_on_at_the_pace_so_far() -> None:
    seen = forecast(balance(800), QuotaKind.API)
    assert seen is not None
    assert seen.at_end == 1_600
    assert seen.lasts_until == MIDDLE + timedelta(days=15) / 4


def test_a_slow_month_lasts_to_its_end() -> None:
    seen = forecast(balance(100), QuotaKind.API)
    assert seen is not None
    assert (seen.at_end, seen.lasts_until) == (200, None)


def test_the_first_hours_of_a_month_tell_nothing() -> None:
    assert forecast(balance(50, now=datetime(2026, 10, 31, 17, tzinfo=UTC)), QuotaKind.API) is None


def test_a_month_begins_at_midnight_in_china() -> None:
    assert month_of(datetime(2026, 11, 30, 15, 59, tzinfo=UTC)) == "2026-11"
    assert month_of(datetime(2026, 11, 30, 16, 0, tzinfo=UTC)) == "2026-12"
    assert month_end(MIDDLE) == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
