"""The job `card`: send the summary of a run as an interactive card."""

import logging
from dataclasses import replace

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
)
from bot.delivery.payload import DeliveryPayload, DeliveryResult
from bot.delivery.plan import card_id, delivery_job
from bot.delivery.recipients import mentions
from bot.delivery.routing import Route
from bot.delivery.services import DeliveryServices
from bot.errors import ConfigError, PermanentError
from bot.jobs.queue import Claim, Result
from bot.models import Destination, Job

log = logging.getLogger(__name__)


async def run_card_job(services: DeliveryServices, claim: Claim) -> Result:
    """Send the summary as a card, in a digest, or by a message job that is stored before this one ends."""
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
        return await _fall_back(services, claim.job, "the monthly quota is running out", webhook)
    return await _fall_back(services, claim.job, "cards are rejected here")


async def _send(services: DeliveryServices, claim: Claim, summary: Summary) -> Result:
    destination, breaker = summary.payload.destination, services.circuit_breaker
    card, ended_exports = await _render(services, summary)
    try:
        async with breaker.guard(destination, claim.job.id, requested=summary.payload.requested_by_person):
            sent = await send_card(claim, services.channels.to(destination), card)
    except (PermanentError, ConfigError) as error:
        if not is_content_error(error) and not is_setup_error(error):
            await breaker.record_failure(DeliveryMode.CARD, destination, str(error))
        log.warning("card for %s rejected, sending a plain message instead: %s", destination, error)
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
    state = await build_card_state(services, report, destination, key=key, snapshot=summary.snapshot)
    state = replace(state, acknowledged=await services.acknowledgement(run))
    content = services.cards.summary(run, report, state=state, mention=mentions(run, destination))
    updates = not summary.snapshot.withholds_updates
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
