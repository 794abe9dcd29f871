"""Choose the route of a summary from a snapshot of what it depends on. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.quota.budget import QuotaLevel


class Route(StrEnum):
    """The route of a summary. The values are stored in payloads."""

    DIRECT = "alone"  #: as the card or message that its job is for
    PLAIN_MESSAGE = "message"  #: as a message, because cards are rejected at this destination
    WEBHOOK_FALLBACK = "beside"  #: by the fallback webhook, because API calls are running out
    DIGEST = "digest"  #: with other runs in one card


@dataclass(frozen=True, kw_only=True)
class RoutingSnapshot:
    """The state that a route depends on, read once per attempt."""

    silent: bool = False  # messages to the destination are only logged
    quiet_until: datetime | None = None  # the end of quiet hours that the summary waits for
    quota: QuotaLevel = QuotaLevel.FULL
    slot: bool = True  # the limit of messages per minute is not reached
    cards_accepted: bool = True  # the circuit breaker for cards is closed, or the channel has no cards

    @property
    def withholds_files(self) -> bool:
        """Return whether files are sent only on request."""
        return not self.silent and self.quota >= QuotaLevel.NO_FILE

    @property
    def withholds_updates(self) -> bool:
        """Return whether cards are updated only when a file is unconfirmed."""
        return not self.silent and self.quota >= QuotaLevel.NO_UPDATES


def choose_route(snapshot: RoutingSnapshot) -> Route | None:
    """Choose a route. None while the quota is used up."""
    if snapshot.silent:
        return Route.DIRECT
    if snapshot.quota is QuotaLevel.SPENT:
        return None
    if snapshot.quiet_until or snapshot.quota is QuotaLevel.DIGEST or not snapshot.slot:
        return Route.DIGEST
    if snapshot.quota is QuotaLevel.WEBHOOK:
        return Route.WEBHOOK_FALLBACK
    return Route.DIRECT if snapshot.cards_accepted else Route.PLAIN_MESSAGE
