"""What ARL says of a task, as ours. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.engines.arl.documents import RISK, Document, created_at, parse_time
from bot.engines.reasons import reason
from bot.models import UNSUBMITTED, Task, TaskStatus

STATES = {
    "waiting": TaskStatus.WAITING,
    "done": TaskStatus.DONE,
    "error": TaskStatus.ERROR,
    "stop": TaskStatus.STOP,
}
OPEN_STATUSES = {TaskStatus.WAITING, TaskStatus.RUNNING}
MAX_TARGET_LENGTH = 200  # letters of the target of a task that never was

_OURS = re.compile(r"-(r[a-z2-7]{10})$")


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How tasks are read: at what time, in which zone, and how long one may take."""

    now: datetime
    zone: ZoneInfo
    limit: timedelta


def parse_status(task: Document, *, seen_done: bool) -> TaskStatus:
    """The state of a task. Anything but four words is a stage of its work.

    `done` and its end time are written one after the other, so without the time it counts only when it was
    seen before. A stage with an end time is a stop that the dying worker wrote over.
    """
    status, ended = str(task.get("status")), task.get("end_time", "-") != "-"
    if status == "done" and not ended and not seen_done:
        return TaskStatus.RUNNING
    return STATES.get(status) or (TaskStatus.STOP if ended else TaskStatus.RUNNING)


def parse_task(task: Document, reading: ReadOptions, *, seen_done: bool) -> Task:
    """A task as it is; one that does not end within the limit is given up."""
    status = parse_status(task, seen_done=seen_done)
    start = parse_time(task.get("start_time"), reading.zone)
    begun = start or created_at(task["_id"])
    end = None if status in OPEN_STATUSES else parse_time(task.get("end_time"), reading.zone)
    why = ""
    if status in OPEN_STATUSES and reading.now - begun > reading.limit:
        hours = f"{reading.limit / timedelta(hours=1):g}"
        status, end = TaskStatus.MISSING, begun + reading.limit
        why = reason("stuck", hours=hours, stage=task.get("status"))
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
    """Assets by kind, of what ARL counted when the task was done; it counts only then."""
    if not isinstance(statistic, Mapping):
        return {}
    return {
        name.removesuffix("_cnt"): count
        for name, count in statistic.items()
        if name.endswith("_cnt") and isinstance(count, int) and count
    }


def unsubmitted_id(run: str, target: str) -> str:
    """The id that stands in for a task that a run should have and never got; it tells its target."""
    return f"{UNSUBMITTED}{run}:{target[:MAX_TARGET_LENGTH]}"


def missing_task(id_: str) -> Task:
    """The task behind such an id."""
    target = id_.removeprefix(UNSUBMITTED).partition(":")[2]
    return Task(id=id_, run_id="", target=target, status=TaskStatus.MISSING, reason=reason("unsubmitted"))
