"""Reports are made once per run, named safely, found again and swept."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.delivery.plan import jobs_for_finished_run
from bot.errors import PermanentError, TemporaryError
from bot.jobs.queue import Claim
from bot.models import ExportStatus, Findings, KindSummary, Report
from bot.reports.repository import file_name
from tests.conftest import ZONE, CoreHarness
from tests.factories import make_run, make_schedule


async def test_a_report_lies_under_its_day_with_size_and_digest(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    report = await desk.reports.find(run_id=run.id)
    assert report is not None
    path = desk.reports.path(report)
    assert report.path.startswith("2026-11-24/每日巡检_20261124-110000_")
    assert (report.size, report.rows, path.is_file()) == (path.stat().st_size, 3, True)
    assert len(report.sha256) == 64


async def test_what_a_report_counted_is_kept_with_its_run(desk: CoreHarness) -> None:
    desk.exporter.findings = Findings(rows=3, highlights=(KindSummary(kind="vuln", total=2, new=1),))
    run = await desk.finished_run()
    assert (await desk.run(run.id)).findings == desk.exporter.findings


async def test_a_death_between_the_file_and_its_record_is_made_good(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(report: Report) -> None:
        raise TemporaryError("the process is gone")

    run = await desk.trigger()
    with monkeypatch.context() as dying:
        dying.setattr(desk.store, "save_report", dies)
        await desk.finish()
    assert await desk.reports.find(run_id=run.id) is None
    desk.clock.turn(seconds=60)
    await desk.do_jobs()
    report = await desk.reports.find(run_id=run.id)
    assert report is not None
    assert (await desk.run(run.id)).export_status is ExportStatus.SUCCESS
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_an_export_that_somebody_else_has_by_now_records_nothing(desk: CoreHarness) -> None:
    run = await desk.trigger()
    desk.engine.end_all()
    await desk.watcher.tick()
    job = await desk.store.claim_job(["export"], "slow", desk.clock(), desk.clock())
    assert job is not None
    claim = Claim(desk.store, job, desk.clock, timedelta(seconds=20))
    await desk.store.claim_job(["export"], "fast", desk.clock(), desk.clock() + timedelta(seconds=20))
    with pytest.raises(TemporaryError, match="another process"):
        await desk.reports._export(claim)
    assert await desk.reports.find(run_id=run.id) is None
    assert not list(desk.folder.rglob("*.*"))


async def test_a_report_that_is_there_is_not_made_again(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    await desk.store._db.execute("delete from jobs where kind = 'export'")
    await desk.jobs.add(jobs_for_finished_run(run, desk.clock())[0])
    await desk.do_jobs()
    assert desk.exporter.made == [run.id]


async def test_a_report_whose_file_is_gone_is_not_found(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    report = await desk.reports.find(run_id=run.id)
    assert report is not None
    desk.reports.path(report).unlink()
    assert await desk.reports.find(run_id=run.id) is None


async def test_a_report_that_changed_on_disk_is_as_good_as_gone(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    report = await desk.reports.find(run_id=run.id)
    assert report is not None
    assert (await desk.reports.verified_path(report)).is_file()
    desk.reports.path(report).write_bytes(b"another")
    assert await desk.reports.find(run_id=run.id) is None
    with pytest.raises(PermanentError, match="changed"):
        await desk.reports.verified_path(report)


async def test_a_folder_that_cannot_be_written_is_temporary(desk: CoreHarness) -> None:
    desk.folder.write_bytes(b"a file where the folder should be")
    run = await desk.trigger()
    await desk.finish()
    job = await desk.store.find_job(f"export:{run.id}")
    assert job is not None
    assert "reports.dir" in job.error


async def test_a_failed_export_says_why(desk: CoreHarness) -> None:
    desk.exporter.trouble = [PermanentError("the engine is gone")]
    run = await desk.finished_run()
    assert (run.export_status, run.export_error) == (ExportStatus.ERROR, "the engine is gone")


async def test_old_days_are_swept_and_nothing_else(desk: CoreHarness, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    for day in ("2026-10-01", "2026-11-23", "notes"):
        (desk.folder / day).mkdir(parents=True)
    (desk.folder / "2026-10-02").symlink_to(outside)
    desk.clock.turn(seconds=timedelta(days=1).total_seconds())
    await desk.reports.sweep()
    assert {path.name for path in desk.folder.iterdir()} == {"2026-11-23", "notes", "2026-10-02"}
    assert outside.is_dir()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b\\c", "con:", "💥" * 200, "...", "", "x" * 300, "每日 巡检\n\x00"]
)
def test_any_name_makes_a_safe_file_name(name: str) -> None:
    safe = file_name(make_run(schedule=make_schedule(name=name)), ZONE)
    assert len(safe.encode()) < 200
    assert not set("/\\:\n\x00 ") & set(safe)
    assert not safe.startswith(".")
