"""Trouble on order: rules that make an endpoint slow, wrong, or silent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from dingtalk_sandbox.errors import Json, UsageError


class FaultKind(StrEnum):
    STATUS = "status"  #: answer with `status` and `body`, do nothing
    ERROR = "error"  #: answer with DingTalk's error `code` (a number makes it the old style), do nothing
    LATENCY = "latency"  #: wait `ms`, then go on
    LOSE_ANSWER = "lose_answer"  #: do it, then cut the connection instead of answering
    DROP = "drop"  #: cut the connection, do nothing
    HTML = "html"  #: answer with a page, as a proxy or the IP limit does, do nothing


@dataclass(kw_only=True)
class Fault:
    kind: FaultKind
    match: str = ""  # part of "POST /v1.0/card/instances"; "" = every endpoint
    times: int | None = None  # None = until the list is replaced
    status: int = 0  # 0 = what suits the kind
    code: str | int = "system.busy"
    message: str = ""
    body: Any = None
    ms: int = 0
    hits: int = field(default=0)


FIELD_TYPES: dict[str, type | tuple[type, ...]] = {
    "kind": str, "match": str, "times": (int, type(None)), "status": int, "code": (str, int), "message": str,
    "body": object, "ms": int, "hits": int,
}  # fmt: skip


def parse_fault(given: Any) -> Fault:
    """One rule from JSON. Raises `UsageError` that names what is wrong."""
    if not isinstance(given, dict) or "kind" not in given:
        raise UsageError("a fault takes {kind, match, times, status, code, message, body, ms}")
    for key, value in given.items():
        if key not in FIELD_TYPES or not isinstance(value, FIELD_TYPES[key]):
            raise UsageError(f"a fault does not take {key}: {value!r}")
    if given["kind"] not in set(FaultKind):
        raise UsageError(f"fault kind is one of {', '.join(FaultKind)}")
    if given.get("status") and given["status"] not in range(200, 600):
        raise UsageError("fault status is from 200 to 599")
    return Fault(**given | {"kind": FaultKind(given["kind"]), "hits": 0})


class Faults:
    """The rules in force, in order."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def replace(self, rules: Sequence[Any]) -> None:
        self._rules = [parse_fault(rule) for rule in rules]

    def consume(self, endpoint: str) -> list[Fault]:
        """The rules that apply to this call; each is used up once."""
        hit = [r for r in self._rules if r.match in endpoint and (r.times is None or r.hits < r.times)]
        for rule in hit:
            rule.hits += 1
        return hit

    def as_json(self) -> list[Json]:
        return [{f.name: getattr(rule, f.name) for f in fields(rule)} for rule in self._rules]
