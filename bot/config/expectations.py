"""The `expectations` section of the settings: when the runs of schedules should start and end."""

from typing import Annotated

from pydantic import Field, model_validator

from bot.config.types import CronLine, Seconds, Section, Whole, ZoneName
from bot.models import Overlap

MIN_GRACE_SECONDS = 60.0  # engines start a little late


class ExpectationSettings(Section):
    """Expectations about the runs of the schedules that a pattern names. Durations are in seconds.

    - cron, every, timezone: when they should start, if their engine does not tell.
    - grace: a start that is later than this is missed.
    - max_runtime: a run that takes longer is overdue. By default, this is derived from the history.
    - late_factor: multiple of the usual duration after which a run is late. 0 is never.
    """

    cron: CronLine = ""
    every: Seconds | None = None
    timezone: ZoneName | None = None
    grace: Annotated[Seconds, Field(ge=MIN_GRACE_SECONDS)] = 300.0
    max_runtime: Seconds | None = None
    overlap: Overlap = Overlap.ALLOW
    tolerance: Whole = Field(0, ge=0, le=100)
    late_factor: float = Field(1.5, ge=0, le=100, allow_inf_nan=False)

    @model_validator(mode="after")
    def _consistent(self) -> "ExpectationSettings":
        if self.cron and self.every:
            raise ValueError("takes either cron or every, and has both")
        if 0 < self.late_factor < 1:
            raise ValueError(f"takes a late_factor of 1 or more, or 0 for never, got {self.late_factor:g}")
        return self
