"""ARL's documents, read: ids, times, targets, and what one task is for. Pure.

Ids are text here, however they travelled. ARL writes times as text of its own time zone, and "-" for not yet.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Document = Mapping[str, Any]
TaskSpec = tuple[str, frozenset[str]]  # what one task is for: its type and all of its targets

TASK_FIELDS = (
    "name", "target", "type", "task_tag", "status", "start_time", "end_time", "statistic", "stop_reason",
    "end_reason",    "cruising_target", "options.policy_name",
)  # fmt: skip
TASK_TOP_FIELDS = {field.partition(".")[0] for field in TASK_FIELDS}
NO_TIME = "-"  # a time that has not come
RECURRENT, FUTURE = "recurrent_scan", "future_scan"
NAME_PREFIXES = {RECURRENT: "周期任务", FUTURE: "定时任务"}  # the names of scheduled tasks begin so
RESTART_PREFIX = "重新运行-"  # what ARL puts before the name of a task that it begins again, once
MAX_NAME_LENGTH = 15  # of a schedule's name, in the names of its tasks
RISK = "risk_cruising"
FINAL_STATUSES = frozenset({"done", "error", "stop"})  # states that ARL itself takes for final

# As `is_vaild_ip_target` of app/utils/ip.py: numbers of any size, and any sign before a range's last one.
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?|\d+\.\d+\.(\d+\D\d+|\d{3,})-\d+")
_ID = re.compile(r"[0-9a-f]{24}")


def is_id(text: str) -> bool:
    """Whether this can be an id of ARL's; anything else makes its API fail with HTTP 500."""
    return _ID.fullmatch(text) is not None


def created_at(id_: str) -> datetime:
    """When the document with this id was made, to the second."""
    return datetime.fromtimestamp(int(id_[:8], 16), UTC)


def parse_time(text: object, zone: ZoneInfo) -> datetime | None:
    """A time as ARL writes it, or None for "-" and anything else that is none."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_epoch(seconds: object) -> datetime | None:
    """A time that ARL keeps as seconds since 1970, or None: 0 means never, and milliseconds are none."""
    try:
        return (
            datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) and seconds > 0 else None
        )
    except (ValueError, OverflowError, OSError):
        return None


def document_id(document: Document) -> str:
    """The id of a document of any kind. Raises `ValueError` or `LookupError` where it has none."""
    id_ = document["_id"]
    if id_ is None or not str(id_):
        raise ValueError("no id")
    return str(id_)


def with_document_id(document: Document) -> Document:
    return {**document, "_id": document_id(document)}


def normalize_task(document: Document) -> Document:
    """A task with what is read of it alone, its words being words. Raises `ValueError` for no id of ARL's."""
    id_ = document_id(document)
    if not is_id(id_):
        raise ValueError("no id of ARL's")
    words = {name: str(document[name]) for name in ("name", "type", "status") if name in document}
    end = document.get("end_time", NO_TIME)
    return {
        **{name: document[name] for name in TASK_TOP_FIELDS & document.keys()},
        **words,
        "_id": id_,
        "end_time": end if isinstance(end, str) and end else NO_TIME,
        "options": {"policy_name": _policy_name(document)},
    }


def _policy_name(task: Document) -> str | None:
    options = task.get("options")
    name = options.get("policy_name") if isinstance(options, Mapping) else None
    return name if isinstance(name, str) else None


def parse_targets(target: object) -> tuple[str, ...]:
    """The targets of a line, each once, in their order."""
    return tuple(dict.fromkeys(word for word in re.split(r"[,\s]+", str(target or "").lower()) if word))


def is_address(target: str) -> bool:
    """Whether ARL scans it in the one task that all addresses share."""
    return _ADDRESS.fullmatch(target) is not None


def task_specs(targets: Sequence[str], tag: str) -> tuple[TaskSpec, ...]:
    """The tasks that ARL makes of targets: all addresses together, each domain alone; risk: all in one."""
    if tag == RISK:
        return ((RISK, frozenset(targets)),)
    addresses = frozenset(filter(is_address, targets))
    domains = [target for target in targets if not is_address(target)]
    first: tuple[TaskSpec, ...] = (("ip", addresses),) if addresses else ()
    return (*first, *(("domain", frozenset({domain})) for domain in domains))


def task_spec(task: Document) -> TaskSpec:
    """What a task is for. The target of a risk task is a phrase; its list stands elsewhere."""
    kind = str(task.get("type"))
    if kind == RISK:
        listed = task.get("cruising_target")
        return kind, frozenset(str(each).lower() for each in (listed if isinstance(listed, list) else ()))
    return kind, frozenset(parse_targets(task.get("target")))


def format_targets(aim: TaskSpec) -> str:
    """An aim as ARL takes it, and as people read it."""
    return " ".join(sorted(aim[1]))
