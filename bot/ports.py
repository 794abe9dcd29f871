"""The outside world as DingRun wants it: what each port promises, not how. Policy stays above them.

Verbs: `find_` may find nothing, `add_` is idempotent, `claim_` takes exclusively. Every adapter, and every
fake, passes
the port's contract suite (`tests/contract`). All of them raise `TemporaryError` or `PermanentError` and
nothing of a vendor.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from bot.models import (
    Destination,
    Download,
    DownloadLink,
    Findings,
    Job,
    JobState,
    MarkdownMessage,
    Message,
    RenderedCard,
    Report,
    Run,
    RunStatus,
    Schedule,
    SendResult,
    Task,
)


class Store(Protocol):
    """Remembers runs, jobs and reports. What a verb has returned from survives a `kill -9` of the process.

    Several processes may use one store at once; each verb is atomic by itself, and none needs more than that.
    """

    async def open(self) -> None:
        """Connect and make what is missing. A store written by a newer DingRun is refused with
        `ConfigError`."""

    async def close(self) -> None:
        """Let go; pending writes are finished first."""

    async def add_run(self, run: Run) -> bool:
        """Keep a new run. False, and nothing changes, when a run with this id is there already."""

    async def find_run(self, run_id: str) -> Run | None:
        """The run as it is now."""

    async def update_run(
        self, run_id: str, changes: Mapping[str, Any], *, when: RunStatus | None = None
    ) -> Run | None:
        """Set these fields (names and values of `Run`) and leave all others to other writers; the run
        afterwards.

        None, and nothing changes, when the run is unknown or, with `when`, its status is another by now.
        """

    async def find_runs(
        self, *, status: RunStatus | None = None, schedule_id: str = "", limit: int = 20
    ) -> Sequence[Run]:
        """The newest runs by `start_time`, newest first. `limit=0` means all."""

    async def add_job(self, job: Job) -> bool:
        """Keep a new job. False, and nothing changes, when a job with this id is or was there."""

    async def claim_job(
        self, kinds: Collection[str], owner: str, now: datetime, until: datetime
    ) -> Job | None:
        """Take the job of one of these kinds that is due longest (todo, or doing with its lease over) for
        `owner`.

        It comes back `doing`, leased `until` then, with `attempts` raised by one. No two claims share a job.
        """

    async def save_job(self, job: Job) -> bool:
        """Write a claimed job (a longer lease, a marker, an outcome, a new `due_at`).

        False, and nothing changes, when the claim (`owner` and `attempts`) is no longer the job's own.
        """

    async def make_jobs_due(self, job_ids: Collection[str], now: datetime) -> None:
        """Make waiting jobs due now: what they waited for has happened. Jobs in any other state are left
        alone."""

    async def free_future(self, now: datetime, beyond: datetime) -> int:
        """Make due now what a clock that was ahead has put off: jobs that wait, or are leased, until later
        than `beyond`. How many."""

    async def find_job(self, job_id: str) -> Job | None:
        """The job as it is now."""

    async def find_jobs(
        self, *, run_id: str = "", kind: str = "", states: Collection[JobState] = (), limit: int = 100
    ) -> Sequence[Job]:
        """Jobs that match all that is given, oldest first."""

    async def find_ended(
        self, kinds: Collection[str], since: datetime, states: Collection[JobState] = ()
    ) -> Sequence[Job]:
        """Find the jobs of these kinds that have ended since then, in the order of their ends.

        With `states`, only those that ended so.
        """

    async def find_undelivered(
        self, kinds: Collection[str], *, run_id: str = "", limit: int = 100
    ) -> Sequence[Job]:
        """Find the dead and unconfirmed jobs of these kinds that nothing has replaced, oldest first.

        Where there are more than `limit`, the newest of them.
        """

    async def count_undelivered(self, kinds: Collection[str]) -> Mapping[JobState, int]:
        """Count all of these, by state."""

    async def mark_replaced(self, job_id: str, by: str) -> None:
        """Note that a later job stands for a dead or unconfirmed one. The first one noted stays."""

    async def clear_payloads(
        self, kinds: Collection[str], since: datetime, before: datetime, *, limit: int
    ) -> int:
        """Empty the payloads of jobs of these kinds that ended at `since` or later and before `before`.

        Clears at most `limit`, oldest first, and returns how many. The jobs themselves stay: their ids are
        idempotency keys.
        """

    async def save_report(self, report: Report) -> None:
        """Keep the report of a run; one per run, the newest wins."""

    async def find_reports(
        self, *, run_id: str = "", schedule_id: str = "", limit: int = 1
    ) -> Sequence[Report]:
        """The newest reports, newest first."""

    async def set_value(self, key: str, value: str) -> None:
        """Keep a small fact, such as the last tick of a schedule, over the one under the same key."""

    async def find_value(self, key: str) -> str | None:
        """The fact, or None."""


class QuotaStore(Protocol):
    """What calls cost and how fast they go, held by all bots on a store together. Each verb is atomic."""

    async def add_usage(self, month: str, bucket: str, calls: int) -> int:
        """Add to what is booked (a negative number takes back); what is booked afterwards."""

    async def usage(self, month: str) -> Mapping[str, int]:
        """What is booked in a month, by bucket."""

    async def acquire(self, limiter: str, capacity: int, now: datetime, span: timedelta) -> datetime | None:
        """Take one of a gate's places for a span. None when it is taken, else when to ask again.

        In no span do more pass than there are places, whoever asks. A closed gate has no place.
        """

    async def block_until(self, gate: str, until: datetime) -> None:
        """Let nobody pass before then; the later of two closings counts."""

    async def blocked_until(self, gate: str) -> datetime | None:
        """Until when a gate is, or was, closed; None when it never was."""


class DownloadLinkStore(Protocol):
    """What the links to reports allow and who used them, for all bots on a store together. Each verb is
    atomic."""

    async def signing_key(self, fresh: str) -> str:
        """The key that signs links: `fresh` when there is none yet. From then on it is every bot's."""

    async def add_link(self, grant: DownloadLink) -> bool:
        """Keep a new link. False, and nothing changes, when one with this id is there already."""

    async def find_link(self, link_id: str) -> DownloadLink | None:
        """The link as it is now, with its downloads so far."""

    async def find_links(self, run_id: str, *, limit: int = 100) -> Sequence[DownloadLink]:
        """The links of a run, newest first."""

    async def add_download(self, download: Download) -> bool:
        """Count a download and keep who made it, as one.

        False, and nothing changes, when its link is unknown, over at that time, revoked or used up.
        """

    async def resume_download(self, download: Download, *, since: datetime, max_resumes: int) -> str:
        """Count a resume of the newest download by the same link, address and agent; its id.

        "", and nothing changes, when there is none that began at `since` or later, is unfinished and was
        resumed less than `max_resumes` times.
        """

    async def finish_download(self, link_id: str, download_id: str) -> None:
        """Mark a download as finished: it cannot be resumed any more."""

    async def revoke_links(self, run_id: str, now: datetime) -> int:
        """Let the links of a run lead nowhere from now on; how many would have led somewhere."""

    async def find_downloads(self, run_id: str, *, limit: int = 100) -> Sequence[Download]:
        """What was downloaded of a run, newest first."""


class TaskStore(Protocol):
    """Where the embedded engine keeps its tasks and what they found; ARL has its own database for this.

    Assets are documents shaped like ARL's result collections (kinds `site`, `ip`, `domain`, `cert`), each
    with the key
    it is merged by: `site`, `ip`, `domain`, `fingerprint`.
    """

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        """Keep new tasks; those whose id is there already are left as they are."""

    async def claim_task(self, owner: str, now: datetime, until: datetime) -> Task | None:
        """Take the oldest task that waits, or whose lease is over, for `owner`; it comes back `running`.

        A task that is claimed a second time lost its first worker; what that one found is dropped.
        """

    async def extend_task(self, task_id: str, owner: str, until: datetime) -> bool:
        """Lengthen the lease. False when the task is no longer this owner's, or was stopped."""

    async def save_assets(self, task_id: str, kind: str, assets: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what a task found, by merge key; a key that is there already is replaced."""

    async def end_task(self, task: Task, owner: str) -> bool:
        """Write the outcome of a claimed task. False, and nothing changes, when it is no longer this
        owner's."""

    async def free_future(self, now: datetime, beyond: datetime) -> int:
        """End the leases that last longer than `beyond`: a clock that was ahead has given them. How many."""

    async def find_open(self, ids: Collection[str]) -> Collection[str]:
        """Those of these tasks that have not ended, in one question; unknown ones are left out."""

    async def stop_tasks(self, task_ids: Collection[str], now: datetime) -> None:
        """End with `stop` those that have not ended."""

    async def find_tasks(self, *, ids: Collection[str] = (), run_id: str = "") -> Sequence[Task]:
        """Tasks by id or by run, in the order they were added, in one question however many."""

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        """What these tasks found, sorted by merge key, so that equal keys stand together; streamed."""


@dataclass(frozen=True, kw_only=True)
class EngineRun:
    """A run that the engine began by itself; the same `cause` is the same run."""

    idempotency_key: str  # such as `arl:<schedule>:<number>`
    schedule: Schedule
    task_ids: tuple[str, ...]  # of tasks that never came too: the engine knows them as missing
    start_time: datetime
    gone: bool = False  # the schedule was deleted since: what is told of it may be cut, and no more than this


class Engine(Protocol):
    """Where schedules live and tasks run."""

    @property
    def has_own_scheduler(self) -> bool:
        """Whether it fires its schedules by itself; otherwise DingRun's scheduler does."""

    async def schedules(self) -> Sequence[Schedule]:
        """All schedules, in the order people wrote them."""

    async def submit(self, run: Run) -> Sequence[str]:
        """Hand over the tasks of a run and return their ids.

        The tasks carry the run, so asking again submits only what is missing and returns the same ids.
        `PermanentError` when the engine will never take it (no valid target).
        """

    async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        """The tasks as they are now, all in one question. Ids the engine does not know are left out."""

    async def open_tasks(self, task_ids: Collection[str]) -> Collection[str]:
        """Those of these tasks that have not ended, in one cheap question: it is asked every second.

        Ids the engine does not know are left out.
        """

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        """Begin ended tasks of an earlier run again, as tasks of this one, and return the new ids.

        Asking again begins nothing twice and returns the same ids. `PermanentError` when none can be begun
        again.
        """

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        """Ask these tasks to stop; those that have ended stay as they are. All of them, as they are then.

        One that would not stop is not ended, and its `reason` says what the engine said.
        """

    async def external_runs(self, since: datetime) -> Sequence[EngineRun]:
        """The runs that the engine began by itself since then, oldest first, each once it is whole.

        A run that was told once is told again, the same, as long as its time is asked for.
        """

    def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        """What the tasks found, shaped like ARL's collection `kind`, streamed; nothing of a kind it lacks.

        Sorted by the key of the kind (`bot.assets.kinds`), so that equal keys stand together, and what two
        runs found can be merged as it comes.
        """

    async def run(self) -> None:
        """Whatever the engine must do by itself in this process, until cancelled; may return at once."""


Sending = Callable[[], AbstractAsyncContextManager[None]]
"""Stands around the one request that nothing makes safe to repeat, and around nothing else: not the token,
not the wait for a rate limit. Entering it stores that the request is about to leave."""


def unmarked() -> AbstractAsyncContextManager[None]:
    """Do nothing, for requests that may be repeated."""
    return nullcontext()


class TextRepeat(StrEnum):
    UNSAFE = "unsafe"  #: nothing makes a repeated message harmless: the request is marked
    BY_KEY = "by_key"  #: the same `key` is the same message
    BY_WORDS = "by_words"  #: the same words are the same message, so they must not change


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a channel can do, so that nobody asks for its kind."""

    cards: bool = False
    files: bool = False
    text_bytes: int  # of a message, with room for what the channel wraps around it
    text_repeat: TextRepeat = TextRepeat.UNSAFE
    max_file_bytes: int | None = None  # where it is less than for others


class Messenger(Protocol):
    """How destinations are reached. A verb that returns has been accepted by the other side.

    A refusal for good is `PermanentError`, anything else `TemporaryError`; `uncertain` there means it may
    have been accepted.
    A verb that the channel cannot do at all (a file by webhook) is `PermanentError`.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Tell what this channel can do."""

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        """Create and deliver a card. The same `card_id` again is the same card: it shows once.

        - `CardUndeliveredError`: it was created and reached nobody; pass `created` the next time, from
          whatever process, and it is only delivered.
        - A card that exists already is delivered as well, as nobody knows whether the attempt that created it
          came so far. It keeps its first content: `existed` in the receipt tells so.
        """

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        """Show new content on a card, to everyone who sees it. Repeatable."""

    async def send_message(
        self, destination: Destination, note: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        """Send a markdown message. `key` makes a repeat harmless where the channel knows such a thing."""

    async def upload(self, path: Path, name: str) -> str:
        """Hand over a file and return the id to send it by. Repeatable."""

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        """Send an uploaded file as a file message; nothing makes a repeat harmless."""

    async def reply(
        self, message: Message, note: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        """Answer where the person spoke, through the session of the message; costs no API call."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The earlier tasks that a run is compared with, by target; no target counts but by its newest tasks.

    What a `complete` task found and the run did not is gone. What the others found is known, and so not new.
    """

    runs: tuple[Run, ...]  # whose tasks they are, newest first
    complete: tuple[str, ...] = ()  # ended well, and the run covered all of their targets as well
    partial: tuple[str, ...] = ()  # newer ones for the same targets that did not end well
    elsewhere: tuple[str, ...] = ()  # for targets that the run did not cover
    first_covered: tuple[str, ...] = ()  # targets of the run that no earlier task covered


@dataclass(frozen=True, kw_only=True)
class ReportInput:
    """What the report of a run tells of: the run, what it is compared with, the last ones.

    The exporter, which has the engine, chooses `unfinished` and `baseline` (`bot/workbook/baseline.py`).
    """

    run: Run
    earlier: tuple[Run, ...] = ()  # finished runs of the schedule that it may be compared with, newest first
    history: tuple[Run, ...] = ()  # ended runs of the schedule, oldest first, up to this one
    unfinished: tuple[str, ...] = ()  # tasks of the run that did not end well: they saw a part at most
    baseline: Baseline | None = None  # None when no earlier task covered any target


class Exporter(Protocol):
    """Where the Excel file of a run is written, away from the event loop."""

    async def export(self, story: ReportInput, path: Path) -> Findings:
        """Write the workbook of an ended run to `path` (which does not exist yet) and return what it counted.

        The file is at `path` as a whole or not at all, also when several write it at once, or one is killed.
        On an error, or when cancelled, nothing is left.
        """

    def progress(self, run_id: str) -> int | None:
        """How many assets an export under way has taken so far, of all runs; None when there is none."""
