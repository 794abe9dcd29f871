"""Send one alert as a message: choose its route once, then send it, or try the fallback webhook."""

from collections.abc import Callable
from datetime import timedelta

from bot.delivery.circuit_breaker import DeliveryMode
from bot.delivery.payload import DeliveryPayload, keep_words, update_payload
from bot.delivery.routing import Route
from bot.delivery.services import DeliveryServices
from bot.errors import ConfigError, DingRunError, PermanentError
from bot.jobs.queue import Claim, Postpone, Result
from bot.models import Destination, MarkdownMessage
from bot.quota.budget import QuotaLevel

SLOT_WAIT = timedelta(seconds=15)  # while a destination has received its messages of this minute

Render = Callable[[bool], MarkdownMessage]
"""Return the message, or the one without any text from outside."""


async def send_alert(
    services: DeliveryServices, claim: Claim, render: Render, *, failure: bool = False
) -> Result:
    """Send an alert. It costs one call, and waits for the quota and the rate limits as a summary does.

    It also waits for the end of quiet hours, as a summary does: one of a `failure` only if failures wait.

    The route is stored before anything is sent, so that a retry takes the same one.
    """
    quiet = services.quiet_hours
    quiet_until = quiet.end_after(services.jobs.clock()) if quiet else None
    if quiet and quiet_until and not (failure and quiet.except_failed):
        raise Postpone(quiet_until)
    payload = await _with_route(services, claim)
    target = payload.target
    messenger = services.channels.to(target)
    message = await keep_words(claim, render(payload.withheld), messenger.capabilities.text_repeat)
    sending = claim.sending_text(messenger.capabilities)
    try:
        async with services.circuit_breaker.guard(target, claim.job.id):
            sent = await messenger.send_message(target, message, claim.job.id, sending=sending)
    except (PermanentError, ConfigError) as error:
        await _after_rejection(services, claim, payload, error)
        raise
    await services.circuit_breaker.record_success(DeliveryMode.MESSAGE, target)
    return sent.as_result()


async def _with_route(services: DeliveryServices, claim: Claim) -> DeliveryPayload:
    """Choose and store the route. Raises `Postpone` while the quota or the rate limit allows no message."""
    payload = DeliveryPayload.of(claim.job)
    if payload.route is not None:
        return payload
    destination, governor = payload.destination, services.governor
    snapshot = await services.quota_snapshot(destination)
    if not snapshot.silent and snapshot.quota is QuotaLevel.SPENT:
        raise Postpone(governor.next_check_at())
    if not snapshot.silent and snapshot.quota is QuotaLevel.DIGEST and claim.job.attempts == 1:
        raise Postpone(await governor.digest_due(destination, snapshot.quota))
    webhook = services.channels.fallback_webhook(destination)
    if webhook and snapshot.quota is not QuotaLevel.WEBHOOK:
        accepted = await services.circuit_breaker.is_closed(DeliveryMode.MESSAGE, destination)
        webhook = None if accepted else webhook
    if not snapshot.silent and not await governor.try_acquire_card_slot(webhook or destination):
        raise Postpone(services.jobs.clock() + SLOT_WAIT)
    route = Route.WEBHOOK_FALLBACK if webhook else Route.DIRECT
    return await update_payload(claim, route=route, via=webhook)


async def _after_rejection(
    services: DeliveryServices, claim: Claim, payload: DeliveryPayload, error: DingRunError
) -> None:
    """Raise `Postpone` for what to try next. Returns when nothing is left to try."""
    content = isinstance(error, PermanentError) and error.content
    if content and payload.withheld:
        return
    if content:
        await update_payload(claim, withheld=True, words=None)
        raise Postpone(services.jobs.clock())
    if not (isinstance(error, PermanentError) and error.setup_fault):
        await services.circuit_breaker.record_failure(DeliveryMode.MESSAGE, payload.target, str(error))
    webhook: Destination | None = services.channels.fallback_webhook(payload.target)
    if webhook:
        await update_payload(claim, via=webhook, words=None)
        raise Postpone(services.jobs.clock())
