"""Build the logins of the web pages."""

from datetime import timedelta

from bot.config.loader import Settings
from bot.logins.logins import Logins
from bot.models import Clock
from bot.wiring.stores import StoreSet


def build_logins(settings: Settings, stores: StoreSet, clock: Clock) -> Logins:
    """Build the issuer of one-time links and sessions."""
    return Logins(
        stores.documents,
        stores.links,
        clock=clock,
        public_url=settings.web.public_url,
        ttl=timedelta(seconds=settings.web.session_ttl),
    )
