"""Parses documents of ARL: ids, times, targets and task specs. Pure.

Ids are text here, also where MongoDB has ObjectIds. ARL writes times as text in its own time zone, and
"-" for no time yet.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Document = Mapping[str, Any]
TaskSpec = tuple[str, frozenset[str]]  # type and targets: what a task is for

TASK_FIELDS = (
    "name", "target", "type", "task_tag", "status", "start_time", "end_time", "statistic", "stop_reason",
    "end_reason",    "cruising_target", "options.policy_name",
)  # fmt: skip
TASK_TOP_FIELDS = {field.partition(".")[0] for field in TASK_FIELDS}
NO_TIME = "-"  # ARL's word for a time that has not come
RECURRENT, FUTURE = "recurrent_scan", "future_scan"
NAME_PREFIXES = {RECURRENT: "周期任务", FUTURE: "定时任务"}  # of the names of scheduled tasks
RESTART_PREFIX = "重新运行-"  # of the names of restarted tasks
MAX_NAME_LENGTH = 15  # characters of a schedule's name in the names of its tasks
RISK = "risk_cruising"
FINAL_STATUSES = frozenset({"done", "error", "stop"})  # statuses that ARL treats as final

# Same as `is_vaild_ip_target` in app/utils/ip.py of ARL: numbers of any size, any separator in a range.
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?|\d+\.\d+\.(\d+\D\d+|\d{3,})-\d+")
_ID = re.compile(r"[0-9a-f]{24}")


def is_id(text: str) -> bool:
    """Tell if a text is an id of ARL. Its API fails with HTTP 500 for any other text."""
    return _ID.fullmatch(text) is not None


def created_at(id_: str) -> datetime:
    """Return the time at which the document with this id was created, to the second."""
    return datetime.fromtimestamp(int(id_[:8], 16), UTC)


def parse_time(text: object, zone: ZoneInfo) -> datetime | None:
    """Parse a time as ARL writes it. Returns None for "-" and other text."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_epoch(seconds: object) -> datetime | None:
    """Parse seconds since 1970. Returns None for 0, which means never, and for values out of range."""
    try:
        return (
            datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) and seconds > 0 else None
        )
    except (ValueError, OverflowError, OSError):
        return None


def document_id(document: Document) -> str:
    """Return the id of a document of any kind. Raises `ValueError` or `LookupError` if it has none."""
    id_ = document["_id"]
    if id_ is None or not str(id_):
        raise ValueError("no id")
    return str(id_)


def with_document_id(document: Document) -> Document:
    return {**document, "_id": document_id(document)}


def normalize_task(document: Document) -> Document:
    """Reduce a task to its used fields, with text as text. Raises `ValueError` for a foreign id."""
    id_ = document_id(document)
    if not is_id(id_):
        raise ValueError("not an id of ARL")
    texts = {name: str(document[name]) for name in ("name", "type", "status") if name in document}
    end = document.get("end_time", NO_TIME)
    return {
        **{name: document[name] for name in TASK_TOP_FIELDS & document.keys()},
        **texts,
        "_id": id_,
        "end_time": end if isinstance(end, str) and end else NO_TIME,
        "options": {"policy_name": _policy_name(document)},
    }


def _policy_name(task: Document) -> str | None:
    options = task.get("options")
    name = options.get("policy_name") if isinstance(options, Mapping) else None
    return name if isinstance(name, str) else None


def parse_targets(target: object) -> tuple[str, ...]:
    """Split a line into its targets, each once, in their order."""
    return tuple(dict.fromkeys(word for word in re.split(r"[,\s]+", str(target or "").lower()) if word))


def is_address(target: str) -> bool:
    """Tell if ARL scans a target in the task that all addresses share."""
    return _ADDRESS.fullmatch(target) is not None


def task_specs(targets: Sequence[str], tag: str) -> tuple[TaskSpec, ...]:
    """Return the specs of the tasks that ARL creates for targets.

    All addresses share a task, and each domain has its own. A risk task has all targets.
    """
    if tag == RISK:
        return ((RISK, frozenset(targets)),)
    addresses = frozenset(filter(is_address, targets))
    domains = [target for target in targets if not is_address(target)]
    first: tuple[TaskSpec, ...] = (("ip", addresses),) if addresses else ()
    return (*first, *(("domain", frozenset({domain})) for domain in domains))


def task_spec(task: Document) -> TaskSpec:
    """Return the spec of a task. The targets of a risk task are in a list of their own."""
    kind = str(task.get("type"))
    if kind == RISK:
        listed = task.get("cruising_target")
        return kind, frozenset(str(each).lower() for each in (listed if isinstance(listed, list) else ()))
    return kind, frozenset(parse_targets(task.get("target")))


def format_targets(spec: TaskSpec) -> str:
    """Write the targets of a spec in one line, as ARL accepts and people read them."""
    return " ".join(sorted(spec[1]))
