"""When a disk counts as nearly full, and when the calls of a month will not last."""

import os
from datetime import datetime
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


async def test_a_disk_that_cannot_be_asked_is_told(tmp_path: Path) -> None:
    def gone(path: Path) -> os.statvfs_result:
        raise OSError(5, "Input/output error")

    found = await DiskProbe([tmp_path], stat=gone).check(False)
    assert found
    assert found["why"] == "Input/output error"


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
