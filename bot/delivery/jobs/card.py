"""The job `card`: send the summary of a run as an interactive card."""

import logging
from dataclasses import replace
from datetime import timedelta

from bot.delivery.cards import OutgoingCard, send_card
from bot.delivery.circuit_breaker import DeliveryMode
from bot.delivery.jobs.summary import (
    NotNotifiedError,
    Summary,
    build_card_state,
    is_content_error,
    is_setup_error,
    join_digest,
    prepare_summary,
    wait_for_report,
)
from bot.delivery.payload import DeliveryPayload, DeliveryResult, Obstacle
from bot.delivery.plan import card_id, delivery_job, job_id
from bot.delivery.policy.silent_cards import is_silent
from bot.delivery.policy.start_notices import shows_running
from bot.delivery.recipients import mentions
from bot.delivery.routing import Route
from bot.delivery.services import DeliveryServices
from bot.errors import ConfigError, PermanentError
from bot.jobs.queue import Claim, Postpone, Result
from bot.models import Destination, Job
from bot.quota.budget import QuotaLevel
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

START_POLL_INTERVAL = timedelta(seconds=1)


async def run_card_job(services: DeliveryServices, claim: Claim) -> Result:
    """Send the summary as a card, in a digest, or by a message job that is stored before this one ends."""
    if await _awaits_update(services, claim.job):
        return await _update_started(services, claim)
    try:
        summary = await prepare_summary(services, claim)
    except NotNotifiedError as reason:
        return DeliveryResult(skipped=str(reason)).as_json()
    route = summary.payload.route
    if route is Route.DIGEST:
        return await join_digest(services, claim, summary.payload.digest)
    if route is Route.DIRECT:
        return await _send(services, claim, summary)
    webhook = services.channels.fallback_webhook(summary.payload.destination)
    if route is Route.WEBHOOK_FALLBACK and webhook:
        return await _fall_back(services, claim.job, Obstacle.QUOTA_LOW, webhook)
    return await _fall_back(services, claim.job, Obstacle.CARDS_REJECTED)


async def _awaits_update(services: DeliveryServices, job: Job) -> bool:
    """Return whether a card shows that the run is running. Raises `Postpone` while that is not decided."""
    run, payload = await services.find_ended_run(job), DeliveryPayload.of(job)
    if not run.schedule.start_notice or payload.requested_by_person:
        return False
    start = await services.store.find_job(job_id("start", run.id, payload.destination))
    if start and not start.state.ended:  # it finds that the run has ended
        await services.jobs.make_due([start.id])
        raise Postpone(services.jobs.clock() + START_POLL_INTERVAL)
    return start is not None and shows_running(start)


async def _update_started(services: DeliveryServices, claim: Claim) -> Result:
    """Turn the card of a running run into its summary, on any route: it must not show "running" for ever."""
    run, payload = await services.find_ended_run(claim.job), DeliveryPayload.of(claim.job)
    wait_for_report(services, run)
    snapshot = await services.quota_snapshot(payload.destination)
    if snapshot.quota is QuotaLevel.SPENT:
        raise Postpone(services.governor.next_check_at())
    card, exports = await _render(services, Summary(run=run, payload=payload, snapshot=snapshot))
    start = await services.store.find_job(job_id("start", run.id, payload.destination))
    content = card.content.made_with(DeliveryResult.of(start).template if start else "")
    try:
        await services.channels.to(payload.destination).update_card(card.card_id, content)
    except (PermanentError, ConfigError) as error:
        log.warning("card of run %s cannot be updated, sending a plain message instead: %s", run.id, error)
        count_rescue(Rescue.MESSAGE_FOR_CARD)
        return await _fall_back(services, claim.job, str(error))
    result = DeliveryResult(card_id=card.card_id, exports=exports, template=content.template_id)
    return result.as_json()


async def _send(services: DeliveryServices, claim: Claim, summary: Summary) -> Result:
    destination, breaker = summary.payload.destination, services.circuit_breaker
    card, ended_exports = await _render(services, summary)
    try:
        async with breaker.guard(destination, claim.job.id, requested=summary.payload.requested_by_person):
            sent = await send_card(claim, services.channels.to(destination), card, breaker.templates)
    except (PermanentError, ConfigError) as error:
        if not is_content_error(error) and not is_setup_error(error):
            await breaker.record_failure(DeliveryMode.CARD, destination, str(error))
        log.warning("card for %s rejected, sending a plain message instead: %s", destination, error)
        count_rescue(Rescue.MESSAGE_FOR_CARD)
        return await _fall_back(services, claim.job, str(error))
    await breaker.record_success(DeliveryMode.CARD, destination)
    result = DeliveryResult(card_id=card.card_id, exports=ended_exports)
    return {**sent.as_result(), **result.as_json()}


async def _render(services: DeliveryServices, summary: Summary) -> tuple[OutgoingCard, tuple[str, ...]]:
    """Render the card, and return it with the exports that had ended before their outcome was read."""
    run_id, destination = summary.run.id, summary.payload.destination
    exports = await services.store.find_jobs(run_id=run_id, kind="export")
    run = await services.store.find_run(run_id) or summary.run
    report = await services.reports.find(run_id=run_id)
    key = card_id(run_id, destination)
    state = await build_card_state(services, replace(summary, run=run), report, key=key)
    acknowledged, history = await services.acknowledgement(run), await services.history(run)
    state = replace(state, acknowledged=acknowledged, history=history)
    content = services.cards.summary(run, report, state=state, mention=mentions(run, destination))
    silent = services.silent_success and is_silent(run, destination)
    updates = not summary.snapshot.withholds_updates
    content = replace(content, silent=silent)
    card = OutgoingCard(destination=destination, card_id=key, content=content, updates=updates)
    return card, tuple(job.id for job in exports if job.state.ended)


async def _fall_back(
    services: DeliveryServices, job: Job, reason: str, webhook: Destination | None = None
) -> Result:
    """Store the job of the message that is sent instead of the card."""
    destination = DeliveryPayload.of(job).destination
    payload = DeliveryPayload(destination=destination, via=webhook or destination)
    await services.jobs.add(delivery_job("note", job.run_id, payload, services.jobs.clock()))
    return DeliveryResult(fallback_reason=reason).as_json()
