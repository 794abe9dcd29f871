"""Build the audit, for the service and for the command line."""

import logging
from collections.abc import Callable
from datetime import timedelta

from bot.audit.log import AuditLog
from bot.config.settings import Settings
from bot.models import AuditChannel, AuditEntry, Clock
from bot.telemetry.logging import fields
from bot.telemetry.metrics import Metrics
from bot.wiring.stores import StoreSet
from handlers import router

log = logging.getLogger(__name__)

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
    """Build the function that counts and logs requests. What a chat sends is counted by known names."""
    known = {word: command.name for command in router.commands for word in command.words}
    known |= {design.action: design.action for design in router.button_designs}

    def count(entry: AuditEntry) -> None:
        command = entry.command
        if command and entry.channel in FROM_CHAT:
            command = known.get(command, "other")
        metrics.command(entry.channel.value, command or "none", entry.outcome.value)
        named = fields(
            request=entry.id,
            channel=entry.channel.value,
            command=command or "none",
            outcome=entry.outcome.value,
            schedule=entry.schedule_id,
            started=entry.run_id,
        )
        log.info("request %s: %s is %s", entry.id, command or "none", entry.outcome, extra=named)

    return count
