"""Converts tasks of ARL. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.engines.arl.documents import RISK, Document, created_at, parse_time
from bot.models import UNSUBMITTED, Task, TaskStatus
from bot.reasons import reason

STATES = {
    "waiting": TaskStatus.WAITING,
    "done": TaskStatus.DONE,
    "error": TaskStatus.ERROR,
    "stop": TaskStatus.STOP,
}
OPEN_STATUSES = {TaskStatus.WAITING, TaskStatus.RUNNING}
MAX_TARGET_LENGTH = 200  # characters of the target in the id of an unsubmitted task

_OURS = re.compile(r"-(r[a-z2-7]{10})$")


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Current time, time zone of ARL, and time limit of a task."""

    now: datetime
    zone: ZoneInfo
    limit: timedelta


def parse_status(task: Document, *, seen_done: bool) -> TaskStatus:
    """Return the status of a task. Any value but four is a stage of a running task.

    - ARL writes `done` before the end time, so without the time it counts only when it was read before.
    - A stage with an end time is a stop that the killed worker has overwritten.
    """
    status, ended = str(task.get("status")), task.get("end_time", "-") != "-"
    if status == "done" and not ended and not seen_done:
        return TaskStatus.RUNNING
    return STATES.get(status) or (TaskStatus.STOP if ended else TaskStatus.RUNNING)


def parse_task(task: Document, options: ReadOptions, *, seen_done: bool) -> Task:
    """Convert a task. It is missing if it has not ended within the time limit."""
    status = parse_status(task, seen_done=seen_done)
    start = parse_time(task.get("start_time"), options.zone)
    started = start or created_at(task["_id"])
    end = None if status in OPEN_STATUSES else parse_time(task.get("end_time"), options.zone)
    why = ""
    if status in OPEN_STATUSES and options.now - started > options.limit:
        hours = f"{options.limit / timedelta(hours=1):g}"
        status, end = TaskStatus.MISSING, started + options.limit
        why = reason("task_stuck", hours=hours, stage=task.get("status"))
    elif status is TaskStatus.ERROR:
        why = reason("failed_in_arl", why=task.get("stop_reason") or task.get("end_reason") or "")
    ours = _OURS.search(str(task.get("name")))
    return Task(
        id=task["_id"],
        run_id=ours[1] if ours else "",
        target=_target(task),
        status=status,
        reason=why,
        start_time=start,
        end_time=end,
        found=parse_statistic(task.get("statistic")),
    )


def _target(task: Document) -> str:
    if task.get("type") == RISK:
        listed = task.get("cruising_target")
        return " ".join(map(str, listed if isinstance(listed, list) else ()))
    return str(task.get("target"))


def parse_statistic(statistic: object) -> Mapping[str, int]:
    """Return the assets by kind. ARL counts them only when a task is done."""
    if not isinstance(statistic, Mapping):
        return {}
    return {
        name.removesuffix("_cnt"): count
        for name, count in statistic.items()
        if name.endswith("_cnt") and isinstance(count, int) and count
    }


def unsubmitted_id(run: str, target: str) -> str:
    """Build the id of a task that a run should have and ARL never created. It contains the target."""
    return f"{UNSUBMITTED}{run}:{target[:MAX_TARGET_LENGTH]}"


def missing_task(id_: str) -> Task:
    """Return the task for the id of an unsubmitted task."""
    target = id_.removeprefix(UNSUBMITTED).partition(":")[2]
    return Task(
        id=id_, run_id="", target=target, status=TaskStatus.MISSING, reason=reason("task_not_created")
    )
