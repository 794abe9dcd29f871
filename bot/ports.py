"""Ports: the interfaces of stores, engines, messengers and exporters, with their guarantees.

- Verbs: `find_` may return nothing, `add_` is idempotent, `claim_` takes exclusively.
- Adapters raise `TemporaryError` and `PermanentError`, never an exception of a vendor's library.
- Every adapter, and every fake of the tests, passes the contract suite of its port (`tests/contract`).
- Policy (retries, recipients, quota) is not part of an adapter.

All ports are in this one file, although it is long: with `bot/models.py` it is the system in outline.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from bot.downloads import Download, DownloadLink
from bot.errors import DingRunError
from bot.models import (
    AuditEntry,
    Destination,
    Findings,
    Job,
    JobState,
    Lapse,
    LapseState,
    MarkdownMessage,
    Message,
    Person,
    RenderedCard,
    Report,
    Reservation,
    Run,
    RunStatus,
    Schedule,
    ScheduleOverride,
    SendResult,
    Task,
    Watch,
)


class Store(Protocol):
    """Storage of runs, jobs and reports.

    - A change is durable when the method returns. It survives a `kill -9` of the process.
    - Each method is atomic. Several processes may use a store at the same time.
    """

    async def open(self) -> None:
        """Connect, create missing tables and migrate old ones.

        Raises `ConfigError` if a newer version of DingRun wrote the store.
        """

    async def close(self) -> None:
        """Finish pending writes and disconnect."""

    async def add_run(self, run: Run) -> bool:
        """Store a new run. Returns False, without a change, if a run with this id exists.

        Its `ordinal` becomes one more than the highest of its schedule, however many bots add runs.
        """

    async def find_run(self, run_id: str) -> Run | None:
        """Return the run, or None if there is none with this id."""

    async def update_run(
        self, run_id: str, changes: Mapping[str, Any], *, when: RunStatus | None = None
    ) -> Run | None:
        """Set the given fields of a run, leave all others alone, and return the changed run.

        Returns None, without a change, if the run does not exist or its status is not `when`.
        """

    async def find_runs(
        self, *, status: RunStatus | None = None, schedule_id: str = "", limit: int = 20
    ) -> Sequence[Run]:
        """Return the newest runs by `start_time`, newest first. `limit=0` returns all."""

    async def add_job(self, job: Job) -> bool:
        """Store a new job. Returns False, without a change, if a job with this id exists, ended or not."""

    async def claim_job(
        self, kinds: Collection[str], owner: str, now: datetime, until: datetime
    ) -> Job | None:
        """Claim the oldest due job of the given kinds for `owner`, with a lease until `until`.

        - A job is due if it is `todo` with `due_at <= now`, or `doing` with an expired lease.
        - The returned job is `doing`, and its `attempts` is increased by one.
        - Concurrent claims never return the same job.
        """

    async def next_due(self, kinds: Collection[str]) -> datetime | None:
        """Return when the next job of the given kinds can be claimed. None if none is `todo` or `doing`."""

    async def save_job(self, job: Job) -> bool:
        """Update a claimed job: extend its lease, set its send marker, end it or postpone it.

        Returns False, without a change, if the claim (`owner` and `attempts`) is no longer the current one.
        """

    async def make_jobs_due(self, job_ids: Collection[str], now: datetime) -> None:
        """Make `todo` jobs due now. Jobs in any other state do not change."""

    async def free_future(self, now: datetime, beyond: datetime) -> int:
        """Make jobs due whose `due_at` or lease is later than `beyond`, set by a clock that was ahead.

        Returns the number of jobs.
        """

    async def find_job(self, job_id: str) -> Job | None:
        """Return the job, or None if there is none with this id."""

    async def find_jobs(
        self, *, run_id: str = "", kind: str = "", states: Collection[JobState] = (), limit: int = 100
    ) -> Sequence[Job]:
        """Return the jobs that match all given filters, oldest first."""

    async def find_ended(
        self, kinds: Collection[str], since: datetime, states: Collection[JobState] = ()
    ) -> Sequence[Job]:
        """Return the jobs of these kinds that ended at `since` or later, ordered by `ended_at`.

        `states` limits the result to these states.
        """

    async def find_undelivered(
        self, kinds: Collection[str], *, run_id: str = "", limit: int = 100
    ) -> Sequence[Job]:
        """Return the dead and unconfirmed jobs of these kinds that are not replaced, oldest first.

        If there are more than `limit`, returns the newest ones.
        """

    async def count_undelivered(self, kinds: Collection[str]) -> Mapping[JobState, int]:
        """Count the jobs that `find_undelivered` finds for all runs, by state."""

    async def mark_replaced(self, job_id: str, by: str) -> None:
        """Record the job that replaces a dead or unconfirmed one. The first replacement is kept."""

    async def clear_payloads(
        self, kinds: Collection[str], since: datetime, before: datetime, *, limit: int
    ) -> int:
        """Clear the payloads of jobs of these kinds that ended from `since` until before `before`.

        - Clears at most `limit` jobs, oldest first, and returns their number.
        - The jobs themselves are kept, because their ids are idempotency keys.
        """

    async def save_report(self, report: Report) -> None:
        """Store the report of a run, replacing an earlier one."""

    async def find_reports(
        self, *, run_id: str = "", schedule_id: str = "", limit: int = 1
    ) -> Sequence[Report]:
        """Return the newest reports that match all given filters, newest first."""

    async def set_value(self, key: str, value: str) -> None:
        """Store a value by key, such as the last fired time of a schedule, replacing an earlier one."""

    async def find_value(self, key: str) -> str | None:
        """Return the value, or None."""


class QuotaStore(Protocol):
    """Monthly usage and rate limits, shared by all bots on a store. Each method is atomic."""

    async def add_usage(self, month: str, kind: str, calls: int) -> int:
        """Add calls to the usage of a month and return the new total. A negative number is a refund."""

    async def usage(self, month: str) -> Mapping[str, int]:
        """Return the number of calls in a month, by quota kind."""

    async def acquire(self, limiter: str, capacity: int, now: datetime, span: timedelta) -> datetime | None:
        """Acquire a slot of a rate limiter. Returns None if acquired, else the time to try again.

        - Within any `span`, at most `capacity` slots are acquired by all bots together.
        - A blocked limiter has no free slot.
        """

    async def block_until(self, limiter: str, until: datetime) -> None:
        """Block a rate limiter until a time. A block is never shortened."""

    async def blocked_until(self, limiter: str) -> datetime | None:
        """Return the end of the latest block, which may be in the past, or None if never blocked."""


class OverrideStore(Protocol):
    """Changes of people to schedules, one record per schedule. Each method is atomic."""

    async def find_override(self, schedule_id: str) -> ScheduleOverride | None:
        """Return the override of a schedule, or None."""

    async def find_overrides(self) -> Sequence[ScheduleOverride]:
        """Return all overrides in one query, in any order."""

    async def save_override(self, override: ScheduleOverride) -> bool:
        """Store an override under the next version.

        Returns False, without a change, unless the stored version is `override.version`. It is 0 if none is
        stored.
        """


class ReservationStore(Protocol):
    """Short reservations of keys, shared by all bots on a store. Each method is atomic."""

    async def reserve(self, wanted: Reservation) -> Reservation:
        """Reserve a key. Returns the reservation that is valid: `wanted`, or an earlier one.

        - An earlier reservation is valid until its own `until`, compared with `wanted.since`.
        - An owner who reserves the key again gets the first reservation back, unchanged.
        """

    async def find_reservation(self, key: str, now: datetime) -> Reservation | None:
        """Return the reservation of a key that is valid now, or None."""

    async def release(self, key: str, owner: str) -> bool:
        """End the reservation of an owner. Returns False, without a change, if it has another owner."""


class DownloadLinkStore(Protocol):
    """Download links and the download log, shared by all bots on a store. Each method is atomic."""

    async def signing_key(self, candidate: str) -> str:
        """Return the key that signs links. If there is none, store `candidate` as the key of all bots."""

    async def add_link(self, link: DownloadLink) -> bool:
        """Store a new link. Returns False, without a change, if a link with this id exists."""

    async def find_link(self, link_id: str) -> DownloadLink | None:
        """Return the link with its current number of downloads, or None."""

    async def find_links(self, run_id: str, *, limit: int = 100) -> Sequence[DownloadLink]:
        """Return the links of a run, newest first."""

    async def add_download(self, download: Download) -> bool:
        """Count a download and add it to the log, atomically.

        Returns False, without a change, if the link is unknown, expired, revoked or used up.
        """

    async def resume_download(self, download: Download, *, since: datetime, max_resumes: int) -> str:
        """Count a resume of the newest download that can be resumed. Returns its id.

        Returns "", without a change, unless there is one with the same link, address and agent that

        - started at `since` or later,
        - is unfinished, and
        - was resumed less than `max_resumes` times.
        """

    async def finish_download(self, link_id: str, download_id: str) -> None:
        """Mark a download as finished. It can no longer be resumed."""

    async def revoke_links(self, run_id: str, now: datetime) -> int:
        """Revoke the links of a run. Returns the number of links that were still valid."""

    async def find_downloads(self, run_id: str, *, limit: int = 100) -> Sequence[Download]:
        """Return the downloads of the report of a run, newest first."""


class AuditStore(Protocol):
    """The audit: an entry for each request, shared by all bots on a store. Each method is atomic."""

    async def add_entry(self, entry: AuditEntry) -> bool:
        """Store an entry, or complete the pending one with the same id, which keeps its `at`.

        Returns False, without a change, if an entry with this id has its outcome: it is final.
        """

    async def find_entry(self, entry_id: str) -> AuditEntry | None:
        """Return the entry, or None if there is none with this id."""

    async def find_entries(
        self,
        *,
        schedule: str = "",
        actor: str = "",
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int = 20,
    ) -> Sequence[AuditEntry]:
        """Return the newest entries that match all given filters, newest first.

        - `schedule` and `actor` are an id or a whole name.
        - `since` is included in the span of time, `before` is not.
        """

    async def purge_entries(self, before: datetime, *, limit: int) -> int:
        """Delete entries older than `before`, at most `limit`, oldest first. Returns their number."""


class LapseStore(Protocol):
    """Starts of schedules, and what was expected and did not happen. Each method is atomic."""

    async def watch(self, schedule_id: str, plan: str, since: datetime) -> None:
        """Watch a schedule from a time on. No change if it is watched with this plan already."""

    async def record_start(self, schedule_id: str, at: datetime) -> None:
        """Record that a run of a schedule started. The latest start is kept."""

    async def reset_start(self, schedule_id: str, at: datetime) -> None:
        """Replace the latest start of a schedule if it is later than `at`: a clock ahead has written it."""

    async def find_watches(self) -> Sequence[Watch]:
        """Return all watches, in one query."""

    async def add_lapse(self, lapse: Lapse) -> bool:
        """Store a new lapse. Returns False, without a change, if one with this id exists, settled or not."""

    async def change_lapse(self, lapse_id: str, changes: Mapping[str, Any], *, when: LapseState) -> bool:
        """Set the given fields. Returns False, without a change, if its state is not `when`."""

    async def find_lapse(self, lapse_id: str) -> Lapse | None:
        """Return the lapse, or None if there is none with this id."""

    async def find_lapses(self, states: Collection[LapseState]) -> Sequence[Lapse]:
        """Return the lapses in these states, oldest first, in one query."""


class RetentionStore(Protocol):
    """Deletes what has become too old, at most `limit` records at once. Each method is repeatable."""

    async def find_old_runs(self, since: datetime, before: datetime, *, limit: int) -> Sequence[Run]:
        """Return ended runs that started after `since` and before `before`, the oldest first.

        There are more than `limit` if others started at the same time as the last of them.
        """

    async def delete_runs(self, run_ids: Collection[str]) -> None:
        """Delete runs with their jobs, reports, links, downloads and tasks. The runs are deleted last.

        - The assets of the tasks and the files of the reports are not deleted.
        - The last run of a schedule must stay: stores differ in the `ordinal` of the next one without it.
        """

    async def purge_jobs(self, before: datetime, *, limit: int) -> int:
        """Delete ended jobs of no run that were created before a time. Returns their number."""

    async def purge_lapses(self, before: datetime, *, limit: int) -> int:
        """Delete settled lapses that were found before a time. Returns their number."""

    async def delete_documents(self, collection: str, ids: Collection[str]) -> None:
        """Delete documents by id. Unknown ids are ignored."""

    async def delete_values(self, keys: Collection[str]) -> None:
        """Delete what `Store.set_value` has stored. Unknown keys are ignored."""


class TaskStore(Protocol):
    """Storage of the embedded engine: tasks and the assets they found.

    Assets are documents in the format of ARL's result collections. The merge key of each kind is in
    `bot/assets/kinds.py`.
    """

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        """Store new tasks. Tasks whose id exists do not change."""

    async def claim_task(self, owner: str, now: datetime, until: datetime) -> Task | None:
        """Claim the oldest task that is waiting or whose lease has expired. It is returned as `running`.

        A second claim deletes the assets of the first one, whose worker was lost.
        """

    async def extend_task(self, task_id: str, owner: str, until: datetime) -> bool:
        """Extend the lease. Returns False if the task has another owner or was stopped."""

    async def save_assets(self, task_id: str, kind: str, assets: Mapping[str, Mapping[str, Any]]) -> None:
        """Store assets of a task by merge key, replacing those with the same key."""

    async def delete_assets(self, task_id: str) -> None:
        """Delete all assets of a task. Repeatable."""

    async def end_task(self, task: Task, owner: str) -> bool:
        """Store the outcome of a claimed task. Returns False, without a change, if it has another owner."""

    async def free_future(self, now: datetime, beyond: datetime) -> int:
        """End leases that last longer than `beyond`, set by a clock that was ahead. Returns their number."""

    async def find_open(self, ids: Collection[str]) -> Collection[str]:
        """Return the ids of the given tasks that have not ended, in one query. Unknown ids are omitted."""

    async def stop_tasks(self, task_ids: Collection[str], now: datetime) -> None:
        """End the given tasks that have not ended, with status `stop`."""

    async def find_tasks(self, *, ids: Collection[str] = (), run_id: str = "") -> Sequence[Task]:
        """Return tasks by id or by run, in the order they were added, in one query."""

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        """Stream the assets of the given tasks, sorted by merge key."""


@dataclass(frozen=True, kw_only=True)
class StoredDocument:
    """A document with a version, in a collection.

    - `group`: documents are listed by it. "" belongs to none.
    - `due`: time at which something has to happen to it, or None.
    """

    collection: str
    id: str
    group: str = ""
    due: datetime | None = None
    version: int = 0  # 0 = not stored yet
    data: Mapping[str, Any]  # JSON values


class DocumentStore(Protocol):
    """Versioned documents of what other systems report. Each method is atomic."""

    async def add_document(self, document: StoredDocument) -> bool:
        """Store a new document as version 1. Returns False, without a change, if its id exists."""

    async def save_document(self, document: StoredDocument) -> bool:
        """Replace a document if the stored one has the same version. It is stored as the next version.

        Returns False, without a change, if it does not exist or has another version.
        """

    async def find_document(self, collection: str, id_: str) -> StoredDocument | None:
        """Return the document, or None."""

    async def find_documents(
        self, collection: str, *, ids: Collection[str] = (), group: str = "", limit: int = 100
    ) -> Sequence[StoredDocument]:
        """Return the documents that match all given filters, the last added first."""

    async def find_due_documents(
        self, collection: str, now: datetime, *, group: str = "", limit: int = 100
    ) -> Sequence[StoredDocument]:
        """Return the documents that are due at `now`, the longest due first."""

    async def count_documents(self, collection: str) -> int:
        """Return the number of documents in a collection."""

    async def purge_documents(self, collection: str, before: datetime, *, limit: int) -> int:
        """Delete documents that were due before a time, at most `limit` of them. Returns their number."""


class CheckStatus(StrEnum):
    """Outcome of a check."""

    OK = "ok"
    WARN = "warn"  #: works, but may be a mistake
    FAIL = "fail"
    SKIPPED = "skipped"  #: cannot be told, or is not configured


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """Finding of a check.

    - `detail`: what was tried, or what the other system answered. Never a secret.
    - `cause`: key of the texts in `cards/words/causes.yaml` and `cures.yaml`, or "".
    - `link`: page where it is put right, or "".
    """

    status: CheckStatus = CheckStatus.OK
    detail: str = ""
    cause: str = ""
    link: str = ""


Check = Callable[[], Awaitable[str | CheckResult]]
"""One check of `dingrun check`.

It returns its finding or a result with a cause, raises `DingRunError` for a fault, and changes nothing.
"""

Checks = Mapping[str, Check]
"""Checks by the name that is shown."""


@dataclass(frozen=True, kw_only=True)
class EngineRun:
    """Run that the engine started itself."""

    idempotency_key: str  # for example `arl:<schedule>:<number>`; one run per key
    schedule: Schedule
    task_ids: tuple[str, ...]  # includes tasks that were never created; the engine reports them as missing
    start_time: datetime
    gone: bool = False  # the schedule was deleted since, so its data may be incomplete


@dataclass(frozen=True, kw_only=True)
class EngineWarning:
    """A warning about an engine for the operators, sent once per `key`."""

    key: str  # names the message in `cards/phrases/`
    values: Mapping[str, Any]  # JSON values that stand in the message


class Engine(Protocol):
    """System that holds schedules and executes tasks."""

    @property
    def parts(self) -> Mapping[str, "Engine"]:
        """Return the engines that this one consists of, by name. A single engine is its only part, ""."""

    @property
    def has_own_scheduler(self) -> bool:
        """True if the engine triggers its schedules itself. Otherwise the scheduler of DingRun does."""

    async def schedules(self) -> Sequence[Schedule]:
        """Return all schedules, in the order of their definition."""

    async def submit(self, run: Run) -> Sequence[str]:
        """Submit the tasks of a run and return their ids.

        - Idempotent: a second call submits only missing tasks and returns the same ids.
        - Raises `PermanentError` if the engine will never accept the run, for example without a valid target.
        """

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        """Return the state of the given tasks, in one request. Unknown ids are omitted.

        It may be some seconds old, except after `submit`, `restart` and `stop`.
        """

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        """Return the ids of the given tasks that have not ended. Unknown ids are omitted.

        Called every second, so it must be one cheap request.
        """

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        """Restart ended tasks of an earlier run as tasks of this one, and return the new ids.

        - Idempotent: a second call restarts nothing and returns the same ids.
        - Unknown ids are omitted. Raises `PermanentError` if no task can be restarted.
        - `run_id` of the new tasks may be that of the earlier run.
        """

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        """Stop the given tasks and return their state afterwards.

        - Tasks that have ended do not change. Unknown ids are omitted.
        - A task that could not be stopped is not ended, and in this answer its `reason` has the error of the
          engine. `found` may be empty in this answer.
        """

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        """Return the runs that the engine started itself at `since` or later, oldest first.

        - A run is returned once all of its tasks are known.
        - Repeated calls return the same runs.
        """

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        """Stream the assets of the given tasks, in the format of ARL's collection `kind`.

        - Sorted by the merge key of the kind (`bot/assets/kinds.py`), so that two runs can be merged.
        - Empty for a kind that the engine does not know.
        """

    async def asset_kinds(self, run: Run) -> Sequence["ReportedKind"]:
        """Return the kinds of assets that the schedule of a run has besides those of ARL."""

    def checks(self) -> Checks:
        """Return the checks of this engine for `dingrun check`."""

    async def warnings(self) -> Sequence[EngineWarning]:
        """Return warnings for operators, for problems that are no faults. Called every minute."""

    async def run(self) -> None:
        """Run the background work of the engine until cancelled. May return immediately."""


Sending = Callable[[], AbstractAsyncContextManager[None]]
"""Context manager around a request that is not idempotent.

Entering it stores that the request is about to be sent. It encloses that request only, not the request of an
access token and not the wait for a rate limit.
"""


def unmarked() -> AbstractAsyncContextManager[None]:
    """Return a context manager that stores nothing, for idempotent requests."""
    return nullcontext()


class TextRepeat(StrEnum):
    """Effect of sending the same text message twice."""

    UNSAFE = "unsafe"  #: two messages, so a send marker is stored before the request
    BY_KEY = "by_key"  #: one message if `key` is the same
    BY_WORDS = "by_words"  #: one message if the text and the day are the same, so a retry must not change it


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Features and limits of a channel."""

    cards: bool = False
    files: bool = False
    text_bytes: int  # maximum size of a message in UTF-8, without the wrapping of the channel
    text_repeat: TextRepeat = TextRepeat.UNSAFE
    max_file_bytes: int | None = None  # None = the limit in the settings


class Messenger(Protocol):
    """Client of a channel that delivers to destinations.

    A method returns when DingTalk has accepted the request. It raises

    - `PermanentError` if the request was rejected permanently, or if the channel does not support it,
    - `TemporaryError` otherwise. If `uncertain` is set, the request may have been accepted.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Return the features and limits of this channel."""

    def checks(self, groups: Sequence[str] = ()) -> Checks:
        """Return the checks of this channel for `dingrun check`. `groups`: ids that the settings name."""

    def diagnose(self, error: DingRunError) -> CheckResult:
        """Return cause and link of an error of this channel."""

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        """Create and deliver a card. Idempotent by `card_id`.

        - Raises `CardUndeliveredError` if the card was created but not delivered. Retry with `created=True`,
          from any process, to deliver it only.
        - A card that exists is delivered again, because the earlier attempt may not have got that far. It
          keeps its first content, and the result has `existed=True`.
        """

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        """Replace the content of a card for everyone who sees it. Idempotent.

        Variables that the new content lacks keep their values. Raises `PermanentError` for an unknown card.
        """

    async def send_message(
        self, destination: Destination, markdown: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        """Send a markdown message. `key` is the idempotency key, if the channel supports one."""

    async def upload(self, path: Path, name: str) -> str:
        """Upload a file and return its media id. Idempotent."""

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        """Send an uploaded file as a file message. Not idempotent."""

    async def reply(
        self, message: Message, markdown: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        """Reply in the conversation of a message, through its session webhook. Costs no API call."""

    async def conversation_id(self, group: str) -> str:
        """Return the id of the conversation from which the messages of a group come.

        Only the old chatId of a group costs an API call, once in a process.
        """


class LastResort(Protocol):
    """Addresses of the operators outside of DingTalk. They need no store either."""

    async def notify(self, message: MarkdownMessage) -> None:
        """Send to every address. Raises `TemporaryError` if none of them took it."""


@dataclass(frozen=True, kw_only=True)
class ReportedKind:
    """A kind of assets that another system uploads. Its documents are flat: values by column."""

    name: str
    key: tuple[str, ...]  # columns that identify an asset
    columns: tuple[str, ...]


class Identities(Protocol):
    """Members of the organization, as the client in which they open a page knows them."""

    client_id: str  # of the app that a page asks for a code

    async def identify(self, code: str) -> Person:
        """Return the person whose client issued a code. A code works once.

        Raises `PermanentError` for a code that is unknown, used or expired.
        """


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Earlier tasks that a run is compared with. Each target is compared with its newest tasks.

    - An asset of a `complete` task that is missing in the run is gone.
    - An asset of any of the tasks is known, and so not new.
    """

    runs: tuple[Run, ...]  # runs of these tasks, newest first
    complete: tuple[str, ...] = ()  # successful tasks, all of whose targets the run covered
    partial: tuple[str, ...] = ()  # newer failed tasks for the same targets
    elsewhere: tuple[str, ...] = ()  # tasks for targets that the run did not cover
    first_covered: tuple[str, ...] = ()  # targets of the run that no earlier task covered


@dataclass(frozen=True, kw_only=True)
class ReportInput:
    """Input of a report: the run, the runs it is compared with and the recent runs.

    The exporter has access to the engine and chooses `unfinished` and `baseline`
    (`bot/workbook/baseline.py`).
    """

    run: Run
    earlier: tuple[Run, ...] = ()  # finished runs of the schedule to compare with, newest first
    history: tuple[Run, ...] = ()  # ended runs of the schedule up to this one, oldest first
    unfinished: tuple[str, ...] = ()  # failed tasks of the run, whose results are incomplete
    baseline: Baseline | None = None  # None if no earlier task covered any target
    kinds: tuple[ReportedKind, ...] = ()  # besides those of ARL


class Exporter(Protocol):
    """Writer of the Excel file of a run, outside the event loop."""

    async def export(self, report_input: ReportInput, path: Path) -> Findings:
        """Write the workbook of an ended run to `path`, which does not exist yet, and return its counts.

        - The file appears complete or not at all, even with concurrent writers or a killed process.
        - Nothing is left after an error or a cancellation.
        """

    async def prepare(self, *, expected: bool) -> None:
        """Get ready for an export that is expected soon, or free what was kept for one. Never fails.

        It is called every few seconds.
        """

    async def close(self) -> None:
        """Free what is kept. Exports are over by then."""

    def progress(self, run_id: str) -> int | None:
        """Return the number of assets written so far by a running export of this run, or None."""

    def probes(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        """Return what it depends on, by name: a probe raises `DingRunError` while that is missing."""


class ReportArchive(Protocol):
    """Keeps copies of report files for all bots, by path: `day/name`. Memory use is independent of file size.

    The reports folder of each bot is a cache of it.
    """

    async def put(self, path: str, file: Path) -> None:
        """Store a copy of this file. Repeatable."""

    async def exists(self, path: str) -> bool:
        """Return whether a file is stored under this path."""

    def paths(self) -> AsyncIterator[str]:
        """Yield the paths of all files, in any order."""

    def read(self, path: str) -> AsyncIterator[bytes]:
        """Yield the content of a file in chunks. Raises `PermanentError` when there is none."""

    async def remove(self, path: str) -> None:
        """Remove a file. Does nothing when there is none."""

    async def purge(self, day: str) -> int:
        """Remove the files of all days before this one and return their number."""
