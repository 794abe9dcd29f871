"""Find runs in the store, and what a run repeats of an earlier one."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.audit.request import note_run
from bot.delivery.recipients import all_recipients
from bot.errors import PermanentError
from bot.models import RETRY, Destination, Run, RunStatus, deterministic_id
from bot.ports import Store
from bot.reasons import reason

RECENT_RUNS_LIMIT = 100  # runs that are searched for one that the store has no index for
MIN_ID_PREFIX = 4  # characters of an id that people may give for the whole

_KEY = re.compile(
    rf"{RETRY}(?P<run>[^:#@]{{1,100}})(#(?P<tasks>[\d,]{{1,400}}))?(@(?P<targets>[\d,]{{1,400}}))?:.*",
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """Part of an earlier run that a run repeats. Without numbers, the tasks that failed.

    It is part of the idempotency key, so that the same request again is the same run, also when a second
    person has agreed in between.
    """

    run_id: str
    tasks: tuple[int, ...] = ()  # numbers of its tasks, from 1
    targets: tuple[int, ...] = ()  # numbers of the targets of its schedule, from 1

    @classmethod
    def parse(cls, key: str) -> "Repetition | None":
        """Parse an idempotency key. Returns None for that of any other run."""
        found = _KEY.fullmatch(key)
        if found is None:
            return None
        return cls(run_id=found["run"], tasks=_numbers(found["tasks"]), targets=_numbers(found["targets"]))

    def key(self, request_id: str) -> str:
        """Build the idempotency key of the run that a request asks for."""
        tasks = f"#{_joined(self.tasks)}" if self.tasks else ""
        targets = f"@{_joined(self.targets)}" if self.targets else ""
        return f"{RETRY}{self.run_id}{tasks}{targets}:{request_id}"

    def task_ids(self, earlier: Run) -> Sequence[str]:
        """Return the single tasks of the earlier run that are repeated."""
        return [earlier.task_ids[number - 1] for number in self.tasks if 0 < number <= len(earlier.task_ids)]

    def chosen_targets(self, earlier: Run, run: Run) -> tuple[str, ...]:
        """Return the chosen targets that the schedule still has. Nothing else may be scanned.

        Raises:
            PermanentError: It has none of them any more.
        """
        had, has = earlier.schedule.targets, set(run.schedule.targets)
        chosen = (had[number - 1] for number in self.targets if 0 < number <= len(had))
        found = tuple(target for target in chosen if target in has)
        if not found:
            raise PermanentError(reason("chosen_targets_gone"))
        return found


def _numbers(text: str | None) -> tuple[int, ...]:
    return tuple(int(number) for number in (text or "").split(",") if number)


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def retry_key(run_id: str, request_id: str) -> str:
    """Build the idempotency key of a run that repeats the failed tasks of another."""
    return Repetition(run_id=run_id).key(request_id)


def retried_run_id(idempotency_key: str) -> str:
    """Return the id of the run that is repeated in part, or ""."""
    repetition = Repetition.parse(idempotency_key)
    return repetition.run_id if repetition else ""


def is_retry_for(run: Run, request_id: str) -> bool:
    """Return whether a request has triggered a run as a retry."""
    repetition = Repetition.parse(run.idempotency_key)
    return repetition is not None and run.idempotency_key == repetition.key(request_id)


class RunHistory:
    """Finds runs in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, run_id: str) -> Run | None:
        """Find a run by its id."""
        return await self._store.find_run(run_id)

    async def find_by_prefix(self, prefix: str) -> Sequence[Run]:
        """Find the recent runs whose id has a prefix of at least `MIN_ID_PREFIX` characters, newest first."""
        if not re.fullmatch(rf"r[a-z2-7]{{{MIN_ID_PREFIX - 1},}}", prefix):
            return ()
        return [run for run in await self.recent(limit=RECENT_RUNS_LIMIT) if run.id.startswith(prefix)]

    async def find_triggered(self, request_id: str) -> Run | None:
        """Find the run that a request has triggered already, itself or as a retry."""
        run = await self._store.find_run(deterministic_id("r", request_id))
        if run is None:
            recent = await self.recent(limit=RECENT_RUNS_LIMIT)
            run = next((each for each in recent if is_retry_for(each, request_id)), None)
        return note_run(run) if run else None

    async def recent(self, schedule_id: str = "", *, running: bool = False, limit: int = 10) -> Sequence[Run]:
        """Return the newest runs of one schedule or of all, newest first."""
        status = RunStatus.RUNNING if running else None
        return await self._store.find_runs(status=status, schedule_id=schedule_id, limit=limit)

    async def find_last(self, schedule_id: str) -> Run | None:
        """Find the newest run of a schedule."""
        runs = await self.recent(schedule_id, limit=1)
        return runs[0] if runs else None

    async def last_notified(self, destination: Destination) -> Run | None:
        """Find the newest run whose summary this destination has received or will receive."""
        for run in await self.recent(limit=RECENT_RUNS_LIMIT):
            if run.schedule.notify_enable and destination in all_recipients(run):
                return run
        return None

    async def find_running(self, schedule_id: str) -> Run | None:
        """Find the newest run of a schedule that has not ended."""
        runs = await self._store.find_runs(status=RunStatus.RUNNING, schedule_id=schedule_id, limit=1)
        return runs[0] if runs else None
