"""The nouns of DingRun, one meaning each; `docs/glossary.md` gives the Chinese words beside them.

Everything here is frozen: a change makes a new object (`dataclasses.replace`), so nothing moves under a
reader.
Times are aware and in UTC; only what people read is turned into the time zone of the settings.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

RETRY = "retry:"  # how the cause of a run begins that repeats a part of another

Clock = Callable[[], datetime]
"""Tells the present as an aware UTC time; tests hand in one that they can turn."""

UNSUBMITTED = "unsubmitted:"
"""The ids of tasks that a run should have and never got begin so; they are no ids of the engine's."""

MAX_CLOCK_SKEW = timedelta(seconds=30)
"""So much the clocks of the machines on one store may differ, at most."""


class Trigger(StrEnum):
    CRON = "cron"  #: its time had come (cron or `at`)
    CHAT = "chat"  #: a person typed the command
    CARD = "card"  #: a person pressed a button
    ENGINE = "engine"  #: the engine started it by itself


class RunStatus(StrEnum):
    RUNNING = "running"  #: stored, and not all of its tasks have ended
    FINISHED = "finished"  #: every task has ended, well or badly
    ERROR = "error"  #: the run itself came to nothing: its tasks could not be submitted


class PushStatus(StrEnum):
    PENDING = "pending"  #: the summary has not been delivered to every destination yet
    SUCCESS = "success"  #: every destination has the summary
    ERROR = "error"  #: at least one destination will not get it
    SKIPPED = "skipped"  #: nobody is to be told, or no DingTalk is configured


class ExportStatus(StrEnum):
    PENDING = "pending"  #: the report is asked for
    RUNNING = "running"  #: the report is being written
    SUCCESS = "success"  #: the report is stored
    ERROR = "error"  #: the report could not be made; `Run.export_error` says why
    SKIPPED = "skipped"  #: the schedule wants no report


class TaskStatus(StrEnum):
    WAITING = "waiting"  #: submitted, nobody works on it
    RUNNING = "running"  #: somebody works on it
    DONE = "done"  #: ended well
    ERROR = "error"  #: ended badly; `Task.reason` says why
    STOP = "stop"  #: ended because a person stopped it
    MISSING = "missing"  #: the engine does not know it (any more)

    @property
    def ended(self) -> bool:
        return self not in {TaskStatus.WAITING, TaskStatus.RUNNING}


class JobState(StrEnum):
    TODO = "todo"  #: waits for `due_at`
    DOING = "doing"  #: claimed until `lease_until`; then anyone may claim it again
    DONE = "done"  #: the act is certain to have happened
    DEAD = "dead"  #: given up; `error` says why
    UNCONFIRMED = "unconfirmed"  #: may have happened and must not be repeated by itself

    @property
    def ended(self) -> bool:
        return self not in {JobState.TODO, JobState.DOING}


UNDELIVERED_STATES = frozenset({JobState.DEAD, JobState.UNCONFIRMED})
"""How a delivery ends that did not arrive, or not for sure."""


class NotifyOn(StrEnum):
    FINISHED = "finished"  #: runs whose tasks have all ended
    FAILED = "failed"  #: runs in error, and runs with a task that did not end well
    ALWAYS = "always"  #: both


class Channel(StrEnum):
    DINGDING = "dingding"  #: the best that is configured: card, markdown, webhook
    WEBHOOK = "webhook"  #: custom group robot only
    OPENAPI = "openapi"  #: cards, messages and files of the app's robot only
    WORK_NOTICE = "work_notice"  #: work notifications only


class DestinationKind(StrEnum):
    GROUP = "group"  #: an openConversationId, `cid…` (an old chatId is converted once)
    USER = "user"  #: a staffId, one to one with the robot
    WORK = "work"  #: a staffId, as a work notification
    WEBHOOK = "webhook"  #: the name of a custom group robot


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a message goes; written `kind:id`, as in `group:cid6EU…==` or `work:manager01`.

    `app` names the app that carries it, written `group:cid6EU…==#name`; "" is the one in `DINGDING`.
    """

    kind: DestinationKind
    id: str
    app: str = ""

    @classmethod
    def parse(cls, text: str) -> "Destination":
        """Read `kind:id` or `kind:id#app`. Raises `ValueError` with what it takes."""
        place, _, app = text.partition("#")
        kind, colon, id_ = place.partition(":")
        if not colon or not id_ or kind not in set(DestinationKind):
            raise ValueError(f"takes group:cid…, user:staffId, work:staffId or webhook:name, got {text!r}")
        return cls(kind=DestinationKind(kind), id=id_, app=app)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}#{self.app}" if self.app else f"{self.kind}:{self.id}"


@dataclass(frozen=True, kw_only=True)
class RecipientOptions:
    """How one destination of a schedule is told, where it differs from the others.

    `mention` rings for these people: staffIds, mobile numbers, or `all`.
    """

    to: Destination
    notify_on: NotifyOn | None = None
    mention: tuple[str, ...] = ()
    only_failed: bool = False  # rings for runs that did not end well


@dataclass(frozen=True, kw_only=True)
class CustomRobot:
    """A custom group robot (自定义机器人); its messages hold `keyword`, if there is one.

    `setting` is the block of the settings that has its keys; errors name it.
    """

    access_token: str = field(repr=False)
    secret: str = field(default="", repr=False)
    keyword: str = ""
    setting: str = field(default="DINGDING", compare=False)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who asked. `id` is the staffId (userId); empty for people outside the organisation."""

    id: str
    name: str = ""
    admin: bool = False

    def __str__(self) -> str:
        return self.name or self.id


class ScheduleState(StrEnum):
    ACTIVE = "active"  #: fires at its times
    STOPPED = "stopped"  #: a person stopped it, until a person starts it again
    OVER = "over"  #: fires no more: its one time has passed, or the engine gave it up


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What should run and when, on which engine, and who is told (计划任务)."""

    id: str
    name: str
    cron: str = ""  # five fields, in the time zone of the settings; "" with `at`
    at: datetime | None = None  # once
    state: ScheduleState = ScheduleState.ACTIVE
    targets: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()  # () = the engine's own list
    notify_enable: bool = False
    notify_channel: Channel = Channel.DINGDING
    notify_on: NotifyOn = NotifyOn.FINISHED
    export: bool = True
    send_to: tuple[Destination, ...] = ()
    recipient_options: tuple[RecipientOptions, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task:
    """One unit the engine executes (子任务)."""

    id: str
    run_id: str
    target: str
    ports: tuple[int, ...] = ()  # embedded engine only
    status: TaskStatus = TaskStatus.WAITING
    reason: str = ""  # why it did not end well, in words for people
    start_time: datetime | None = None
    end_time: datetime | None = None
    found: Mapping[str, int] = field(default_factory=dict)  # assets by kind: site, ip, domain, service …


@dataclass(frozen=True, kw_only=True)
class TaskCounts:
    """How the tasks of a run ended, in numbers; `found` sums their assets by kind, repeats included."""

    total: int
    done: int = 0
    error: int = 0
    stop: int = 0
    missing: int = 0
    found: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        return self.error + self.stop + self.missing

    @property
    def ended(self) -> int:
        return self.done + self.failed


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A task that did not end well, and why."""

    task_id: str
    target: str
    status: TaskStatus
    reason: str


@dataclass(frozen=True, kw_only=True)
class KindSummary:
    """What a run found of one kind or highlight (`bot/assets/kinds.py`), each asset counted once."""

    kind: str
    total: int
    new: int = 0
    gone: int = 0
    changed: int = 0


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the report of a run counted; card, chart and lists show these numbers.

    Without `compared` nothing is known to be new, gone or changed: no earlier run covered any target.
    """

    rows: int  # of the workbook's sheets of assets
    compared: bool = False
    kinds: tuple[KindSummary, ...] = ()  # the most important first
    highlights: tuple[KindSummary, ...] = ()  # what a person should look at, the most important first


@dataclass(frozen=True, kw_only=True)
class Run:
    """One trigger of a schedule (执行实例). `schedule` is the schedule as it was when this run was triggered.

    `status` is judged from the tasks alone: a failed export or push never changes it.
    """

    id: str
    idempotency_key: str  # what triggered it, e.g. `cron:<schedule>:<time>`; the same cause is the same run
    schedule: Schedule
    trigger: Trigger
    start_time: datetime
    asked_by: Person | None = None
    asked_in: Destination | None = None  # the conversation it was asked in
    task_ids: tuple[str, ...] = ()  # () until the engine has taken them
    status: RunStatus = RunStatus.RUNNING
    push_status: PushStatus = PushStatus.PENDING
    export_status: ExportStatus = ExportStatus.PENDING
    end_time: datetime | None = None
    error_msg: str = ""
    export_error: str = ""
    task_counts: TaskCounts | None = None  # once ended
    failures: tuple[Failure, ...] = ()  # once ended; the first 100
    findings: Findings | None = None  # once its report is made

    @property
    def is_retry(self) -> bool:
        """Whether it repeats only what did not end well in another run."""
        return self.idempotency_key.startswith(RETRY)

    @property
    def submitted_task_ids(self) -> tuple[str, ...]:
        """The tasks that the engine knows, or knew."""
        return tuple(id_ for id_ in self.task_ids if not id_.startswith(UNSUBMITTED))

    @property
    def schedule_id(self) -> str:
        return self.schedule.id

    @property
    def schedule_name(self) -> str:
        return self.schedule.name


@dataclass(frozen=True, kw_only=True)
class Job:
    """One slow or fallible act of ours, durable and claimed with a lease.

    The id says what caused it (`export:<run>`, `card:<run>:<destination>`), so asking twice is asking once.
    `marker` is set, and stored, right before a request that nothing makes safe to repeat; a job that comes
    back
    with it set ends `UNCONFIRMED` instead of being done again.
    """

    id: str
    kind: str
    run_id: str = ""
    payload: Mapping[str, object] = field(default_factory=dict)  # JSON values only
    created_at: datetime
    due_at: datetime
    state: JobState = JobState.TODO
    attempts: int = 0  # claims so far; with `owner` it names one claim
    failures: int = 0  # attempts that ended badly; waiting for something else is none
    owner: str = ""
    lease_until: datetime | None = None
    send_attempted: bool = False
    error: str = ""
    result: Mapping[str, object] = field(default_factory=dict)  # the other side's ids, no secrets
    ended_at: datetime | None = None
    replaced_by: str = ""  # of a dead or unconfirmed job: the later one that stands for it


def new_job(
    kind: str, key: str, now: datetime, *, run_id: str = "", payload: Mapping[str, object] | None = None
) -> Job:
    """Make a job that is due at once. Kind and key are its id: what is asked for twice is one job."""
    return Job(
        id=f"{kind}:{key}", kind=kind, run_id=run_id, payload=payload or {}, created_at=now, due_at=now
    )


@dataclass(frozen=True, kw_only=True)
class Report:
    """The Excel file of a run (报告). `path` is relative to the reports folder; `media_id` once it is
    uploaded."""

    run_id: str
    schedule_id: str
    schedule_name: str
    path: str
    name: str  # what people see, with its extension
    size: int  # bytes
    sha256: str
    made_at: datetime
    rows: int
    media_id: str = ""


@dataclass(frozen=True, kw_only=True)
class DownloadLink:
    """What a link to a report allows (许可): this one file, until a time, so many downloads."""

    id: str
    run_id: str
    sha256: str  # of the report it was given for; no other file is served by it
    idempotency_key: str  # what it was given for, e.g. a job; the same cause is the same link
    made_at: datetime
    expires_at: datetime
    max_downloads: int  # downloads
    downloads: int = 0  # downloads so far
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class IssuedLink:
    """A link as people get it: whoever has the URL has the report, until it is over."""

    url: str = field(repr=False)
    expires_at: datetime
    max_downloads: int  # downloads


@dataclass(frozen=True, kw_only=True)
class Download:
    """A report that was fetched through a link (下载), as auditors read it; written before a byte leaves."""

    link_id: str
    run_id: str
    at: datetime
    address: str
    agent: str  # what the program said of itself
    id: str = ""
    finished: bool = False  # its last byte was sent; it cannot be resumed any more
    resumes: int = 0  # times that it went on after it broke off


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a person said to the robot. `id` is DingTalk's msgId, which stays the same when it is delivered
    again."""

    id: str
    robot_code: str
    conversation_id: str
    group: bool
    sender: Person
    text: str  # trimmed, without the mention of the robot
    title: str = ""  # of the group
    corp_id: str = ""  # of the robot's organisation, in which `sender.id` is a staffId
    app: str = ""  # whose Stream it came by, as in `Destination.app`
    session_webhook: str = field(default="", repr=False)  # a secret while it lives (about 90 minutes)
    session_expires: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CardTap:
    """What a person pressed. There is no id: a press is known by card, action and the state of the run."""

    card_id: str  # outTrackId
    action: str  # the button's id
    user: Person
    conversation_id: str = ""
    corp_id: str = ""  # the organisation in which `user.id` is a staffId
    app: str = ""  # whose Stream it came by, as in `Destination.app`


@dataclass(frozen=True, kw_only=True)
class MarkdownMessage:
    """A markdown message, rendered for one dialect and its byte limit."""

    title: str  # shown in the chat list only
    text: str
    mention: tuple[str, ...] = ()  # staffIds, mobile numbers or `all`, where the channel can ring for them


@dataclass(frozen=True, kw_only=True)
class RenderedCard:
    """A card, rendered for one template: values are strings, as DingTalk demands."""

    template_id: str
    params: Mapping[str, str]
    headline: str  # the line in the chat list
    mention: tuple[str, ...] = ()  # staffIds or `all` that it rings for


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """What the other side answered to a delivery: its id for the message, to be kept as proof."""

    message_id: str = ""
    silent: bool = False  # nothing was sent, only logged
    existed: bool = False  # an earlier attempt created the card, perhaps with other content

    def as_result(self) -> dict[str, object]:
        """Return what a job keeps of it as proof."""
        return {"message_id": self.message_id, "silent": self.silent}


def deterministic_id(prefix: str, *parts: str, length: int = 10) -> str:
    """An id that says what caused it: the same parts give the same id (base32 letters and digits, lower
    case)."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return prefix + base64.b32encode(digest).decode().lower()[:length]


def is_mobile(person: str) -> bool:
    """Whether a mention is a mobile number, such as 13800000000 or +852-90000000, and no staffId."""
    return re.fullmatch(r"1\d{10}|\+\d{1,4}-\d{5,13}", person) is not None
