"""Schedules."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from bot.api.models.expectations import ExpectBody
from bot.api.models.fields import ID_PATTERN, Address, Answer, Body, Line


class RerunBody(Body):
    """Target of requests to run again or to stop. Only hosts that the settings allow are taken."""

    url: Address | None = None
    secret: Annotated[str, StringConstraints(max_length=200)] | None = None
    runner: Annotated[str, StringConstraints(pattern=ID_PATTERN)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "RerunBody":
        if bool(self.url) == bool(self.runner):
            raise ValueError("takes either url or runner")
        return self


class RerunAnswer(Answer):
    """Target of requests to run again or to stop. The secret is never shown."""

    url: str = ""
    runner: str = ""
    gone: bool = False


class ScheduleBody(Body):
    """A schedule. Fields that are left out stay as they are; null removes `expect` and `rerun`."""

    name: Annotated[Line, StringConstraints(max_length=60)] | None = None
    owner: Annotated[str, StringConstraints(pattern=r"^[!-~]{0,64}$")] | None = None
    expect: ExpectBody | None = None
    rerun: RerunBody | None = None


class ScheduleAnswer(Answer):
    """A schedule."""

    slug: str = Field(description="Slug, or the id of a schedule of another engine.")
    name: str
    engine: str
    owner: str = ""
    expect: ExpectBody | None = None
    rerun: RerunAnswer | None = None
    configured: bool = Field(False, description="It is in the settings, so it cannot be changed here.")


class ScheduleList(Answer):
    """All schedules that the key reaches."""

    schedules: list[ScheduleAnswer]
