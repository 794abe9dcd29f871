"""Bodies of the JSON API. `openapi.json` is generated from them; unknown fields are refused by name."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from yarl import URL

from bot.external.models import ReportedStatus, ReportedTask, RunLink
from bot.models import Expectation, Overlap, PushStatus

MAX_COUNT = 10**12
MAX_ITEMS = 20  # counts, links and labels of a run
CRON_FIELDS = 5
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)

SLUG_PATTERN = r"^[a-z0-9_-]{1,60}$"
ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
_HTTP = re.compile(r"https?://[^\s<>\"]+")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("takes one line of printable text")
    return text


def _http(text: str) -> str:
    try:
        plain = _HTTP.fullmatch(text) and URL(text).host
    except ValueError:
        plain = None
    if not plain:
        raise ValueError("takes an http:// or https:// address")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("takes an IANA time zone such as Asia/Shanghai") from None
    return name


def _cron(line: str) -> str:
    try:
        CronSim(line, ANY_TIME)
    except (CronSimError, ValueError):
        raise ValueError("takes five cron fields such as 0 3 * * *") from None
    if len(line.split()) != CRON_FIELDS:
        raise ValueError("takes five cron fields such as 0 3 * * *")
    return line


def _whole(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("takes a whole number")  # noqa: TRY004 - pydantic wants a ValueError
    return value


def _time(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("takes a time such as 2026-12-01T03:00:00Z")  # noqa: TRY004
    return value


Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
ClientId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_printable)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_printable)]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Time = Annotated[AwareDatetime, BeforeValidator(_time)]
Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[Whole, Field(ge=0, le=MAX_COUNT)]
Address = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_http)]
Seconds = Annotated[float, BeforeValidator(_whole), Field(gt=0, le=366 * 86_400, allow_inf_nan=False)]


class Body(BaseModel):
    """A body whose unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


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


class ExpectBody(Body):
    """When the runs of a schedule should start and end. Durations are in seconds."""

    cron: Annotated[str, AfterValidator(_cron)] | None = None
    every: Seconds | None = None
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    grace: Annotated[Seconds, Field(ge=60)] = 300.0
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
            grace=timedelta(seconds=self.grace),
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


class RunBody(Body):
    """What is reported of a run. Fields that are left out stay as they are."""

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
    """What became of one delivery of a run."""

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
    """What is kept of the log."""

    bytes: int


class RerunBody(Body):
    """Where requests to run again or to stop go. Only hosts that the settings allow are taken."""

    url: Address | None = None
    secret: Annotated[str, StringConstraints(max_length=200)] | None = None
    runner: Annotated[str, StringConstraints(pattern=ID_PATTERN)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "RerunBody":
        if bool(self.url) == bool(self.runner):
            raise ValueError("takes either url or runner")
        return self


class RerunAnswer(Answer):
    """Where requests go. The secret is never shown."""

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


class StopAnswer(Answer):
    """What stopping did to the tasks of a run."""

    stopped: int
    ended_before: int
    left: list[str] = Field(description="Tasks that have not stopped yet.")


class CommandAnswer(Answer):
    """A request to the runner of a schedule."""

    id: str
    type: Literal["run.rerun", "run.stop"]
    schedule: str
    run: str
    rid: str = Field(description="Report the run under this id.")
    asked_by: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    tasks: list[str] = Field(default_factory=list)


class ProblemAnswer(Answer):
    """A problem document (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""


class NoQuery(Body):
    """No parameters."""


class RunQuery(Body):
    """How long to wait."""

    wait: Literal["delivered", "ended"] | None = None
    within: Annotated[int, Field(ge=1, le=120)] = 60


class RunListQuery(Body):
    """Which runs."""

    schedule: Annotated[str, StringConstraints(max_length=100)] | None = None
    status: Literal["open", "ended"] | None = None
    before: AwareDatetime | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class CommandQuery(Body):
    """Whose commands, and how long to wait for one."""

    runner: ClientId
    wait: Annotated[int, Field(ge=0, le=60)] = 0
