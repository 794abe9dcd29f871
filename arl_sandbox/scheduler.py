"""ARL's scheduler: it fires up to a minute early and writes step by step."""

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

MIN_SECONDS_BETWEEN_RUNS = 180  # a schedule does not fire again within this time
LOOKAHEAD = timedelta(seconds=60)  # the scheduler fires this much before the fire time
TRIGGERED, INSERTED, PUBLISHED, RECORDED = "run_number", "inserted", "published", "record"


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Durations in seconds. `poll` is the pause between passes, however long they take."""

    poll: float = 58.0
    read: float = 0.05  # reading the list of schedules
    write: float = 0.05


class ArlScheduler:
    """One scheduler process. With `fork`, it records runs and pushes to DingTalk, which blocks it."""

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
        """Run passes forever, as a process of a `Timeline`. A fire time between two passes is missed.

        When its database is down, ARL's scheduler exits. The fork's continues (assumed).
        """
        while self._fork or not self._database.database_down:
            if not self._database.database_down:
                yield from self.run_pass()
            yield self._intervals.poll

    def run_pass(self) -> Iterator[float]:
        """Run one pass. All schedules are read first, so changes made meanwhile are overwritten."""
        read = [dict(each) for each in self._database.tables["task_schedule"].values()]
        yield self._intervals.read
        for schedule in read:
            if schedule["status"] == "scheduled" and is_due(schedule, self._database.clock()):
                for _ in self._trigger(schedule):
                    yield self._intervals.write
        if self._fork:
            yield from update_records(self._database, self.pushing)

    def run_once(self) -> list[str]:
        """Run one pass without pauses. Returns the ids of the schedules that fired."""
        tables = self._database.tables["task_schedule"]
        before = {id_: each["run_number"] for id_, each in tables.items()}
        for _ in self.run_pass():
            pass
        return [id_ for id_, each in tables.items() if each["run_number"] != before[id_]]

    def fire(self, schedule_id: str) -> Iterator[str]:
        """Trigger a schedule, due or not. Yields "run_number", the id of each task, and "record"."""
        schedule = dict(self._database.tables["task_schedule"][schedule_id])
        for step, id_ in self._trigger(schedule):
            if step != INSERTED:
                yield id_ or step

    def run(self, schedule_id: str) -> list[str]:
        """Trigger a schedule, due or not. Returns the ids of its tasks."""
        return [step for step in self.fire(schedule_id) if step not in {TRIGGERED, RECORDED}]

    def _trigger(self, schedule: Json) -> Iterator[tuple[str, str]]:
        """Write the schedule as it was read, then its tasks one by one, then the fork's record."""
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
        """Return the fields that a trigger changes. The next run date is a minute early, as in ARL."""
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
        """Build the task request. The number in the task name is `run_number` + 1, as in ARL."""
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
    """Return True if a schedule is due.

    A cron schedule is due when it fires within the next minute and has not just run, a one-time schedule when
    its time has passed.
    """
    if schedule["schedule_type"] == FUTURE_SCAN:
        return bool(0 < schedule["start_time"] <= now.timestamp())
    coming = next_fire(schedule["cron"], now)
    soon = coming is not None and coming - now < LOOKAHEAD
    return soon and abs(now.timestamp() - schedule["last_run_time"]) > MIN_SECONDS_BETWEEN_RUNS
