"""Send the one card of a job, however often it is tried and by which process.

What is known of earlier attempts stands in the payload of the job: whether the card was created without being
delivered, and the content that it was created with.
"""

import json
import logging
from dataclasses import dataclass, replace
from typing import Any

from bot.delivery.payload import DeliveryPayload
from bot.errors import CardUndeliveredError, ConfigError, PermanentError, TemporaryError
from bot.jobs.queue import Claim
from bot.models import Destination, RenderedCard, SendResult, deterministic_id
from bot.ports import Messenger

log = logging.getLogger(__name__)

FINGERPRINT_LENGTH = 16


@dataclass(frozen=True, kw_only=True)
class OutgoingCard:
    """A card on its way. Without `updates` it keeps the content that an earlier attempt gave it."""

    destination: Destination
    card_id: str
    content: RenderedCard
    updates: bool = True


async def send_card(claim: Claim, messenger: Messenger, card: OutgoingCard) -> SendResult:
    """Create and deliver a card, and update it once when it exists with other content.

    Nobody else updates it meanwhile: other updates begin when the job of the card is done.
    """
    payload, content = DeliveryPayload.of(claim.job), fingerprint(card.content)
    try:
        receipt = await messenger.send_card(
            card.destination, card.content, card.card_id, created=payload.card_created
        )
    except TemporaryError as error:
        await update_payload(
            claim,
            card_created=payload.card_created or isinstance(error, CardUndeliveredError),
            card_content=payload.card_content or content,  # that of the first attempt is the one that counts
        )
        raise
    changed = payload.card_content != content
    if receipt.existed and changed and card.updates:
        await _update(messenger, card)
    return receipt


async def update_payload(claim: Claim, **changes: Any) -> DeliveryPayload:
    """Store what was decided before it is acted on; `changes` are fields of the payload."""
    payload = DeliveryPayload.of(claim.job)
    changed = replace(payload, **changes)
    if changed != payload:
        await claim.update_payload(changed.as_json(), without=payload.as_json())
    return changed


async def _update(messenger: Messenger, card: OutgoingCard) -> None:
    try:
        await messenger.update_card(card.card_id, card.content)
    except (PermanentError, ConfigError) as error:  # it is shown, if with older content
        log.warning("card %s keeps its first content: %s", card.card_id, error)


def fingerprint(content: RenderedCard) -> str:
    """Return a short digest of what a card shows."""
    return deterministic_id("", json.dumps(dict(content.params), sort_keys=True), length=FINGERPRINT_LENGTH)
