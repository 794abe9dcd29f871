"""The job `update`: show the current state of a run on a card that was sent.

Updates of one card never overlap, whichever bots run them, and each one reads the state after the previous
one has ended. So the last update shows the last state.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import takewhile

from bot.delivery.consequences import MAX_JOBS_OF_RUN, has_unconfirmed_file, shown_cards
from bot.delivery.jobs.summary import Summary, build_card_state
from bot.delivery.payload import DeliveryPayload, DeliveryResult, Obstacle, destination_of
from bot.delivery.plan import card_id
from bot.delivery.services import DeliveryServices
from bot.jobs.queue import Claim, Postpone, Result
from bot.models import Job, JobState, Run, Trigger, deterministic_id
from cards.summary import Stamp

BY_PEOPLE = frozenset({Trigger.CHAT, Trigger.CARD})
MAX_LATER_RUNS = 20  # of the schedule, of which a card shows the one that a person started
OPEN_STATES = frozenset({JobState.TODO, JobState.DOING})
MAX_OPEN_UPDATES = 5_000
UPDATE_POLL_INTERVAL = timedelta(seconds=1)


async def run_update_job(services: DeliveryServices, claim: Claim) -> Result:
    """Update the card of a run, or the digest in which the run was shown.

    The update is skipped when a later one is due, and when the quota is running out and no file is
    unconfirmed. Raises `Postpone` while another update of the same card is running.
    """
    destination, run_id = destination_of(claim.job), claim.job.run_id
    shown = await services.store.find_jobs(run_id=run_id, kind="card", states={JobState.DONE})
    cards = [card for card in shown_cards(shown) if destination_of(card) == destination]
    digest = DeliveryResult.of(cards[0]).digest if cards else ""
    if await _is_superseded(services, claim.job, digest):
        return DeliveryResult(skipped=Obstacle.LATER_UPDATE).as_json()
    run = await services.find_ended_run(claim.job)
    jobs = await services.store.find_jobs(run_id=run_id, limit=MAX_JOBS_OF_RUN)
    unconfirmed = has_unconfirmed_file(jobs, destination)
    snapshot = await services.quota_snapshot(destination)
    if not unconfirmed and snapshot.withholds_updates:
        return DeliveryResult(skipped=Obstacle.QUOTA_LOW).as_json()
    if digest:
        await services.digests.refresh_cards(digest)
        return {}
    summary = Summary(run=run, payload=DeliveryPayload.of(claim.job), snapshot=snapshot)
    report, key = await services.reports.find(run_id=run_id), card_id(run_id, destination)
    state = replace(
        await build_card_state(services, summary, report, key=key),
        stamp=await find_stamp(services, run),
        unconfirmed=unconfirmed,
        linked=await services.report_sender.send_link(run_id),
        acknowledged=await services.acknowledgement(run),
        history=await services.history(run),
    )
    content = services.cards.summary(run, report, state=state)
    content = content.made_with(DeliveryResult.of(cards[0]).template if cards else "")
    await services.channels.to(destination).update_card(key, content)
    return {}


async def find_stamp(services: DeliveryServices, run: Run) -> Stamp | None:
    """Return what a person did last about a run: the newest later run that a person started."""
    newest = await services.store.find_runs(schedule_id=run.schedule_id, limit=MAX_LATER_RUNS)
    later = takewhile(lambda each: each.id != run.id and each.start_time >= run.start_time, newest)
    started = next((each for each in later if each.trigger in BY_PEOPLE and each.asked_by), None)
    return Stamp(by=str(started.asked_by), at=started.start_time, run=started) if started else None


async def _is_superseded(services: DeliveryServices, job: Job, digest: str) -> bool:
    """Return whether a later update of the same card is due. Raises `Postpone` while another one runs."""
    others, now = await _open_updates(services, job, digest), services.jobs.clock()
    if any(other.state is JobState.DOING for other in others if other.id != job.id):
        raise Postpone(now + _jittered_interval(job.id))
    ids = [other.id for other in others]
    later = others[ids.index(job.id) + 1 :] if job.id in ids else []
    return any(other.due_at <= now for other in later)


async def _open_updates(services: DeliveryServices, job: Job, digest: str) -> Sequence[Job]:
    """Find the open updates of one card, oldest first. A digest has updates for each of its runs."""
    destination = destination_of(job)
    if not digest:
        found = await services.store.find_jobs(run_id=job.run_id, kind="update", states=OPEN_STATES)
        return [other for other in found if destination_of(other) == destination]
    runs = await services.digests.runs_in(digest)
    found = await services.store.find_jobs(kind="update", states=OPEN_STATES, limit=MAX_OPEN_UPDATES)
    return [other for other in found if destination_of(other) == destination and other.run_id in runs]


def _jittered_interval(job_id: str) -> timedelta:
    """Return the poll interval with jitter derived from the id, so that two updates do not stay in step."""
    return UPDATE_POLL_INTERVAL * (1 + int(deterministic_id("", job_id), 36) % 1000 / 1000)
