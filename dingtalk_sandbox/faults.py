"""Fault injection: rules that make an endpoint slow, fail, or drop the connection."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from dingtalk_sandbox.errors import Json, UsageError


class FaultKind(StrEnum):
    STATUS = "status"  #: respond with `status` and `body` without acting
    ERROR = "error"  #: respond with DingTalk's error `code` without acting; a number selects the old format
    LATENCY = "latency"  #: wait `ms` milliseconds, then continue
    LOSE_ANSWER = "lose_answer"  #: act, then abort the connection instead of responding
    DROP = "drop"  #: abort the connection without acting
    HTML = "html"  #: respond with an HTML page, as a proxy does, without acting


@dataclass(kw_only=True)
class Fault:
    kind: FaultKind
    match: str = ""  # substring of "POST /v1.0/card/instances"; "" = every endpoint
    times: int | None = None  # None = until the rules are replaced
    status: int = 0  # 0 = the default of the kind
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
    """Parse one rule from JSON. Raises `UsageError` that names the wrong field."""
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
    """The active rules, in order."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def replace(self, rules: Sequence[Any]) -> None:
        self._rules = [parse_fault(rule) for rule in rules]

    def consume(self, endpoint: str) -> list[Fault]:
        """Return the rules that apply to this call, and count the call against their `times`."""
        hit = [r for r in self._rules if r.match in endpoint and (r.times is None or r.hits < r.times)]
        for rule in hit:
            rule.hits += 1
        return hit

    def as_json(self) -> list[Json]:
        return [{f.name: getattr(rule, f.name) for f in fields(rule)} for rule in self._rules]
