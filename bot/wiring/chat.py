"""Build what the chat needs: the guards of acts, and logins."""

from datetime import timedelta

from bot.chat.confirmations import TapConfirmations
from bot.chat.context import Guards
from bot.config.loader import Settings
from bot.logins.logins import Logins
from bot.models import Clock
from bot.runs.approvals import Approvals
from bot.runs.lifecycle import Runs
from bot.runs.starts import RunStarts
from bot.wiring.policies import build_protection_policy
from bot.wiring.stores import StoreSet, clock_skew


def build_guards(settings: Settings, stores: StoreSet, runs: Runs, clock: Clock) -> Guards:
    """Build what guards acts, which all bots on a store share."""
    starts = RunStarts(
        stores.reservations,
        runs,
        clock=clock,
        cooldown=timedelta(seconds=settings.chat.rerun_cooldown),
        skew=clock_skew(settings.store.url),
    )
    ttl = timedelta(seconds=settings.chat.action_ttl)
    return Guards(
        starts=starts,
        approvals=Approvals(stores.reservations, build_protection_policy(settings), clock=clock),
        confirmations=TapConfirmations(stores.reservations, clock=clock, ttl=ttl),
    )


def build_logins(settings: Settings, stores: StoreSet, clock: Clock) -> Logins:
    """Build the issuer of one-time links and sessions."""
    return Logins(
        stores.documents,
        stores.links,
        clock=clock,
        public_url=settings.web.public_url,
        ttl=timedelta(seconds=settings.web.session_ttl),
    )
