"""The report of a run is exported once, by a job that survives a crash."""

from datetime import timedelta

import pytest

from bot.delivery.plan import jobs_for_finished_run
from bot.errors import PermanentError, TemporaryError
from bot.jobs.queue import Claim
from bot.models import ExportStatus, Findings, KindSummary, Report
from tests.conftest import CoreHarness


async def test_the_counts_of_a_report_are_stored_with_its_run(desk: CoreHarness) -> None:
    desk.exporter.findings = Findings(rows=3, highlights=(KindSummary(kind="vuln", total=2, new=1),))
    run = await desk.finished_run()
    assert (await desk.run(run.id)).findings == desk.exporter.findings


async def test_a_crash_between_file_and_record_is_repaired(
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


async def test_an_export_that_another_process_took_over_records_nothing(desk: CoreHarness) -> None:
    run = await desk.trigger()
    desk.engine.end_all()
    await desk.watcher.tick()
    job = await desk.store.claim_job(["export"], "slow", desk.clock(), desk.clock())
    assert job is not None
    claim = Claim(desk.store, job, desk.clock, timedelta(seconds=20))
    await desk.store.claim_job(["export"], "fast", desk.clock(), desk.clock() + timedelta(seconds=20))
    with pytest.raises(TemporaryError, match="another process"):
        await desk.exports.export(claim)
    assert await desk.reports.find(run_id=run.id) is None
    assert not list(desk.folder.rglob("*.*"))


async def test_an_existing_report_is_not_exported_again(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    await desk.store._db.execute("delete from jobs where kind = 'export'")
    await desk.jobs.add(jobs_for_finished_run(run, desk.clock())[0])
    await desk.do_jobs()
    assert desk.exporter.made == [run.id]


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
