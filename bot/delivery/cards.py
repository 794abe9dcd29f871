"""Send the card of a job exactly once, however many attempts and processes it takes.

The payload of the job keeps what earlier attempts found: whether the card was created without being
delivered, and the content that it was created with.
"""

import json
import logging
from dataclasses import dataclass, replace

from bot.delivery.circuit_breaker import CardTemplates
from bot.delivery.payload import DeliveryPayload, update_payload
from bot.errors import CardUndeliveredError, ConfigError, PermanentError, TemporaryError
from bot.jobs.queue import Claim
from bot.models import Destination, RenderedCard, SendResult, deterministic_id
from bot.ports import Messenger
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

FINGERPRINT_LENGTH = 16


@dataclass(frozen=True, kw_only=True)
class OutgoingCard:
    """A card to send. Without `updates` it keeps the content that an earlier attempt gave it."""

    destination: Destination
    card_id: str
    content: RenderedCard
    updates: bool = True


async def send_card(
    claim: Claim, messenger: Messenger, card: OutgoingCard, templates: CardTemplates
) -> SendResult:
    """Create and deliver a card, and update it if it exists with other content.

    If DingTalk refuses the template, the same card is sent by the public one, under the same id.
    No update job can interfere: those start after the job of the card is done.
    """
    content = await _choose(claim, card.content, templates)
    try:
        sent = await _send(claim, messenger, replace(card, content=content))
    except PermanentError as error:
        if content.fallback is None or not error.template:
            raise
        log.warning("card %s goes by the public template: %s", card.card_id, error)
        count_rescue(Rescue.TEMPLATE_REPLACED)
        content = content.by_fallback()
        await update_payload(claim, template=content.template_id, template_error=str(error))
        sent = await _send(claim, messenger, replace(card, content=content))
    refused = DeliveryPayload.of(claim.job).template_error
    if refused:
        await templates.record_refusal(card.content.template_id, refused)
    else:
        await templates.record_success(content)
    return replace(sent, template_id=content.template_id)


async def _choose(claim: Claim, card: RenderedCard, templates: CardTemplates) -> RenderedCard:
    """Return the card by the template of the first attempt, which may have created it, or the best one."""
    payload = DeliveryPayload.of(claim.job)
    return card.made_with(payload.template) if payload.template else await templates.choose(card)


async def _send(claim: Claim, messenger: Messenger, card: OutgoingCard) -> SendResult:
    payload, content = DeliveryPayload.of(claim.job), fingerprint(card.content)
    try:
        sent = await messenger.send_card(
            card.destination, card.content, card.card_id, created=payload.card_created
        )
    except TemporaryError as error:
        await update_payload(
            claim,
            template=payload.template or card.content.template_id,
            card_created=payload.card_created or isinstance(error, CardUndeliveredError),
            card_content=payload.card_content or content,  # the content of the first attempt counts
        )
        raise
    changed = payload.card_content != content
    if sent.existed and changed and card.updates:
        await _update(messenger, card)
    return sent


async def _update(messenger: Messenger, card: OutgoingCard) -> None:
    try:
        await messenger.update_card(card.card_id, card.content)
    except (PermanentError, ConfigError) as error:  # the card is shown, with older content
        log.warning("card %s keeps its first content: %s", card.card_id, error)


def fingerprint(content: RenderedCard) -> str:
    """Return a short hash of the content of a card."""
    return deterministic_id("", json.dumps(dict(content.params), sort_keys=True), length=FINGERPRINT_LENGTH)
