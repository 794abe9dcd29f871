"""Which messenger reaches a destination, and what else stands beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.models import NULL_DESTINATION, Destination, DestinationKind
from bot.ports import Capabilities, Messenger


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Messengers by kind of destination and app; what none of them reaches is only logged.

    `beside` names, by destination, the webhook robot in the same group.
    """

    messengers: Mapping[tuple[DestinationKind, str], Messenger]
    silent: Messenger
    fallback_webhooks: Mapping[str, Destination] = field(default_factory=dict)

    def to(self, destination: Destination) -> Messenger:
        if destination == NULL_DESTINATION:
            return self.silent
        return self.messengers.get((destination.kind, destination.app), self.silent)

    def capabilities(self, destination: Destination) -> Capabilities:
        """Tell what can be done at a destination."""
        return self.to(destination).capabilities

    def is_silent(self, destination: Destination) -> bool:
        """Whether what goes there is only logged."""
        return self.to(destination) is self.silent

    def fallback_webhook(self, destination: Destination) -> Destination | None:
        """The webhook robot that can speak in its place."""
        return self.fallback_webhooks.get(str(destination))
