"""The job `start`: send the card of a run when it starts. The job `card` updates it when the run has ended.

It is only sent when all goes well: whatever prevents it, the summary is sent as without it.
"""

import logging
from datetime import timedelta

from bot.delivery.cards import OutgoingCard, send_card
from bot.delivery.circuit_breaker import DeliveryMode
from bot.delivery.payload import DeliveryPayload, DeliveryResult, Obstacle
from bot.delivery.plan import card_id
from bot.delivery.policy.effective import active_mute, effective_schedule
from bot.delivery.services import DeliveryServices
from bot.errors import ConfigError, PermanentError
from bot.jobs.queue import Claim, Postpone, Result
from bot.models import Destination, Run, RunStatus
from cards.summary import CardState

log = logging.getLogger(__name__)

SUBMIT_POLL_INTERVAL = timedelta(seconds=2)


async def run_start_job(services: DeliveryServices, claim: Claim) -> Result:
    """Send the card of a running run. Raises `Postpone` until its tasks are submitted."""
    payload = DeliveryPayload.of(claim.job)
    run = await services.store.find_run(claim.job.run_id)
    if run is None or run.status is not RunStatus.RUNNING:
        return DeliveryResult(skipped=Obstacle.RUN_ENDED).as_json()
    if not run.task_ids:
        raise Postpone(services.jobs.clock() + SUBMIT_POLL_INTERVAL)
    obstacle = await _obstacle(services, run, payload.destination)
    if obstacle:
        return DeliveryResult(skipped=obstacle).as_json()
    return await _send(services, claim, run)


async def _obstacle(services: DeliveryServices, run: Run, destination: Destination) -> str:
    """Return why no card is sent now, or ""."""
    now, override = services.jobs.clock(), await services.overrides.find(run.schedule_id)
    quiet = services.quiet_hours and services.quiet_hours.wait_until(run, destination, now)
    if active_mute(override, now) or not effective_schedule(run.schedule, override).notify_enable or quiet:
        return Obstacle.SILENT
    snapshot = await services.quota_snapshot(destination)
    if snapshot.silent or not services.channels.capabilities(destination).cards:
        return Obstacle.NO_CARDS
    if snapshot.withholds_updates:
        return Obstacle.QUOTA_LOW
    if not await services.circuit_breaker.is_closed(DeliveryMode.CARD, destination):
        return Obstacle.CARDS_REJECTED
    slot = await services.governor.try_acquire_card_slot(destination)
    return "" if slot else Obstacle.NO_SLOT


async def _send(services: DeliveryServices, claim: Claim, run: Run) -> Result:
    destination = DeliveryPayload.of(claim.job).destination
    state = CardState(history=await services.history(run))
    key, content = card_id(run.id, destination), services.cards.summary(run, None, state=state)
    card = OutgoingCard(destination=destination, card_id=key, content=content)
    try:
        messenger, templates = services.channels.to(destination), services.circuit_breaker.templates
        sent = await send_card(claim, messenger, card, templates)
    except (PermanentError, ConfigError) as error:
        log.warning("no card for the start of run %s: %s", run.id, error)
        return DeliveryResult(skipped=str(error)).as_json()
    return {**sent.as_result(), **DeliveryResult(card_id=key).as_json()}
