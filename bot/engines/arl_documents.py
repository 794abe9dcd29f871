"""ARL's documents, read: ids, times, targets, and what one task is for. Pure.

Ids are text here, however they travelled. ARL writes times as text of its own time zone, and "-" for not yet.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Document = Mapping[str, Any]
Aim = tuple[str, frozenset[str]]  # what one task is for: its type and all of its targets

TASK_FIELDS = (
    "name", "target", "type", "task_tag", "status", "start_time", "end_time", "statistic", "stop_reason",
    "cruising_target", "options.policy_name",
)  # fmt: skip
RECURRENT, FUTURE = "recurrent_scan", "future_scan"
STEMS = {RECURRENT: "周期任务", FUTURE: "定时任务"}  # the names of scheduled tasks begin so
AGAIN = "重新运行-"  # what ARL puts before the name of a task that it begins again, once
NAME_LETTERS = 15  # of a schedule's name, in the names of its tasks
RISK = "risk_cruising"
ENDINGS = frozenset({"done", "error", "stop"})  # states that ARL itself takes for final

_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}(/\d{1,2}|-\d{1,3})?")
_ID = re.compile(r"[0-9a-f]{24}")


def is_id(text: str) -> bool:
    """Whether this can be an id of ARL's; anything else makes its API fail with HTTP 500."""
    return _ID.fullmatch(text) is not None


def born(id_: str) -> datetime:
    """When the document with this id was made, to the second."""
    return datetime.fromtimestamp(int(id_[:8], 16), UTC)


def moment(text: object, zone: ZoneInfo) -> datetime | None:
    """A time as ARL writes it, or None for "-" and anything else that is none."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except ValueError:
        return None


def at_epoch(seconds: object) -> datetime | None:
    """A time that ARL keeps as seconds since 1970; 0 means never."""
    if isinstance(seconds, int | float) and seconds > 0:
        return datetime.fromtimestamp(seconds, UTC)
    return None


def targets_of(target: object) -> tuple[str, ...]:
    """The targets of a line, each once, in their order."""
    return tuple(dict.fromkeys(word for word in re.split(r"[,\s]+", str(target or "").lower()) if word))


def is_address(target: str) -> bool:
    """Whether ARL scans it in the one task that all addresses share."""
    return _ADDRESS.fullmatch(target) is not None


def aims_of(targets: Sequence[str], tag: str) -> tuple[Aim, ...]:
    """The tasks that ARL makes of targets: all addresses together, each domain alone; risk: all in one."""
    if tag == RISK:
        return ((RISK, frozenset(targets)),)
    addresses = frozenset(filter(is_address, targets))
    domains = [target for target in targets if not is_address(target)]
    first: tuple[Aim, ...] = (("ip", addresses),) if addresses else ()
    return (*first, *(("domain", frozenset({domain})) for domain in domains))


def aim_of(task: Document) -> Aim:
    """What a task is for. The target of a risk task is a phrase; its list stands elsewhere."""
    kind = str(task.get("type"))
    if kind == RISK:
        return kind, frozenset(str(each).lower() for each in task.get("cruising_target") or ())
    return kind, frozenset(targets_of(task.get("target")))


def written(aim: Aim) -> str:
    """An aim as ARL takes it, and as people read it."""
    return " ".join(sorted(aim[1]))
