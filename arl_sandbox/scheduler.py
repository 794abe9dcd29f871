"""ARL's scheduler: one process that fires up to a minute before the time, and then writes step by step."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from arl_sandbox.cron import next_fire
from arl_sandbox.database import SCHEDULER_PROCESS, ArlDatabase
from arl_sandbox.documents import (
    FUTURE_SCAN,
    MAX_SCHEDULE_NAME_LENGTH,
    NO_TIME,
    RECURRENT_SCAN,
    TASK_NAME_PREFIXES,
    format_time,
)
from arl_sandbox.errors import ArlError
from arl_sandbox.policies import task_options
from arl_sandbox.records import PushBehavior, new_record, update_records
from arl_sandbox.tasks import TaskRequest, submit

Json = dict[str, Any]

MIN_SECONDS_BETWEEN_RUNS = 180  # seconds after a trigger in which a schedule does not fire again
LOOKAHEAD = timedelta(seconds=60)  # it looks so far ahead, and fires as soon as it sees a time coming
TRIGGERED, INSERTED, PUBLISHED, RECORDED = "run_number", "inserted", "published", "record"


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Seconds of the scheduler's life; between two passes it always sleeps `cycle`, whatever those took."""

    poll: float = 58.0
    read: float = 0.05  # the list of schedules
    write: float = 0.05


class ArlScheduler:
    """One process. `fork` also keeps records of its runs and tells DingTalk of them, which blocks it."""

    def __init__(
        self,
        database: ArlDatabase,
        *,
        fork: bool = False,
        process: str = SCHEDULER_PROCESS,
        intervals: Intervals | None = None,
        pushing: PushBehavior | None = None,
    ) -> None:
        self._database = database
        self._fork = fork
        self._process = process
        self._intervals = intervals or Intervals()
        self.pushing = pushing or PushBehavior()

    def loop(self) -> Iterator[float]:
        """Its life, as a process of a `Timeline`. What comes due and is gone before it looks is lost.

        Without its database ARL's dies, until somebody starts it again; that the fork's goes on is chosen.
        """
        while self._fork or not self._database.database_down:
            if not self._database.database_down:
                yield from self.run_pass()
            yield self._intervals.poll

    def run_pass(self) -> Iterator[float]:
        """All schedules are read first; what people change meanwhile is written over."""
        read = [dict(each) for each in self._database.tables["task_schedule"].values()]
        yield self._intervals.read
        for schedule in read:
            if schedule["status"] == "scheduled" and is_due(schedule, self._database.clock()):
                for _ in self._trigger(schedule):
                    yield self._intervals.write
        if self._fork:
            yield from update_records(self._database, self.pushing)

    def run_once(self) -> list[str]:
        """One pass at once; the ids of the schedules that fired."""
        tables = self._database.tables["task_schedule"]
        before = {id_: each["run_number"] for id_, each in tables.items()}
        for _ in self.run_pass():
            pass
        return [id_ for id_, each in tables.items() if each["run_number"] != before[id_]]

    def fire(self, schedule_id: str) -> Iterator[str]:
        """One trigger, due or not: "run_number", the ids of its tasks one by one, and "record"."""
        schedule = dict(self._database.tables["task_schedule"][schedule_id])
        for step, id_ in self._trigger(schedule):
            if step != INSERTED:
                yield id_ or step

    def run(self, schedule_id: str) -> list[str]:
        """A whole trigger at once; the ids of its tasks."""
        return [step for step in self.fire(schedule_id) if step not in {TRIGGERED, RECORDED}]

    def _trigger(self, schedule: Json) -> Iterator[tuple[str, str]]:
        """The schedule is written first, as it was read; its tasks one by one; the fork's record last."""
        database = self._database
        schedule |= self._trigger_fields(schedule)
        database.replace("task_schedule", schedule["_id"], schedule)
        yield TRIGGERED, ""
        policy = database.tables["policy"].get(schedule["policy_id"])
        if policy is None:
            schedule["status"] = "error"
            database.replace("task_schedule", schedule["_id"], schedule)
            return
        order = self._task_request(schedule, policy)
        ids: list[str] = []
        with suppress(ArlError):
            for step, id_ in submit(database, order):
                ids += [id_] if step == PUBLISHED else []
                yield step, id_
            if self._fork:
                database.insert(
                    "task_schedule_run", new_record(database, schedule, ids), process=self._process
                )
            yield RECORDED, ""

    def _trigger_fields(self, schedule: Json) -> Json:
        """What a trigger changes in its schedule; the next time is told a minute too early."""
        number, now = schedule["run_number"] + 1, self._database.clock()
        if schedule["schedule_type"] == FUTURE_SCAN:
            return {"run_number": number, "status": "done"}
        coming = next_fire(schedule["cron"], now + LOOKAHEAD)
        return {
            "run_number": number,
            "last_run_time": int(now.timestamp()),
            "last_run_date": format_time(now),
            "next_run_date": format_time(coming - LOOKAHEAD) if coming else NO_TIME,
        }

    def _task_request(self, schedule: Json, policy: Json) -> TaskRequest:
        """The number in the names is one more than that of the trigger."""
        recurrent = schedule["schedule_type"] == RECURRENT_SCAN
        name = (
            f"{TASK_NAME_PREFIXES[schedule['schedule_type']]}-{schedule['name'][:MAX_SCHEDULE_NAME_LENGTH]}"
        )
        options = task_options(policy, schedule["task_tag"])
        return TaskRequest(
            name=f"{name}-{schedule['run_number'] + 1}" if recurrent else name,
            target=schedule["target"],
            tag=schedule["task_tag"],
            options=options | ({"from_task_schedule": True} if self._fork else {}),
            process=self._process,
        )


def is_due(schedule: Json, now: datetime) -> bool:
    """A cron line within the coming minute, unless it has just run; a single time that has passed."""
    if schedule["schedule_type"] == FUTURE_SCAN:
        return bool(0 < schedule["start_time"] <= now.timestamp())
    coming = next_fire(schedule["cron"], now)
    soon = coming is not None and coming - now < LOOKAHEAD
    return soon and abs(now.timestamp() - schedule["last_run_time"]) > MIN_SECONDS_BETWEEN_RUNS
