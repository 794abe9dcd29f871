"""Expectations about runs."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from bot.api.models.fields import Body, Seconds, Whole, cron_line, zone_name
from bot.models import Expectation, Overlap

MIN_GRACE = timedelta(seconds=60)  # systems start a little late


class ExpectBody(Body):
    """Expected start and end of the runs of a schedule. Durations are in seconds."""

    cron: Annotated[str, AfterValidator(cron_line)] | None = None
    every: Seconds | None = None
    timezone: Annotated[str, AfterValidator(zone_name)] | None = None
    grace: Seconds = 300.0
    max_runtime: Seconds | None = None
    overlap: Overlap = Overlap.ALLOW
    tolerance: Annotated[Whole, Field(ge=0, le=100)] = 0

    @model_validator(mode="after")
    def _one_plan(self) -> "ExpectBody":
        if self.cron and self.every:
            raise ValueError("takes either cron or every, not both")
        return self

    def as_expectation(self) -> Expectation:
        return Expectation(
            cron=self.cron or "",
            every=timedelta(seconds=self.every) if self.every else None,
            timezone=self.timezone or "",
            grace=max(timedelta(seconds=self.grace), MIN_GRACE),
            max_runtime=timedelta(seconds=self.max_runtime) if self.max_runtime else None,
            overlap=self.overlap,
            tolerance=self.tolerance,
        )

    @classmethod
    def of(cls, expect: Expectation) -> "ExpectBody":
        return cls(
            cron=expect.cron or None,
            every=expect.every.total_seconds() if expect.every else None,
            timezone=expect.timezone or None,
            grace=expect.grace.total_seconds(),
            max_runtime=expect.max_runtime.total_seconds() if expect.max_runtime else None,
            overlap=expect.overlap,
            tolerance=expect.tolerance,
        )
