"""Domain models of DingRun. `docs/glossary.md` defines each word and its Chinese translation.

- Models are immutable. To change one, create a copy with `dataclasses.replace`.
- Times are timezone-aware and in UTC. They are converted to the configured time zone for display only.

All nouns are in this one file, although it is long: a newcomer reads it from top to bottom.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

RETRY = "retry:"
"""Prefix of the idempotency key of a run that repeats the failed tasks of another run."""

Clock = Callable[[], datetime]
"""Return the current time, timezone-aware and in UTC. Tests pass a clock that they control."""

EXTERNAL = "external"
"""Name of the engine whose runs are executed by other systems and reported through the API."""

UNSUBMITTED = "unsubmitted:"
"""Prefix of the id of a task that could not be submitted. The engine does not know these ids."""

MAX_CLOCK_SKEW = timedelta(seconds=30)
"""Maximum difference that is tolerated between the clocks of machines that share a store."""


class Trigger(StrEnum):
    """Event that started a run."""

    CRON = "cron"  #: scheduled time (`cron` or `at`)
    CHAT = "chat"  #: command in a chat
    CARD = "card"  #: button on a card
    API = "api"  #: reported by, or requested through, the API
    ENGINE = "engine"  #: started by the engine itself


class RunStatus(StrEnum):
    """State of a run, derived from its tasks alone."""

    RUNNING = "running"  #: at least one task has not ended
    FINISHED = "finished"  #: all tasks have ended, successfully or not
    ERROR = "error"  #: no task could be submitted


class PushStatus(StrEnum):
    """State of the notifications of a run."""

    PENDING = "pending"  #: at least one destination has not received the summary yet
    SUCCESS = "success"  #: every destination received the summary
    ERROR = "error"  #: delivery to at least one destination was given up
    SKIPPED = "skipped"  #: no destination, or DingTalk is not configured


class ExportStatus(StrEnum):
    """State of the report of a run."""

    PENDING = "pending"  #: queued
    RUNNING = "running"  #: being written
    SUCCESS = "success"  #: stored
    ERROR = "error"  #: failed; see `Run.export_error`
    SKIPPED = "skipped"  #: the schedule has `export: false`


class TaskStatus(StrEnum):
    """State of a task."""

    WAITING = "waiting"  #: submitted, not started
    RUNNING = "running"  #: being executed
    DONE = "done"  #: ended successfully
    ERROR = "error"  #: failed; see `Task.reason`
    STOP = "stop"  #: stopped by a user
    MISSING = "missing"  #: unknown to the engine, for example deleted

    @property
    def ended(self) -> bool:
        return self not in {TaskStatus.WAITING, TaskStatus.RUNNING}


class JobState(StrEnum):
    """State of a job."""

    TODO = "todo"  #: waiting for `due_at`
    DOING = "doing"  #: claimed until `lease_until`, then claimable again
    DONE = "done"  #: completed
    DEAD = "dead"  #: given up (a dead letter); see `error`
    UNCONFIRMED = "unconfirmed"  #: may have been sent; never repeated automatically

    @property
    def ended(self) -> bool:
        return self not in {JobState.TODO, JobState.DOING}


UNDELIVERED_STATES = frozenset({JobState.DEAD, JobState.UNCONFIRMED})
"""States of delivery jobs whose message did not arrive or may not have arrived."""


class NotifyOn(StrEnum):
    """Runs that a destination is notified of."""

    FINISHED = "finished"  #: runs whose tasks have all ended, and runs that never started
    FAILED = "failed"  #: runs in error and runs with a failed task
    ALWAYS = "always"  #: all runs
    CHANGE = "change"  #: runs that differ from the one before; see `bot/delivery/recipients.py`


class Channel(StrEnum):
    """Setting `notify_channel` of a schedule."""

    DINGDING = "dingding"  #: best configured channel: card, markdown message, webhook
    WEBHOOK = "webhook"  #: custom group robots only
    OPENAPI = "openapi"  #: cards, messages and files of the app robot only
    WORK_NOTICE = "work_notice"  #: work notifications only


class DestinationKind(StrEnum):
    """Kind of a destination; decides which messenger delivers to it."""

    GROUP = "group"  #: group chat, by openConversationId (`cid…`)
    USER = "user"  #: one-to-one chat with the robot, by staffId
    WORK = "work"  #: work notification, by staffId
    WEBHOOK = "webhook"  #: custom group robot, by its name in the settings


class QuotaKind(StrEnum):
    """Monthly quota of DingTalk that a call counts against."""

    API = "api"  #: calls of the new and the old API
    STREAM = "stream_webhook"  #: webhook messages, incoming messages and card taps


PERSON_KINDS = frozenset({DestinationKind.USER, DestinationKind.WORK})
CARD_KINDS = frozenset({DestinationKind.GROUP, DestinationKind.USER})
FILE_KINDS = CARD_KINDS | {DestinationKind.WORK}
APP_KINDS = frozenset({DestinationKind.GROUP, DestinationKind.USER, DestinationKind.WORK})  # sent by an app
CHANNEL_KINDS: Mapping[Channel, frozenset[DestinationKind]] = {
    Channel.DINGDING: frozenset(DestinationKind),
    Channel.OPENAPI: CARD_KINDS,
    Channel.WEBHOOK: frozenset({DestinationKind.WEBHOOK}),
    Channel.WORK_NOTICE: frozenset({DestinationKind.WORK}),
}
"""Kinds of destinations that each channel delivers to."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Address of a message (投递目标), written `kind:id`, for example `group:cid6EU…==` or `work:manager01`.

    `app` names the DingTalk app that sends, written `group:cid6EU…==#name`. The default "" is the app in
    the settings block `DINGDING`.
    """

    kind: DestinationKind
    id: str
    app: str = ""

    @classmethod
    def parse(cls, text: str) -> "Destination":
        """Parse `kind:id` or `kind:id#app`. Raises `ValueError` that names the accepted forms."""
        place, _, app = text.partition("#")
        kind, colon, id_ = place.partition(":")
        if not colon or not id_ or kind not in set(DestinationKind):
            raise ValueError(f"takes group:cid…, user:staffId, work:staffId or webhook:name, got {text!r}")
        return cls(kind=DestinationKind(kind), id=id_, app=app)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}#{self.app}" if self.app else f"{self.kind}:{self.id}"

    @property
    def is_group(self) -> bool:
        return self.kind is DestinationKind.GROUP

    @property
    def is_person(self) -> bool:
        return self.kind in PERSON_KINDS

    @property
    def takes_cards(self) -> bool:
        return self.kind in CARD_KINDS

    @property
    def takes_files(self) -> bool:
        return self.kind in FILE_KINDS

    @property
    def quota_kind(self) -> QuotaKind:
        """Return the quota that a message to this destination counts against."""
        return QuotaKind.STREAM if self.kind is DestinationKind.WEBHOOK else QuotaKind.API

    def as_work_notification(self) -> "Destination":
        """Return the work notifications of a user, or the destination itself if it is not a user."""
        return replace(self, kind=DestinationKind.WORK) if self.kind is DestinationKind.USER else self


NULL_DESTINATION = Destination(kind=DestinationKind.GROUP, id="nobody")
"""Placeholder if no destination is configured. Messages to it are only logged."""


class FileMode(StrEnum):
    """Condition for sending the report to a destination as a file."""

    ALWAYS = "always"
    FAILED = "failed"  #: after runs with a failure; otherwise on request
    ASK = "ask"  #: on request; the card has a link, if links are enabled
    NEVER = "never"  #: not even on request, and not as a link


@dataclass(frozen=True, kw_only=True)
class RecipientOptions:
    """Notification settings of one destination of a schedule that differ from the schedule's own."""

    to: Destination
    notify_on: NotifyOn | None = None  # None = as the schedule says
    mention: tuple[str, ...] = ()  # people to mention: staffIds, mobile numbers or `all`
    only_failed: bool = False  # mention them only when a run has failures
    file: FileMode = FileMode.ALWAYS


@dataclass(frozen=True, kw_only=True)
class CustomRobot:
    """Custom group robot (自定义机器人)."""

    access_token: str = field(repr=False)
    secret: str = field(default="", repr=False)  # signs requests; "" = not signed
    keyword: str = ""  # added to messages that do not contain it
    setting: str = field(default="DINGDING", compare=False)  # settings block with its keys, for error texts


@dataclass(frozen=True, kw_only=True)
class Person:
    """User of DingTalk."""

    id: str  # staffId (userId); "" for people outside the organization
    name: str = ""
    admin: bool = False

    def __str__(self) -> str:
        return self.name or self.id


class ScheduleState(StrEnum):
    """State of a schedule."""

    ACTIVE = "active"  #: fires at its times
    STOPPED = "stopped"  #: stopped by a user until it is started again
    OVER = "over"  #: will not fire again: one-time schedule in the past, or ended by the engine


class Overlap(StrEnum):
    """Handling of a scheduled time while an earlier run of the schedule is open."""

    ALLOW = "allow"  #: both run
    SKIP = "skip"  #: the time is skipped
    SUPERSEDE = "supersede"  #: the earlier run is stopped


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """Expected starts and ends of the runs of a schedule. People are told of what does not happen."""

    cron: str = ""  # expected starts, if the schedule itself has no times
    every: timedelta | None = None  # longest time between two starts, instead of `cron`
    timezone: str = ""  # of the cron line; "" = the configured time zone
    grace: timedelta = timedelta(seconds=300)  # a start that is later than this is missed
    max_runtime: timedelta | None = None  # None = derived from the history
    overlap: Overlap = Overlap.ALLOW
    tolerance: int = 0  # consecutive failures that nobody is told of
    late_factor: float = 1.5  # a run is late after this multiple of its usual duration; 0 = never


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Definition of what runs, when it runs and who is notified (计划)."""

    id: str
    name: str
    engine: str = ""  # name of the engine that has it, "" if there is only one
    cron: str = ""  # five fields, in the configured time zone; "" if `at` is set
    at: datetime | None = None  # time of a one-time schedule
    state: ScheduleState = ScheduleState.ACTIVE
    targets: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()  # () = default ports of the engine
    notify_enable: bool = False
    notify_channel: Channel = Channel.DINGDING
    notify_on: NotifyOn = NotifyOn.FINISHED
    export: bool = True
    start_notice: bool = False  # a card is sent when a run starts, and becomes its summary
    startable: bool = True  # False if another system runs it and takes no requests
    send_to: tuple[Destination, ...] = ()
    recipient_options: tuple[RecipientOptions, ...] = ()
    expect: Expectation = Expectation()


@dataclass(frozen=True, kw_only=True)
class Mute:
    """Decision of a person that runs of a schedule are not notified of (静默)."""

    by: Person
    at: datetime
    until: datetime | None = None  # None = the next run only
    run_id: str = ""  # the run that has used up a mute of the next run
    cause: str = ""  # the message or card tap that asked for it
    ended_by: str = ""  # the message that ended it early

    def covers(self, at: datetime) -> bool:
        """Return whether it is in force at a time. A mute of the next run is, until a run has used it up."""
        return self.at <= at < self.until if self.until else not self.run_id


@dataclass(frozen=True, kw_only=True)
class NotifyChange:
    """Change to the notifications of a schedule. None leaves a setting as it is."""

    by: Person
    at: datetime
    notify_enable: bool | None = None
    notify_on: NotifyOn | None = None


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """Statement of a person who takes care of a failed run (确认)."""

    by: Person
    at: datetime
    until: datetime
    run_id: str


@dataclass(frozen=True, kw_only=True)
class ScheduleOverride:
    """Changes of people to a schedule in the chat. They apply on top of the settings or the engine."""

    schedule_id: str
    version: int = 0  # of the stored record; 0 = not stored yet
    notify: NotifyChange | None = None
    mute: Mute | None = None
    acknowledgement: Acknowledgement | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """Unit of work that an engine executes (子任务)."""

    id: str
    run_id: str
    target: str
    ports: tuple[int, ...] = ()  # embedded engine only
    status: TaskStatus = TaskStatus.WAITING
    reason: str = ""  # reason of a failure, shown to users
    start_time: datetime | None = None
    end_time: datetime | None = None
    found: Mapping[str, int] = field(default_factory=dict)  # number of assets by kind: site, ip, domain …


@dataclass(frozen=True, kw_only=True)
class TaskCounts:
    """Number of tasks of a run by outcome."""

    total: int
    done: int = 0
    error: int = 0
    stop: int = 0
    missing: int = 0
    found: Mapping[str, int] = field(default_factory=dict)  # sum of `Task.found`, duplicates included

    @property
    def failed(self) -> int:
        return self.error + self.stop + self.missing

    @property
    def ended(self) -> int:
        return self.done + self.failed


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Task that failed, was stopped or is missing."""

    task_id: str
    target: str
    status: TaskStatus
    reason: str


@dataclass(frozen=True, kw_only=True)
class KindSummary:
    """Number of distinct assets of one kind or highlight (`bot/assets/kinds.py`) in a run."""

    kind: str
    total: int
    new: int = 0
    gone: int = 0
    changed: int = 0


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Asset counts of a run, taken while its report is written. Cards, charts and lists show them."""

    rows: int  # asset rows in the workbook
    compared: bool = False  # False: no earlier run covered a target, so new, gone and changed are unknown
    kinds: tuple[KindSummary, ...] = ()  # most important first
    highlights: tuple[KindSummary, ...] = ()  # findings that need attention, most important first


@dataclass(frozen=True, kw_only=True)
class PreviousRun:
    """The last run that a run is comparable with: of its schedule, ended, no retry, and not only stopped."""

    id: str
    start_time: datetime
    seconds: float  # its duration
    complete: bool  # all of its tasks succeeded
    found: Mapping[str, int] = field(default_factory=dict)  # its `TaskCounts.found`


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Comparison of an ended run with the earlier runs of its schedule, made once, when the run ends."""

    streak: int = 1  # consecutive runs with this outcome (`Run.well`), this one included; retries not counted
    was_well: bool | None = None  # outcome of the run before, retries included; None if there was none
    was_muted: bool = False  # nobody was notified of the run before, because the schedule was muted
    was_tolerated: bool = False  # nobody was notified of the run before, a failure that is tolerated
    failures_changed: bool = False  # other targets failed in the run before
    previous: PreviousRun | None = None  # None for the first run, and for a retry


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of a schedule (执行).

    A failed export or push never changes `status`.
    """

    id: str
    idempotency_key: str  # event that triggered it, e.g. `cron:<schedule>:<time>`; one run per key
    schedule: Schedule  # copy of the schedule at the time of the trigger
    trigger: Trigger
    start_time: datetime
    asked_by: Person | None = None  # user who requested it
    asked_in: Destination | None = None  # conversation in which it was requested
    task_ids: tuple[str, ...] = ()  # empty until the tasks are submitted
    status: RunStatus = RunStatus.RUNNING
    push_status: PushStatus = PushStatus.PENDING
    export_status: ExportStatus = ExportStatus.PENDING
    end_time: datetime | None = None
    error_msg: str = ""
    export_error: str = ""
    task_counts: TaskCounts | None = None  # set when the run ends
    failures: tuple[Failure, ...] = ()  # set when the run ends; at most 100
    findings: Findings | None = None  # set when the report is written
    muted: Mute | None = None  # set when the run ends, if it is not notified of because of this mute
    muted_before: int = 0  # number of muted runs right before it; told unless it is muted itself
    trend: Trend | None = None  # set when the run ends
    approved_by: Person | None = None  # second person, where a schedule needs two
    stopped_by: Person | None = None  # who asked to stop it last
    stopped_at: datetime | None = None
    stop_approved_by: Person | None = None  # second person, where a schedule needs two
    assets_deleted: bool = False  # set when its assets have become too old, right before they are deleted
    ordinal: int = 0  # place among the runs of its schedule, from 1; given by the store that adds it

    @property
    def well(self) -> bool | None:
        """True if every task succeeded, False if any failed, None if the run is open or was only stopped."""
        if self.status is RunStatus.ERROR:
            return False
        counts = self.task_counts
        if self.status is RunStatus.RUNNING or counts is None:
            return None
        if counts.error or counts.missing:
            return False
        return None if counts.stop else True

    @property
    def is_retry(self) -> bool:
        """True if the run repeats only a part of another run, such as the failed tasks."""
        return self.idempotency_key.startswith(RETRY)

    @property
    def is_selection(self) -> bool:
        """True if a person has chosen what the run repeats: tasks or targets (`bot/runs/history.py`)."""
        repeated = self.idempotency_key.removeprefix(RETRY).partition(":")[0]
        return self.is_retry and not {"#", "@"}.isdisjoint(repeated)

    @property
    def submitted_task_ids(self) -> tuple[str, ...]:
        """Ids of the tasks that were submitted to the engine."""
        return tuple(id_ for id_ in self.task_ids if not id_.startswith(UNSUBMITTED))

    @property
    def schedule_id(self) -> str:
        return self.schedule.id

    @property
    def schedule_name(self) -> str:
        return self.schedule.name


class LapseKind(StrEnum):
    """Kind of a lapse."""

    MISSED = "missed"  #: no run started within the grace after a scheduled time
    LATE = "late"  #: a run takes longer than usual
    OVERDUE = "overdue"  #: a run takes longer than it may


class LapseState(StrEnum):
    """State of a lapse."""

    FOUND = "found"  #: the jobs of its alerts are not stored yet
    TOLD = "told"  #: the jobs of its alerts are stored
    OVER = "over"  #: it has happened since; the jobs of its recovery are not stored yet
    SETTLED = "settled"  #: nothing is left to do


OPEN_LAPSES = frozenset({LapseState.FOUND, LapseState.TOLD})
"""States of lapses that are not over."""


@dataclass(frozen=True, kw_only=True)
class Lapse:
    """Something that was expected of a schedule and did not happen (失约)."""

    id: str  # `missed:<schedule>:<time>`, `late:<run>` or `overdue:<run>`, so that each is told once
    kind: LapseKind
    schedule: Schedule  # copy of the schedule at the time it was found
    since: datetime  # the scheduled time that was missed, or the start of the run
    found_at: datetime
    allowed: timedelta  # after `since`; later is a lapse
    usual: timedelta | None = None  # duration of the run according to its history, if that is known
    run_id: str = ""  # the run that is late or overdue
    state: LapseState = LapseState.FOUND
    over_at: datetime | None = None  # the next start, or the end of the run
    missed: int = 0  # scheduled times without a start, counted when it is over

    @property
    def schedule_id(self) -> str:
        return self.schedule.id


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Starts of a schedule, from which those that are missed are known."""

    schedule_id: str
    plan: str = ""  # the expected times, as text; a changed plan is watched from then on
    since: datetime
    last_start: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """Durable unit of slow or fallible work, claimed with a lease (作业).

    The id is the idempotency key (`export:<run>`, `card:<run>:<destination>`): adding a job twice adds it
    once.
    """

    id: str
    kind: str
    run_id: str = ""
    payload: Mapping[str, object] = field(default_factory=dict)  # JSON values only
    created_at: datetime
    due_at: datetime
    state: JobState = JobState.TODO
    attempts: int = 0  # number of claims; identifies a claim together with `owner`
    failures: int = 0  # failed attempts; postponing is not a failure
    owner: str = ""  # process that holds the lease
    lease_until: datetime | None = None
    send_attempted: bool = False  # stored before a non-idempotent request; if set, a re-claim is UNCONFIRMED
    error: str = ""
    result: Mapping[str, object] = field(default_factory=dict)  # ids returned by DingTalk, no secrets
    ended_at: datetime | None = None
    replaced_by: str = ""  # id of the later job that replaces this dead or unconfirmed one


def new_job(
    kind: str, key: str, now: datetime, *, run_id: str = "", payload: Mapping[str, object] | None = None
) -> Job:
    """Create a job that is due immediately. Its id is `kind:key`, so the same request is the same job."""
    return Job(
        id=f"{kind}:{key}", kind=kind, run_id=run_id, payload=payload or {}, created_at=now, due_at=now
    )


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Right of one owner to use a key until a time, for example to start a schedule (占用)."""

    key: str  # for example `start:<schedule>`
    owner: str  # idempotency key of the request that reserved it
    since: datetime
    until: datetime
    details: Mapping[str, object] = field(default_factory=dict)  # JSON values, for the people who wait


@dataclass(frozen=True, kw_only=True)
class Report:
    """Excel file of a run (报告)."""

    run_id: str
    schedule_id: str
    schedule_name: str
    path: str  # relative to the reports folder
    name: str  # file name shown to users, with extension
    size: int  # bytes
    sha256: str
    made_at: datetime
    rows: int
    media_id: str = ""  # set after the upload to DingTalk


class MessageKind(StrEnum):
    """Kind of a message to the robot, as DingTalk names it (0699-robot-message-type)."""

    TEXT = "text"  #: text
    RICH_TEXT = "richText"  #: text with pictures
    PICTURE = "picture"  #: one picture
    AUDIO = "audio"  #: speech, with its recognized text
    VIDEO = "video"  #: one video
    FILE = "file"  #: one file
    UNKNOWN = "unknown"  #: any other


@dataclass(frozen=True, kw_only=True)
class Message:
    """Message sent to the robot (消息)."""

    id: str  # msgId, the same when DingTalk redelivers the message
    robot_code: str
    conversation_id: str
    group: bool
    sender: Person
    text: str  # trimmed, without the mention of the robot
    kind: MessageKind = MessageKind.TEXT
    quoted: str = ""  # `SendResult.message_id` of the message it replies to, if the robot sent that one
    title: str = ""  # name of the group
    corp_id: str = ""  # organization of the robot, in which `sender.id` is a staffId
    sender_corp_id: str = ""  # organization of the sender; "" if DingTalk does not tell
    app: str = ""  # app that received it, as in `Destination.app`
    session_webhook: str = field(default="", repr=False)  # URL for replies; secret, valid for 90 minutes
    session_expires: datetime | None = None

    @property
    def is_foreign(self) -> bool:
        """True if the sender belongs to another organization than the robot."""
        return bool(self.sender_corp_id and self.corp_id) and self.sender_corp_id != self.corp_id


@dataclass(frozen=True, kw_only=True)
class CardTap:
    """Button press on a card (点击).

    DingTalk sends no id. Card, action and the state of the run identify a tap.
    """

    card_id: str  # outTrackId
    action: str  # id of the button
    user: Person
    conversation_id: str = ""
    corp_id: str = ""  # organization in which `user.id` is a staffId
    app: str = ""  # app that received it, as in `Destination.app`
    chosen: tuple[str, ...] = ()  # row of a table, or options of a form, that the person chose


@dataclass(frozen=True, kw_only=True)
class MarkdownMessage:
    """Markdown message, rendered for one dialect and within its byte limit."""

    title: str  # shown in the chat list only
    text: str
    mention: tuple[str, ...] = ()  # staffIds, mobile numbers or `all`, if the channel supports mentions
    suggestions: tuple[str, ...] = ()  # commands that a one-to-one chat offers as buttons, at most 5


@dataclass(frozen=True, kw_only=True)
class CardSearch:
    """Text by which DingTalk's search finds a card, and its kind, which the search shows."""

    description: str  # at most 200 characters
    kind: Mapping[str, str]  # name of this kind of card, by language such as `zh_CN`


@dataclass(frozen=True, kw_only=True)
class CardFallback:
    """The content of a card for a public template, which DingTalk does not refuse."""

    template_id: str
    params: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RenderedCard:
    """Card (卡片), rendered for one template."""

    template_id: str
    params: Mapping[str, str]  # DingTalk accepts strings only
    headline: str  # shown in the chat list
    mention: tuple[str, ...] = ()  # staffIds or `all`
    alert: str = ""  # shown on the lock screen; "" = the headline
    silent: bool = False  # appears without a notification
    search: CardSearch | None = None  # None = the search of DingTalk does not find it
    fallback: CardFallback | None = None  # if this template may be refused

    def by_fallback(self) -> "RenderedCard":
        """Return this card by the template of its fallback, if it has one."""
        if self.fallback is None:
            return self
        return replace(
            self, template_id=self.fallback.template_id, params=self.fallback.params, fallback=None
        )

    def made_with(self, template_id: str) -> "RenderedCard":
        """Return this card by its fallback if it was sent by that one's template, else as it is."""
        sent_by_fallback = self.fallback is not None and self.fallback.template_id == template_id
        return self.by_fallback() if sent_by_fallback else self


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """Answer of a messenger to a delivery."""

    message_id: str = ""  # id assigned by DingTalk
    silent: bool = False  # logged only, not sent
    existed: bool = False  # the card was created by an earlier attempt and may have older content
    template_id: str = ""  # card template that was accepted

    def as_result(self) -> dict[str, object]:
        """Return the values to store in `Job.result`."""
        template = {"template": self.template_id} if self.template_id else {}
        return {"message_id": self.message_id, "silent": self.silent, **template}


class AuditChannel(StrEnum):
    """Way by which a request reached DingRun."""

    MESSAGE = "message"  #: message to the robot
    TAP = "tap"  #: button on a card
    WEB = "web"  #: page or download of the HTTP server
    CLI = "cli"  #: command line
    API = "api"  #: HTTP API


class AuditOutcome(StrEnum):
    """Outcome of a request."""

    PENDING = "pending"  #: being processed; if it stays so, the process ended meanwhile
    ACCEPTED = "accepted"  #: done, or queued
    REFUSED = "refused"  #: not allowed, or not possible now
    FAILED = "failed"  #: given up because of an error
    ASKED_BACK = "asked_back"  #: not understood, ambiguous, or to be confirmed
    REPEATED = "repeated"  #: the same as an earlier request, so nothing was done


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Record of one request (审计记录): who asked for what, the rule that decided, and the outcome."""

    id: str  # derived from the cause, such as the job of a message: one entry per cause
    at: datetime
    channel: AuditChannel
    actor: Person = Person(id="")  # `id` is "" for strangers, and on the web and the command line
    organization: str = ""  # corpId, if DingTalk sent one
    place: str = ""  # conversation, written like a destination; on the command line the machine
    place_name: str = ""  # name of the group
    said: str = ""  # text or action, shortened and without secrets
    command: str = ""  # command, button or route that it was understood as; "" if none
    schedule_id: str = ""
    schedule_name: str = ""
    run_id: str = ""
    allowed: bool = True
    rule: str = ""  # rule that decided, such as `access.operators`
    outcome: AuditOutcome = AuditOutcome.PENDING
    detail: str = ""  # reason of the outcome
    address: str = ""  # IP address of the client, on the web and the API

    @property
    def actor_id(self) -> str:
        return self.actor.id

    @property
    def actor_name(self) -> str:
        return self.actor.name


def deterministic_id(prefix: str, *parts: str, length: int = 10) -> str:
    """Derive an id from `parts`: the same parts give the same id, in lowercase base32."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return prefix + base64.b32encode(digest).decode().lower()[:length]
