"""The job `note`: send the summary of a run as a markdown message."""

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
from bot.delivery.payload import DeliveryResult, keep_words, update_payload
from bot.delivery.recipients import mentions
from bot.delivery.routing import Route
from bot.delivery.services import DeliveryServices
from bot.errors import ConfigError, DingRunError, PermanentError
from bot.jobs.queue import Claim, Postpone, Result
from bot.models import Destination, MarkdownMessage


async def run_message_job(services: DeliveryServices, claim: Claim) -> Result:
    """Send the summary as a message, in a digest, or by the fallback webhook of its destination."""
    try:
        summary = await prepare_summary(services, claim)
    except NotNotifiedError as reason:
        return DeliveryResult(skipped=str(reason)).as_json()
    payload = summary.payload
    if payload.route is Route.DIGEST:
        return await join_digest(services, claim, payload.digest)
    webhook = services.channels.fallback_webhook(payload.target)
    if webhook and payload.route is Route.WEBHOOK_FALLBACK and payload.via is None:
        await _redirect(services, claim, webhook)
    if webhook and not await services.circuit_breaker.is_closed(DeliveryMode.MESSAGE, payload.target):
        await _redirect(services, claim, webhook)
    return await _send(services, claim, summary)


async def _send(services: DeliveryServices, claim: Claim, summary: Summary) -> Result:
    payload, breaker = summary.payload, services.circuit_breaker
    target, messenger = payload.target, services.channels.to(payload.target)
    message = await _message(services, claim, summary)
    sending = claim.sending_text(messenger.capabilities)
    try:
        async with breaker.guard(target, claim.job.id, requested=payload.requested_by_person):
            sent = await messenger.send_message(target, message, claim.job.id, sending=sending)
    except (PermanentError, ConfigError) as error:
        await _after_rejection(services, claim, summary, error)
        raise
    await breaker.record_success(DeliveryMode.MESSAGE, target)
    return sent.as_result()


async def _message(services: DeliveryServices, claim: Claim, summary: Summary) -> MarkdownMessage:
    """Return the message to send."""
    payload = summary.payload
    if payload.words:
        return MarkdownMessage(title=payload.words[0], text=payload.words[1])
    repeat = services.channels.capabilities(payload.target).text_repeat
    return await keep_words(claim, await _render(services, claim, summary), repeat)


async def _render(services: DeliveryServices, claim: Claim, summary: Summary) -> MarkdownMessage:
    run, payload, cards = summary.run, summary.payload, services.cards
    if payload.withheld:
        return cards.reply("summary_withheld", run=run.id)
    report = await services.reports.find(run_id=run.id)
    state = await build_card_state(services, summary, report, key=claim.job.id)
    limit = services.channels.capabilities(payload.target).text_bytes
    mention = mentions(run, payload.destination)
    return cards.summary_message(run, report, limit=limit, state=state, mention=mention)


async def _after_rejection(
    services: DeliveryServices, claim: Claim, summary: Summary, error: DingRunError
) -> None:
    """Choose what to try next, and raise `Postpone` for it. Returns when nothing is left to try.

    - Rejected content: once more without any text from outside.
    - A rejected channel: by the fallback webhook, if there is one.
    """
    payload = summary.payload
    if is_content_error(error):
        if not payload.withheld:
            await update_payload(claim, withheld=True, words=None)
            raise Postpone(services.jobs.clock())
        return
    if not is_setup_error(error):
        await services.circuit_breaker.record_failure(DeliveryMode.MESSAGE, payload.target, str(error))
    webhook = services.channels.fallback_webhook(payload.target)
    if webhook:
        await _redirect(services, claim, webhook)


async def _redirect(services: DeliveryServices, claim: Claim, webhook: Destination) -> None:
    """Store that the message goes by a webhook, and raise `Postpone` so that it does at once."""
    await update_payload(claim, via=webhook)
    raise Postpone(services.jobs.clock())
