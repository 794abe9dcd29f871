"""Send the one card of a job, however often it is tried and by which process.

What is known of earlier attempts stands in the payload of the job: whether the card was created without being
delivered, and the content that it was created with.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.errors import CardUndeliveredError, ConfigError, Permanent, Temporary
from bot.jobs import Claim
from bot.models import CardView, Destination, Receipt, derived_id
from bot.ports import Messenger

log = logging.getLogger(__name__)

CREATED, CONTENT = "card_created", "card_content"
FINGERPRINT_LENGTH = 16


async def always() -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class OutgoingCard:
    """A card on its way. `may_update` is asked before an update is paid for."""

    destination: Destination
    card_id: str
    content: CardView
    may_update: Callable[[], Awaitable[bool]] = always


async def send_card(claim: Claim, messenger: Messenger, card: OutgoingCard) -> Receipt:
    """Create and deliver a card, and update it once when it exists with other content.

    Nobody else updates it meanwhile: other updates begin when the job of the card is done.
    """
    created = bool(claim.job.payload.get(CREATED))
    try:
        receipt = await messenger.send_card(card.destination, card.content, card.card_id, created=created)
    except Temporary as error:
        created = created or isinstance(error, CardUndeliveredError)
        await _remember_attempt(claim, card.content, created=created)
        raise
    changed = claim.job.payload.get(CONTENT) != fingerprint(card.content)
    if receipt.existed and changed and await card.may_update():
        await _update(messenger, card)
    return receipt


async def _remember_attempt(claim: Claim, content: CardView, *, created: bool) -> None:
    """Keep what this attempt may have created; the content of the first attempt is the one that counts."""
    payload = claim.job.payload
    changes: dict[str, object] = {} if CONTENT in payload else {CONTENT: fingerprint(content)}
    if created and not payload.get(CREATED):
        changes |= {CREATED: True}
    if changes:
        await claim.keep(changes)


async def _update(messenger: Messenger, card: OutgoingCard) -> None:
    try:
        await messenger.update_card(card.card_id, card.content)
    except (Permanent, ConfigError) as error:  # it is shown, if with older content
        log.warning("card %s keeps its first content: %s", card.card_id, error)


def fingerprint(content: CardView) -> str:
    """Return a short digest of what a card shows."""
    return derived_id("", json.dumps(dict(content.params), sort_keys=True), length=FINGERPRINT_LENGTH)
