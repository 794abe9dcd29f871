"""The job `reminder`: tell once more that a run failed, if nobody has taken care of it.

It is stored when the run ends, and due some time after the summary of the run was sent.
"""

from dataclasses import replace

from bot.delivery.payload import DeliveryPayload, DeliveryResult, Obstacle, keep_words
from bot.delivery.plan import job_id
from bot.delivery.policy.effective import active_mute
from bot.delivery.recipients import has_failures, mentions
from bot.delivery.services import DeliveryServices
from bot.jobs.queue import Claim, Postpone, Result
from bot.models import Destination, Job, JobState, Run


async def run_reminder_job(services: DeliveryServices, claim: Claim) -> Result:
    """Remind a destination of a failed run, unless somebody takes care or the schedule has run again.

    Raises `Postpone` until the summary was sent long enough ago, and until quiet hours end.
    """
    run = await services.find_ended_run(claim.job)
    destination, now = DeliveryPayload.of(claim.job).destination, services.jobs.clock()
    quiet_end = services.quiet_hours.end_after(now) if services.quiet_hours else None
    if quiet_end:
        raise Postpone(quiet_end)
    why = await _why_not(services, run, destination, await _wait_for_summary(services, run, destination))
    if why:
        return DeliveryResult(skipped=why).as_json()
    messenger = services.channels.to(destination)
    counts = run.task_counts
    message = services.cards.reply(
        "reminder",
        schedule=run.schedule_name,
        run=run.id,
        ended_at=run.end_time or run.start_time,
        failed=counts.failed if counts else 0,
        total=counts.total if counts else 0,
    )
    message = replace(message, mention=mentions(run, destination))
    message = await keep_words(claim, message, messenger.capabilities.text_repeat)
    sending = claim.sending_text(messenger.capabilities)
    async with services.circuit_breaker.guard(destination, claim.job.id):
        sent = await messenger.send_message(destination, message, claim.job.id, sending=sending)
    return sent.as_result()


async def _wait_for_summary(services: DeliveryServices, run: Run, destination: Destination) -> Job | None:
    """Return the job of the summary. Raises `Postpone` until it ended long enough ago."""
    found, now = None, services.jobs.clock()
    for kind in ("card", "note"):
        summary = await services.store.find_job(job_id(kind, run.id, destination))
        if summary is None:
            continue
        due = (summary.ended_at or max(summary.due_at, now)) + services.remind_after
        if due > now:
            raise Postpone(due)
        found = summary
    return found


async def _why_not(
    services: DeliveryServices, run: Run, destination: Destination, summary: Job | None
) -> str:
    """Return why nobody is reminded, or ""."""
    if summary is None or summary.state is not JobState.DONE or DeliveryResult.of(summary).skipped:
        return Obstacle.NO_SUMMARY
    if not has_failures(run):  # its outcome was corrected
        return Obstacle.NOTHING_FAILED
    if await services.acknowledgement(run):
        return Obstacle.ACKNOWLEDGED
    (newest,) = await services.store.find_runs(schedule_id=run.schedule_id, limit=1)
    if newest.id != run.id:
        return Obstacle.RAN_AGAIN
    if active_mute(await services.overrides.find(run.schedule_id), services.jobs.clock()):
        return Obstacle.MUTED
    snapshot = await services.quota_snapshot(destination)
    return Obstacle.QUOTA_LOW if snapshot.withholds_updates else ""
