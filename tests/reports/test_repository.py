"""Reports are named safely, found again and removed after `reports.keep_days`."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import PermanentError
from bot.reports.repository import file_name
from bot.telemetry.rescues import Rescue
from tests.conftest import ZONE, CoreHarness
from tests.factories import make_run, make_schedule


async def test_a_report_lies_under_its_day_with_size_and_digest(core: CoreHarness) -> None:
    run = await core.finished_run()
    report = await core.reports.find(run_id=run.id)
    assert report is not None
    path = core.reports.path(report)
    assert report.path.startswith("2026-11-24/每日巡检_20261124-110000_")
    assert (report.size, report.rows, path.is_file()) == (path.stat().st_size, 3, True)
    assert len(report.sha256) == 64


async def test_a_report_whose_file_is_gone_is_not_found(core: CoreHarness) -> None:
    run = await core.finished_run()
    report = await core.reports.find(run_id=run.id)
    assert report is not None
    core.reports.path(report).unlink()
    assert await core.reports.find(run_id=run.id) is None


@pytest.mark.rescue(Rescue.REPORT_CHANGED)
async def test_a_report_that_changed_on_disk_is_not_found(core: CoreHarness) -> None:
    run = await core.finished_run()
    report = await core.reports.find(run_id=run.id)
    assert report is not None
    assert (await core.reports.verified_path(report)).is_file()
    core.reports.path(report).write_bytes(b"another")
    assert await core.reports.find(run_id=run.id) is None
    with pytest.raises(PermanentError, match="changed"):
        await core.reports.verified_path(report)


async def test_purging_removes_old_days_and_nothing_else(core: CoreHarness, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    for day in ("2026-10-01", "2026-11-23", "notes"):
        (core.folder / day).mkdir(parents=True)
    (core.folder / "2026-10-02").symlink_to(outside)
    core.clock.turn(seconds=timedelta(days=1).total_seconds())
    await core.reports.purge_expired()
    assert {path.name for path in core.folder.iterdir()} == {"2026-11-23", "notes", "2026-10-02"}
    assert outside.is_dir()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b\\c", "con:", "💥" * 200, "...", "", "x" * 300, "每日 巡检\n\x00"]
)
def test_any_name_makes_a_safe_file_name(name: str) -> None:
    safe = file_name(make_run(schedule=make_schedule(name=name)), ZONE)
    assert len(safe.encode()) < 200
    assert not set("/\\:\n\x00 ") & set(safe)
    assert not safe.startswith(".")
