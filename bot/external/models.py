"""Domain models of runs that other systems execute and report."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.models import Expectation

SCHEDULE_PREFIX = "x:"
OUR_ID = re.compile(r"r[a-z2-7]{10}")  # of a run


class ReportedStatus(StrEnum):
    """State of a run or a task as its system reports it."""

    QUEUED = "queued"  #: accepted, not started
    RUNNING = "running"  #: being executed
    WAITING = "waiting"  #: waits for somebody or something
    SUCCESS = "success"  #: ended well
    FAILED = "failed"  #: ended badly
    STOPPED = "stopped"  #: stopped on request
    TIMED_OUT = "timed_out"  #: took too long
    LOST = "lost"  #: nobody knows what became of it

    @property
    def ended(self) -> bool:
        return self not in {ReportedStatus.QUEUED, ReportedStatus.RUNNING, ReportedStatus.WAITING}


@dataclass(frozen=True, kw_only=True)
class ReportedTask:
    """Part of a run."""

    id: str
    name: str = ""
    status: ReportedStatus = ReportedStatus.RUNNING
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RunLink:
    """Link to a page about a run, such as its log in a CI system."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """One report about a run, kept for the audit trail."""

    at: datetime
    kind: str  # `start`, `log`, or the reported status
    key: str = ""  # identifies the report, so that it counts once; "" for reports that are merged
    detail: str = ""
    accepted: bool = True  # False: it came after another end, and changed nothing


@dataclass(frozen=True, kw_only=True)
class AssetUpload:
    """Assets of one kind that were uploaded for a run."""

    kind: str
    place: str  # id under which the task store has them
    rows: int


@dataclass(frozen=True, kw_only=True)
class RunFile:
    """File that a system made and that is sent instead of our workbook."""

    name: str
    path: str  # relative to the reports folder
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ExternalRun:
    """A run that another system executes, as reported so far. `id` is that of the `Run`."""

    id: str
    slug: str
    client_id: str  # id that its system gave it (`rid`), unique for a slug
    created_at: datetime
    status: ReportedStatus = ReportedStatus.QUEUED
    title: str = ""
    trigger: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    signal: str = ""
    error: str = ""
    tasks: tuple[ReportedTask, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    links: tuple[RunLink, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    events: tuple[RunEvent, ...] = ()
    assets: tuple[AssetUpload, ...] = ()  # the last complete upload of each kind
    files: tuple[RunFile, ...] = ()
    presumed: bool = False  # the end was not reported but concluded; a reported one corrects it
    version: int = 0  # of the stored document; 0 = not stored yet
    unsettled_since: datetime | None = None  # time of a report whose consequences may not have followed

    @property
    def is_new(self) -> bool:
        """Tell if nothing has followed from the run yet."""
        return self.version <= 1

    @property
    def asset_kinds(self) -> tuple[str, ...]:
        return tuple(upload.kind for upload in self.assets)

    @property
    def schedule_id(self) -> str:
        return schedule_id(self.slug)


@dataclass(frozen=True, kw_only=True)
class RerunTarget:
    """Target of requests to run again or to stop: a URL, or a runner that fetches them."""

    url: str = ""
    secret: str = field(default="", repr=False)  # signs requests to `url`
    runner: str = ""
    gone: bool = False  # the URL answered 410: never again


@dataclass(frozen=True, kw_only=True)
class ExternalSchedule:
    """A schedule that another system executes, known by its slug."""

    slug: str
    name: str = ""  # "" = the slug
    owner: str = ""  # staffId or mobile number
    expect: Expectation | None = None
    rerun: RerunTarget | None = None
    created_at: datetime | None = None  # None for those of the settings
    version: int = 0

    @property
    def id(self) -> str:
        return schedule_id(self.slug)

    @property
    def display_name(self) -> str:
        return self.name or self.slug


@dataclass(frozen=True, kw_only=True)
class DeclaredKind:
    """A kind of assets that the first upload of a schedule declared."""

    slug: str
    name: str
    key: tuple[str, ...]  # columns that identify an asset
    columns: tuple[str, ...]  # in the order in which they were first seen
    version: int = 0


class CommandKind(StrEnum):
    """Kind of request to a system."""

    RERUN = "run.rerun"  #: start a run
    STOP = "run.stop"  #: stop a run


@dataclass(frozen=True, kw_only=True)
class Command:
    """Request to the system that executes a schedule."""

    id: str  # that of the job or act that caused it, unchanged over retries
    kind: CommandKind
    slug: str
    run_id: str
    rid: str  # id under which the system reports the run
    asked_by: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()  # names of the tasks to repeat; () = all
    runner: str = ""
    created_at: datetime
    version: int = 0


def schedule_id(slug: str) -> str:
    """Return the schedule id of a slug."""
    return SCHEDULE_PREFIX + slug


def slug_of(schedule: str) -> str:
    """Return the slug of a schedule id."""
    return schedule.removeprefix(SCHEDULE_PREFIX)


def names_other_runs(id_: str) -> bool:
    """Tell if an id may be one of ours, or `slug:id`, and so mean a run that its system calls otherwise."""
    return ":" in id_ or OUR_ID.fullmatch(id_) is not None
