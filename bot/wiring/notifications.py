"""Build what decides when people are notified."""

from bot.config.settings import Settings
from bot.config.types import parse_hours
from bot.delivery.policy.quiet_hours import QuietHours


def build_quiet_hours(settings: Settings) -> QuietHours | None:
    """Build the quiet hours, or None if there are none."""
    notify = settings.notify
    if not notify.quiet_hours:
        return None
    start, end = parse_hours(notify.quiet_hours)
    failed = notify.quiet_hours_except == "failed"
    return QuietHours(start=start, end=end, zone=settings.zone, except_failed=failed)
