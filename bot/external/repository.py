"""Find and change what other systems report, kept as versioned documents."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.errors import TemporaryError
from bot.external.collection import ModelCollection
from bot.external.models import Command, DeclaredKind, ExternalRun, ExternalSchedule
from bot.models import EXTERNAL, Expectation, Schedule
from bot.ports import DocumentStore

RUNS, KEYS = "external_runs", "external_run_keys"  # collections
MAX_ATTEMPTS = 50  # an attempt fails only if somebody else changed the document meanwhile
MAX_SAME_ID = 10  # schedules that have a run with the same id of their system
MAX_SCHEDULES = 10_000
LEFTOVERS = "external_leftovers"  # collection of uploads that are deleted unless a run refers to them
MAX_OPEN_RUNS = 1_000  # of one schedule, of which the newest is looked for


@dataclass(frozen=True, kw_only=True)
class RunKey:
    """Leads from the id that a system gave its run to the run."""

    run_id: str
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class RunLog:
    """The end of the log of a run."""

    text: str = ""
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """An upload that is deleted when it is due, unless its run refers to it then."""

    run_id: str
    place: str = ""  # of assets in the task store
    path: str = ""  # of a file in the reports folder
    version: int = 0


class ExternalRuns:
    """The runs that other systems report.

    The group of a run is `open:<slug>` or `ended:<slug>`. A run is due while consequences may have to follow.
    """

    def __init__(self, store: DocumentStore) -> None:
        self._runs = ModelCollection(store, RUNS, ExternalRun)
        self._keys = ModelCollection(store, KEYS, RunKey)
        self._logs = ModelCollection(store, "external_logs", RunLog)
        self._leftovers = ModelCollection(store, LEFTOVERS, Leftover)

    async def find(self, run_id: str) -> ExternalRun | None:
        """Find a run by our id."""
        return await self._runs.find(run_id)

    async def find_all(self, run_ids: Collection[str]) -> Sequence[ExternalRun]:
        """Find runs by our ids, in one query."""
        return await self._runs.find_all(ids=run_ids, limit=len(run_ids)) if run_ids else ()

    async def find_by_client_id(self, client_id: str, slug: str = "") -> Sequence[ExternalRun]:
        """Find the runs to which their systems gave this id: at most one for each slug."""
        if slug:
            key = await self._keys.find(_key(slug, client_id))
            keys: Sequence[RunKey] = [key] if key else []
        else:
            keys = await self._keys.find_all(group=client_id, limit=MAX_SAME_ID)
        return await self.find_all([key.run_id for key in keys])

    async def find_open(self, slug: str) -> Sequence[ExternalRun]:
        """Find the open runs of a slug, newest first."""
        return await self._runs.find_all(group=f"open:{slug}", limit=MAX_OPEN_RUNS)

    async def find_last_ended(self, slug: str) -> ExternalRun | None:
        """Find the last run of a slug that has ended."""
        found = await self._runs.find_all(group=f"ended:{slug}", limit=1)
        return found[0] if found else None

    async def find_unsettled(self, before: datetime) -> Sequence[ExternalRun]:
        """Find the runs with a report from before a time whose consequences may not have followed."""
        return await self._runs.find_due(before)

    async def add(self, run: ExternalRun) -> bool:
        """Store a new run. False, without a change, if its system has used the id before."""
        key = RunKey(run_id=run.id)
        if not await self._keys.add(_key(run.slug, run.client_id), key, group=run.client_id):
            known = await self._keys.find(_key(run.slug, run.client_id))
            if known is None or known.run_id != run.id:
                return False
        return await self._runs.add(run.id, run, group=_group(run), due=run.unsettled_since)

    async def save(self, run: ExternalRun) -> bool:
        """Store a changed run. False, without a change, if somebody else changed it meanwhile."""
        return await self._runs.save(run.id, run, group=_group(run), due=run.unsettled_since)

    async def change(self, run_id: str, change: Callable[[ExternalRun], ExternalRun]) -> ExternalRun | None:
        """Change a run atomically and return it. None if there is none."""
        for _ in range(MAX_ATTEMPTS):
            run = await self.find(run_id)
            if run is None:
                return None
            changed = change(run)
            if changed == run:
                return run
            if await self.save(changed):
                return replace(changed, version=run.version + 1)
        raise TemporaryError(f"too many reports about run {run_id} at once")

    async def settle(self, run: ExternalRun) -> None:
        """Record that everything has followed from this version of a run."""
        await self.save(replace(run, unsettled_since=None))

    async def mark_leftover(self, leftover: Leftover, due: datetime) -> None:
        """Have an upload deleted at a time, unless its run refers to it then."""
        id_ = f"{leftover.place or leftover.path} {due.isoformat()}"
        await self._leftovers.add(id_, leftover, due=due)

    async def find_log(self, run_id: str) -> str:
        """Return the end of the log of a run. "" if there is none."""
        log = await self._logs.find(run_id)
        return log.text if log else ""

    async def append_log(self, run_id: str, text: str, *, max_bytes: int, expires: datetime) -> None:
        """Append to the log of a run, and keep its last `max_bytes`. It is purged after `expires`."""
        for _ in range(MAX_ATTEMPTS):
            log = await self._logs.find(run_id)
            tail = last_bytes((log.text if log else "") + text, max_bytes)
            if log is None and await self._logs.add(run_id, RunLog(text=tail), due=expires):
                return
            if log and await self._logs.save(run_id, replace(log, text=tail), due=expires):
                return
        raise TemporaryError(f"too many reports about run {run_id} at once")


def document_ids(runs: Sequence[ExternalRun]) -> Mapping[str, Sequence[str]]:
    """Return the ids of the documents of runs, by collection. The keys come last, as they are added first."""
    return {RUNS: [run.id for run in runs], KEYS: [_key(run.slug, run.client_id) for run in runs]}


def uploads_key(run_id: str) -> str:
    """Return the key of the value that says which uploads of a run are part of its report."""
    return f"uploads:{run_id}"


class ExternalSchedules:
    """The schedules that other systems execute: those of the settings, and those that came by the API."""

    def __init__(
        self,
        store: DocumentStore,
        configured: Sequence[ExternalSchedule] = (),
        *,
        limit: int = 1_000,
        resolve: Callable[[Schedule], Schedule] = lambda schedule: schedule,
    ) -> None:
        self._stored = ModelCollection(store, "external_schedules", ExternalSchedule)
        self._kinds = ModelCollection(store, "external_kinds", DeclaredKind)
        self._configured = {each.slug: each for each in configured}
        self._limit = limit
        self._resolve = resolve

    def is_configured(self, slug: str) -> bool:
        """Tell if the settings have the schedule. It cannot be changed by the API then."""
        return slug in self._configured

    async def all(self) -> Sequence[ExternalSchedule]:
        """List all schedules: those of the settings first, then by slug."""
        stored = await self._stored.find_all(limit=MAX_SCHEDULES)
        known = {each.slug: each for each in sorted(stored, key=lambda each: each.slug)}
        return list(({**self._configured, **known} | self._configured).values())

    async def find(self, slug: str) -> ExternalSchedule | None:
        return self._configured.get(slug) or await self._stored.find(slug)

    def as_schedule(self, schedule: ExternalSchedule) -> Schedule:
        """Return the schedule with its recipients. It has a report only once something is uploaded."""
        return self._resolve(_plain(schedule))

    async def find_schedule(self, slug: str) -> Schedule:
        """Return the schedule of a slug with its recipients, or one without any if it is gone."""
        known = await self.find(slug)
        return self.as_schedule(known) if known else _plain(ExternalSchedule(slug=slug))

    async def add(self, schedule: ExternalSchedule) -> bool:
        """Store a new schedule. False, without a change, if there are too many or it exists."""
        if await self._stored.count() >= self._limit:
            return False
        return await self._stored.add(schedule.slug, schedule)

    async def save(self, schedule: ExternalSchedule) -> bool:
        """Store a changed schedule. False if somebody else changed it meanwhile."""
        return await self._stored.save(schedule.slug, schedule)

    async def kinds(self, slug: str) -> Sequence[DeclaredKind]:
        """List the kinds of assets that uploads of a schedule declared, the first one first."""
        return (await self._kinds.find_all(group=slug))[::-1]

    async def declare(self, kind: DeclaredKind) -> DeclaredKind:
        """Store a kind, or add its new columns to the stored one. The first key is kept."""
        id_ = f"{kind.slug}/{kind.name}"
        for _ in range(MAX_ATTEMPTS):
            known = await self._kinds.find(id_)
            if known is None:
                if await self._kinds.add(id_, kind, group=kind.slug):
                    return kind
                continue
            columns = tuple(dict.fromkeys((*known.columns, *kind.columns)))
            merged = replace(known, columns=columns)
            if merged == known or await self._kinds.save(id_, merged, group=kind.slug):
                return merged
        raise TemporaryError(f"too many uploads of {kind.name} at once")


class Commands:
    """Requests to the runners that fetch them. A command is due again when its lease ends."""

    def __init__(self, store: DocumentStore) -> None:
        self._commands = ModelCollection(store, "external_commands", Command)

    async def add(self, command: Command) -> bool:
        """Store a command for its runner. False if it is stored already."""
        return await self._commands.add(command.id, command, group=command.runner, due=command.created_at)

    async def find(self, command_id: str) -> Command | None:
        """Find a command, also one that was carried out."""
        return await self._commands.find(command_id)

    async def claim(
        self,
        runner: str,
        now: datetime,
        until: datetime,
        *,
        may_take: Callable[[Command], bool] = lambda _: True,
    ) -> Command | None:
        """Claim the oldest due command of a runner until a time. None if there is none that it may take."""
        for command in filter(may_take, await self._commands.find_due(now, group=runner)):
            if await self._commands.save(command.id, command, group=runner, due=until):
                return command
        return None

    async def finish(self, command_id: str) -> bool:
        """Record that a command was carried out. False if there is none."""
        for _ in range(MAX_ATTEMPTS):
            command = await self._commands.find(command_id)
            if command is None:
                return False
            if await self._commands.save(command.id, command, group=command.runner):
                return True
        raise TemporaryError(f"command {command_id} changes too often")


@dataclass(frozen=True, kw_only=True)
class ExternalRecords:
    """Everything that is kept of other systems' runs."""

    schedules: ExternalSchedules
    runs: ExternalRuns
    commands: Commands


def _plain(schedule: ExternalSchedule) -> Schedule:
    return Schedule(
        id=schedule.id,
        name=schedule.display_name,
        engine=EXTERNAL,
        export=False,
        startable=schedule.rerun is not None and not schedule.rerun.gone,
        expect=schedule.expect or Expectation(),
    )


def last_bytes(text: str, limit: int) -> str:
    """Return the end of a text, at most `limit` bytes of UTF-8."""
    raw = text.encode(errors="replace")
    return text if len(raw) <= limit else raw[-limit:].decode(errors="ignore")


def _group(run: ExternalRun) -> str:
    return f"ended:{run.slug}" if run.status.ended else f"open:{run.slug}"


def _key(slug: str, client_id: str) -> str:
    return hashlib.sha256(f"{slug}\0{client_id}".encode()).hexdigest()
