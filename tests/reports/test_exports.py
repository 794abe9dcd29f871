"""The report of a run is exported once, by a job that survives a crash."""

from datetime import timedelta

import pytest

from bot.delivery.plan import jobs_for_finished_run
from bot.errors import PermanentError, TemporaryError
from bot.jobs.queue import Claim
from bot.models import ExportStatus, Findings, KindSummary, Report
from tests.conftest import CoreHarness


async def test_the_counts_of_a_report_are_stored_with_its_run(core: CoreHarness) -> None:
    core.exporter.findings = Findings(rows=3, highlights=(KindSummary(kind="vuln", total=2, new=1),))
    run = await core.finished_run()
    assert (await core.run(run.id)).findings == core.exporter.findings


async def test_a_crash_between_file_and_record_is_repaired(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(report: Report) -> None:
        raise TemporaryError("the process is gone")

    run = await core.trigger()
    with monkeypatch.context() as dying:
        dying.setattr(core.store, "save_report", dies)
        await core.finish()
    assert await core.reports.find(run_id=run.id) is None
    core.clock.turn(seconds=60)
    await core.do_jobs()
    report = await core.reports.find(run_id=run.id)
    assert report is not None
    assert (await core.run(run.id)).export_status is ExportStatus.SUCCESS
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_an_export_that_another_process_took_over_records_nothing(core: CoreHarness) -> None:
    run = await core.trigger()
    core.engine.end_all()
    await core.watcher.tick()
    job = await core.store.claim_job(["export"], "slow", core.clock(), core.clock())
    assert job is not None
    claim = Claim(core.store, job, core.clock, timedelta(seconds=20))
    await core.store.claim_job(["export"], "fast", core.clock(), core.clock() + timedelta(seconds=20))
    with pytest.raises(TemporaryError, match="another process"):
        await core.exports.export(claim)
    assert await core.reports.find(run_id=run.id) is None
    assert not list(core.folder.rglob("*.*"))


async def test_an_existing_report_is_not_exported_again(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.store._db.execute("delete from jobs where kind = 'export'")
    await core.jobs.add(jobs_for_finished_run(run, core.clock())[0])
    await core.do_jobs()
    assert core.exporter.made == [run.id]


async def test_a_folder_that_cannot_be_written_is_temporary(core: CoreHarness) -> None:
    core.folder.write_bytes(b"a file where the folder should be")
    run = await core.trigger()
    await core.finish()
    job = await core.store.find_job(f"export:{run.id}")
    assert job is not None
    assert "reports.dir" in job.error


async def test_a_failed_export_says_why(core: CoreHarness) -> None:
    core.exporter.trouble = [PermanentError("the engine is gone")]
    run = await core.finished_run()
    assert (run.export_status, run.export_error) == (ExportStatus.ERROR, "the engine is gone")
