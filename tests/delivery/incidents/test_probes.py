"""When a disk counts as nearly full, and when the calls of a month will not last."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from bot.delivery.incidents.disk import DiskProbe
from bot.delivery.incidents.quota import QuotaProbe
from bot.models import QuotaKind
from bot.quota.budget import CHINA, Budget, month_of
from bot.quota.governor import Governor
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from tests.fakes import FakeClock

GB = 1024**3


def disk(total: float, free: float, *, files: int = 1_000, free_files: int = 900) -> os.statvfs_result:
    """A disk of so many bytes."""
    blocks, left = int(total / 4096), int(free / 4096)
    return os.statvfs_result((4096, 4096, blocks, left, left, files, free_files, free_files, 0, 255))


@pytest.mark.parametrize(
    ("state", "is_open", "full"),
    [
        (disk(100 * GB, 1.1 * GB), False, False),
        (disk(100 * GB, 0.9 * GB), False, True),
        (disk(100 * GB, 1.1 * GB), True, True),
        (disk(100 * GB, 1.6 * GB), True, False),
        (disk(4_000 * GB, 2 * GB), False, False),  # a small share, but enough
        (disk(0.25 * GB, 0.1 * GB), False, False),  # a small disk
        (disk(0.25 * GB, 0.01 * GB), False, True),
        (disk(100 * GB, 50 * GB, free_files=40), False, True),
        (disk(100 * GB, 50 * GB, files=0, free_files=0), False, False),
        (disk(0, 0), False, False),  # /proc and the like
    ],
)
async def test_a_disk_is_nearly_full(
    tmp_path: Path, state: os.statvfs_result, is_open: bool, full: bool
) -> None:
    probe = DiskProbe([tmp_path / "not" / "there" / "yet"], stat=lambda path: state)
    assert bool(await probe.check(is_open)) == full


async def test_a_full_disk_is_told_with_its_numbers(tmp_path: Path) -> None:
    probe = DiskProbe([tmp_path], stat=lambda path: disk(100 * GB, 0.4 * GB))
    assert await probe.check(False) == {
        "folder": str(tmp_path),
        "free_mb": 409,
        "percent": 0,
        "why": f"{tmp_path}: 409 MB free, 0.4%",
    }
    few_files = DiskProbe([tmp_path], stat=lambda path: disk(100 * GB, 50 * GB, free_files=40))
    assert await few_files.check(False) == {
        "folder": str(tmp_path),
        "free_mb": 50 * 1024,
        "percent": 4,
        "why": f"{tmp_path}: 51200 MB free, 4.0%",
    }
    odd = DiskProbe([tmp_path], stat=lambda path: disk(0, 0, free_files=40))
    assert await odd.check(False) == {
        "folder": str(tmp_path),
        "free_mb": 0,
        "percent": 0,
        "why": f"{tmp_path}: 0 MB free, 0.0%",
    }


@pytest.mark.parametrize(
    ("state", "is_open", "full"),
    [
        (disk(100 * GB, GB), False, False),
        (disk(100 * GB, GB - 4096), False, True),
        (disk(100 * GB, 1.5 * GB), True, False),
        (disk(100 * GB, 1.5 * GB - 4096), True, True),
        (disk(10 * GB, 0.5 * GB - 8192), False, True),
        (disk(100 * GB, 50 * GB, free_files=50), False, False),
        (disk(100 * GB, 50 * GB, free_files=74), True, True),
        (disk(100 * GB, 50 * GB, free_files=76), True, False),
    ],
)
async def test_the_limits_of_a_full_disk(
    tmp_path: Path, state: os.statvfs_result, is_open: bool, full: bool
) -> None:
    assert bool(await DiskProbe([tmp_path], stat=lambda path: state).check(is_open)) == full


async def test_the_first_full_disk_of_several_is_told(tmp_path: Path) -> None:
    full, fuller = tmp_path / "b", tmp_path / "c"
    free = {tmp_path: 50 * GB, full: 0.5 * GB, fuller: 0.25 * GB}
    for folder in (full, fuller):
        folder.mkdir()
    found = await DiskProbe(list(free), stat=lambda path: disk(100 * GB, free[path])).check(False)
    assert found is not None
    assert found["folder"] == str(full)


async def test_a_disk_that_cannot_be_asked_is_told(tmp_path: Path) -> None:
    def gone(path: Path) -> os.statvfs_result:
        raise OSError(5, "Input/output error")

    found = await DiskProbe([tmp_path], stat=gone).check(False)
    why = {"free_mb": 0, "percent": 0, "why": "Input/output error"}
    assert found == {"folder": str(tmp_path), **why}


async def test_a_disk_that_fails_without_a_reason_is_told(tmp_path: Path) -> None:
    def gone(path: Path) -> os.statvfs_result:
        raise OSError

    found = await DiskProbe([tmp_path], stat=gone).check(False)
    assert found is not None
    assert found["why"] == "no disk"


async def test_this_disk_can_be_asked(tmp_path: Path) -> None:
    await DiskProbe([tmp_path]).check(False)


@pytest.mark.parametrize(
    ("day", "used", "is_open", "runs_out"),
    [
        (2, 900, False, ""),  # too early in the month
        (10, 290, False, ""),
        (10, 305, False, ""),  # a few hours before its end
        (10, 400, False, "2026-11-23"),
        (10, 320, True, "2026-11-29"),
        (10, 280, True, ""),
        (20, 1_000, False, "2026-11-20"),
    ],
)
async def test_the_calls_of_the_month_run_out(
    store: SqliteStore, day: int, used: int, is_open: bool, runs_out: str
) -> None:
    clock = FakeClock(datetime(2026, 11, day, tzinfo=CHINA))
    quota = SqliteQuotaStore(store)
    await quota.add_usage(month_of(clock()), QuotaKind.API, used)
    governor = Governor(quota, Budget(limits={QuotaKind.API: 1_000}), clock=clock, cards_per_minute=10)
    found = await QuotaProbe(governor, QuotaKind.API).check(is_open)
    assert cast(str, (found or {}).get("day", "")) == runs_out
    assert await QuotaProbe(governor, QuotaKind.STREAM).check(False) is None  # without a limit


async def test_what_runs_out_is_told_with_its_numbers(store: SqliteStore) -> None:
    clock = FakeClock(datetime(2026, 11, 11, tzinfo=CHINA))
    quota = SqliteQuotaStore(store)
    await quota.add_usage(month_of(clock()), QuotaKind.API, 500)
    governor = Governor(quota, Budget(limits={QuotaKind.API: 1_000}), clock=clock, cards_per_minute=10)
    assert await QuotaProbe(governor, QuotaKind.API).check(False) == {
        "day": "2026-11-21",
        "used": 500,
        "limit": 1_000,
        "at_end": 1_500,
        "why": "1500 calls by the end of the month, the limit is 1000",
    }


@pytest.mark.parametrize(
    ("days", "used", "is_open", "short"),
    [
        (2.9, 500, False, False),
        (3, 500, False, True),  # three days tell something
        (29 * 0.5, 500, False, True),  # a day before the end
        (29 * 0.5 + 0.1, 500, False, False),
        (15, 475, True, False),
        (15, 476, True, True),
    ],
)
async def test_a_month_is_short_if_a_day_is_missing_and_no_more_if_a_reserve_remains(
    store: SqliteStore, days: float, used: int, is_open: bool, short: bool
) -> None:
    clock = FakeClock(datetime(2026, 11, 1, tzinfo=CHINA) + timedelta(days=days))
    quota = SqliteQuotaStore(store)
    await quota.add_usage(month_of(clock()), QuotaKind.API, used)
    governor = Governor(quota, Budget(limits={QuotaKind.API: 1_000}), clock=clock, cards_per_minute=10)
    assert bool(await QuotaProbe(governor, QuotaKind.API).check(is_open)) is short
