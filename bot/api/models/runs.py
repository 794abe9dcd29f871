"""Runs, and what is reported of them."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from bot.api.models.expectations import ExpectBody
from bot.api.models.fields import (
    MAX_ITEMS,
    Address,
    Answer,
    Body,
    ClientId,
    Count,
    Line,
    Slug,
    Text,
    Time,
    Whole,
    Word,
)
from bot.external.models import ReportedStatus, ReportedTask, RunLink
from bot.models import PushStatus


class TaskBody(Body):
    """A part of a run. Tasks with the same id are replaced, others stay."""

    id: ClientId
    name: Line = ""
    status: ReportedStatus = ReportedStatus.RUNNING
    reason: Text = ""
    started_at: Time | None = None
    ended_at: Time | None = None

    def as_task(self) -> ReportedTask:
        return ReportedTask(**dict(self))


class LinkBody(Body):
    """A page about a run, such as its log in a CI system."""

    title: Annotated[Line, StringConstraints(min_length=1)]
    url: Address

    def as_link(self) -> RunLink:
        return RunLink(title=self.title, url=self.url)


class RunBody(Body):
    """Report about a run. Fields that are left out stay as they are."""

    schedule: Slug | None = Field(None, description="Slug of the schedule. A new run needs it.")
    status: ReportedStatus | None = None
    title: Line | None = None
    trigger: Line | None = Field(None, description="What started it, such as `cron` or `push`.")
    started_at: Time | None = None
    ended_at: Time | None = None
    exit_code: Annotated[Whole, Field(ge=-(2**31), lt=2**32)] | None = None
    signal: Word | None = None
    error: Text | None = None
    tasks: Annotated[list[TaskBody], Field(max_length=500)] | None = None
    counts: Annotated[dict[Word, Count], Field(max_length=MAX_ITEMS)] | None = None
    links: Annotated[list[LinkBody], Field(max_length=MAX_ITEMS)] | None = None
    labels: Annotated[dict[Word, Line], Field(max_length=MAX_ITEMS)] | None = None
    expect: ExpectBody | None = None

    @property
    def reported_status(self) -> ReportedStatus | None:
        """Return the status, or what the exit code says about it."""
        if self.status is not None or self.exit_code is None:
            return self.status
        return ReportedStatus.FAILED if self.exit_code else ReportedStatus.SUCCESS


class DestinationState(Answer):
    """State of one delivery of a run."""

    destination: str
    kind: Literal["card", "message", "file"]
    state: Literal["waiting", "delivered", "given_up", "unconfirmed"]
    detail: str = ""


class FileAnswer(Answer):
    """A file of a run."""

    name: str
    size: int
    sha256: str


class RunAnswer(Answer):
    """A run, and what became of its notifications."""

    id: str = Field(description="Id that its system gave it, else ours.")
    run: str = Field(description="Id that people see.")
    schedule: str = Field(description="Slug, or the id of a schedule of another engine.")
    schedule_name: str
    engine: str
    status: ReportedStatus
    title: str = ""
    trigger: str = ""
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    exit_code: int | None = None
    signal: str = ""
    error: str = ""
    tasks: list[TaskBody] = Field(default_factory=list)
    counts: dict[str, int] = Field(default_factory=dict)
    links: list[LinkBody] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    assets: list[str] = Field(default_factory=list)
    files: list[FileAnswer] = Field(default_factory=list)
    push_status: PushStatus = PushStatus.PENDING
    destinations: list[DestinationState] = Field(default_factory=list)


class RunList(Answer):
    """Runs, newest first. `before` of the next page is `started_at` of the last one."""

    runs: list[RunAnswer]


class LogAnswer(Answer):
    """Size of the log that is kept, in bytes."""

    bytes: int


class StopAnswer(Answer):
    """Outcome of stopping a run, in tasks."""

    stopped: int
    ended_before: int
    left: list[str] = Field(description="Tasks that have not stopped yet.")


class RunQuery(Body):
    """Options of reading a run: the event to wait for, and for how many seconds."""

    wait: Literal["delivered", "ended"] | None = None
    within: Annotated[int, Field(ge=1, le=120)] = 60


class RunListQuery(Body):
    """Filter of runs."""

    schedule: Annotated[str, StringConstraints(max_length=100)] | None = None
    status: Literal["open", "ended"] | None = None
    before: AwareDatetime | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
