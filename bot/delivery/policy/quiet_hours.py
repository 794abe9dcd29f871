"""The hours of the day in which summaries wait, so that they come together afterward. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.delivery.recipients import has_failures
from bot.models import Destination, Run

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """Quiet hours such as 22:00 to 08:00, in a time zone. They may span midnight."""

    start: time
    end: time
    zone: ZoneInfo
    except_failed: bool = False  # runs with a failure do not wait

    def end_after(self, now: datetime) -> datetime | None:
        """Return when the quiet hours end that are in force at a time, or None outside of them."""
        today = now.astimezone(self.zone).date()
        for day in (today - ONE_DAY, today):
            last_day = day if self.start < self.end else day + ONE_DAY
            begin, end = (
                datetime.combine(each, clock, self.zone).astimezone(UTC)
                for each, clock in ((day, self.start), (last_day, self.end))
            )
            if begin <= now < end:
                return end
        return None

    def wait_until(self, run: Run, destination: Destination, now: datetime) -> datetime | None:
        """Return until when the summary of a run waits, or None if it is sent now.

        The conversation that asked for a run does not wait.
        """
        if run.asked_in == destination or (self.except_failed and has_failures(run)):
            return None
        return self.end_after(now)
