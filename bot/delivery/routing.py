"""Choose how the summary of a run goes to one destination. Pure: whoever asks reads the snapshot first."""

from dataclasses import dataclass
from enum import StrEnum

from bot.quota.budget import QuotaLevel


class Route(StrEnum):
    """How a summary goes. The values stand in the payloads of open jobs."""

    DIRECT = "alone"  #: by itself: as the card, or the message, that its job is for
    PLAIN_MESSAGE = "message"  #: cards are refused at this destination
    WEBHOOK_FALLBACK = "beside"  #: by the fallback webhook, the month's API calls run out
    DIGEST = "digest"  #: with others in one card


@dataclass(frozen=True, kw_only=True)
class RoutingSnapshot:
    """What decides on a route, as it was when the job looked."""

    silent: bool = False  # nothing is sent there, only logged
    quota: QuotaLevel = QuotaLevel.FULL
    slot: bool = True  # one more message of its own is not too many for this minute
    cards_accepted: bool = True  # no card was refused there lately, or its job sends none

    @property
    def withholds_files(self) -> bool:
        """Return whether a file is sent only to those who ask for it."""
        return not self.silent and self.quota >= QuotaLevel.NO_FILE

    @property
    def withholds_updates(self) -> bool:
        """Return whether a card is not updated, unless something may not have arrived."""
        return not self.silent and self.quota >= QuotaLevel.NO_UPDATES


def choose_route(snapshot: RoutingSnapshot) -> Route | None:
    """Choose a route; None while nothing may go at all."""
    if snapshot.silent:
        return Route.DIRECT
    if snapshot.quota is QuotaLevel.SPENT:
        return None
    if snapshot.quota is QuotaLevel.DIGEST or not snapshot.slot:
        return Route.DIGEST
    if snapshot.quota is QuotaLevel.WEBHOOK:
        return Route.WEBHOOK_FALLBACK
    return Route.DIRECT if snapshot.cards_accepted else Route.PLAIN_MESSAGE
