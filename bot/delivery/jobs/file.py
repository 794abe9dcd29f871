"""The job `file`: send the report of a run."""

from datetime import timedelta

from bot.delivery.payload import DeliveryPayload, DeliveryResult, Obstacle
from bot.delivery.plan import job_id
from bot.delivery.services import DeliveryServices
from bot.jobs.queue import Claim, Postpone, Result
from bot.models import Destination, ExportStatus, Job

EXPORT_POLL_INTERVAL = timedelta(seconds=30)
SUMMARY_POLL_INTERVAL = timedelta(seconds=5)


async def run_file_job(services: DeliveryServices, claim: Claim) -> Result:
    """Send the report below its summary, as a file, a link or in parts.

    Raises `Postpone` while the report is exported or the summary is not sent. The file is skipped when there
    is no report. Unless a person asked for it, it is skipped as well when the summary was skipped or waited
    for the end of quiet hours, and when the quota is running out.
    """
    run = await services.find_ended_run(claim.job)
    payload = DeliveryPayload.of(claim.job)
    destination, requested = payload.destination, payload.requested_by_person
    if run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}:
        raise Postpone(services.jobs.clock() + EXPORT_POLL_INTERVAL)
    summary = await _wait_for_summary(services, run.id, destination)
    skipped = _why_skipped(summary) if summary and not requested else ""
    if skipped:
        return DeliveryResult(skipped=skipped).as_json()
    report = await services.reports.find(run_id=run.id)
    if report is None:
        return DeliveryResult(skipped=run.export_error or Obstacle.NO_REPORT).as_json()
    if not requested and (await services.quota_snapshot(destination)).withholds_files:
        return DeliveryResult(skipped=Obstacle.QUOTA_LOW).as_json()
    async with services.circuit_breaker.guard(destination, claim.job.id, requested=requested):
        return await services.report_sender.send(
            claim, report, services.channels.to(destination), services.cards
        )


async def _wait_for_summary(services: DeliveryServices, run_id: str, destination: Destination) -> Job | None:
    """Return the job of the summary at the destination. Raises `Postpone` until it has ended."""
    found = None
    for kind in ("card", "note"):
        summary = await services.store.find_job(job_id(kind, run_id, destination))
        if summary and not summary.state.ended:
            raise Postpone(max(summary.due_at, services.jobs.clock()) + SUMMARY_POLL_INTERVAL)
        found = summary or found
    return found


def _why_skipped(summary: Job) -> str:
    """Return why a file is not sent after its summary, or ""."""
    waited = DeliveryPayload.of(summary).quiet and DeliveryResult.of(summary).digest
    return DeliveryResult.of(summary).skipped or (Obstacle.AFTER_QUIET_HOURS if waited else "")
