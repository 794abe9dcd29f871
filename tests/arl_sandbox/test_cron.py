"""Cron expressions as ARL's library parses them."""

from datetime import datetime

import pytest

from arl_sandbox import ZONE
from arl_sandbox.cron import CronError, is_too_often, next_fire


def here(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("cron", "after", "fires"),
    [
        ("0 3 * * *", "2026-11-24 02:59", "2026-11-24 03:00"),
        ("0 3 1,15 * 1", "2026-11-24 00:00", "2027-02-01 03:00"),
        ("@daily", "2026-11-24 12:00", "2026-11-25 00:00"),
        ("0 3 L * *", "2026-11-24 12:00", "2026-11-30 03:00"),
        ("0 3 * * L5", "2026-11-24 12:00", "2026-11-27 03:00"),
        ("0 3 * * 7", "2026-11-24 12:00", "2026-11-29 03:00"),
        ("0 3 * nov tue", "2026-11-24 12:00", "2027-11-02 03:00"),
        ("0 3 1 1 * 2028", "2026-11-24 12:00", "2028-01-01 03:00"),
        ("0 3 1 1 * 2028-2029", "2026-11-24 12:00", "2028-01-01 03:00"),
        ("30 0 3 * * * *", "2026-11-24 12:00", "2026-11-25 03:00:30"),
    ],
)
def test_a_line_fires(cron: str, after: str, fires: str) -> None:
    assert next_fire(cron, here(after)) == here(fires)


@pytest.mark.parametrize(
    "cron", ["", "x", "0 3 * *", "0 25 * * *", "H 3 * * *", "0 3 * * * x", "0 0 0 * * * * *"]
)
def test_a_line_that_is_none_is_refused(cron: str) -> None:
    with pytest.raises(CronError):
        next_fire(cron, here("2026-11-24 00:00"))


@pytest.mark.parametrize(
    ("cron", "made_at", "refused"),
    [
        ("0 */6 * * *", "12:00", False),
        ("0 */5 * * *", "12:00", True),
        ("* * * * *", "12:00", True),
        ("0 0,1 * * *", "00:30", False),
        ("0 0,1 * * *", "12:00", False),
        ("0 0-5 * * *", "03:30", True),
        ("0 0-5 * * *", "04:30", False),
        ("0 0-5 * * *", "12:00", False),
    ],
)
def test_the_check_for_six_hours_looks_at_two_gaps_alone(cron: str, made_at: str, refused: bool) -> None:
    assert is_too_often(cron, here(f"2026-11-24 {made_at}")) is refused
