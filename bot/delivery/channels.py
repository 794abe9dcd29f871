"""Find the messenger of a destination, and its fallback webhook."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.models import NULL_DESTINATION, Destination, DestinationKind
from bot.ports import Capabilities, Messenger


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The messengers by kind of destination and app.

    Messages to a destination without a messenger are only logged. `fallback_webhooks` names, by destination,
    the webhook robot in the same group.
    """

    messengers: Mapping[tuple[DestinationKind, str], Messenger]
    silent: Messenger
    fallback_webhooks: Mapping[str, Destination] = field(default_factory=dict)

    def to(self, destination: Destination) -> Messenger:
        """Return the messenger of a destination."""
        if destination == NULL_DESTINATION:
            return self.silent
        return self.messengers.get((destination.kind, destination.app), self.silent)

    def capabilities(self, destination: Destination) -> Capabilities:
        """Return what the channel of a destination can do."""
        return self.to(destination).capabilities

    def is_silent(self, destination: Destination) -> bool:
        """Return whether messages to a destination are only logged."""
        return self.to(destination) is self.silent

    def fallback_webhook(self, destination: Destination) -> Destination | None:
        """Return the webhook robot in the same group, if there is one."""
        return self.fallback_webhooks.get(str(destination))
