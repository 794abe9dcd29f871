"""Build the audit, for the service and for the command line."""

from collections.abc import Callable
from datetime import timedelta

from bot.audit.log import AuditLog
from bot.config.settings import Settings
from bot.models import AuditChannel, AuditEntry, Clock
from bot.telemetry.metrics import Metrics
from bot.wiring.stores import StoreSet
from handlers import router

FROM_CHAT = frozenset({AuditChannel.MESSAGE, AuditChannel.TAP})


def build_audit_log(
    settings: Settings,
    stores: StoreSet,
    clock: Clock,
    *,
    on_entry: Callable[[AuditEntry], None] | None = None,
) -> AuditLog:
    """Build what writes the audit of a store."""
    keep = timedelta(days=settings.audit.keep_days)
    return AuditLog(stores.audit, clock=clock, keep=keep, on_entry=on_entry)


def count_commands(metrics: Metrics) -> Callable[[AuditEntry], None]:
    """Build the function that counts requests. What a chat sends is counted by names that we know."""
    known = {word: command.name for command in router.commands for word in command.words}
    known |= {design.action: design.action for design in router.button_designs}

    def count(entry: AuditEntry) -> None:
        command = entry.command
        if command and entry.channel in FROM_CHAT:
            command = known.get(command, "other")
        metrics.command(entry.channel.value, command or "none", entry.outcome.value)

    return count
