"""Build the audit, for the service and for the command line."""

from datetime import timedelta

from bot.audit.log import AuditLog
from bot.config.settings import Settings
from bot.models import Clock
from bot.wiring.stores import StoreSet


def build_audit_log(settings: Settings, stores: StoreSet, clock: Clock) -> AuditLog:
    """Build what writes the audit of a store."""
    return AuditLog(stores.audit, clock=clock, keep=timedelta(days=settings.audit.keep_days))
