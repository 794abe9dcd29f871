"""Fault injection: rules that make an endpoint slow, fail, or drop the connection."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from dingtalk_sandbox.errors import Json


class FaultKind(StrEnum):
    STATUS = "status"  #: respond with `status` and `body` without acting
    ERROR = "error"  #: respond with DingTalk's error `code` without acting; a number selects the old format
    LATENCY = "latency"  #: wait `ms` milliseconds, then continue
    LOSE_ANSWER = "lose_answer"  #: act, then abort the connection instead of responding
    DROP = "drop"  #: abort the connection without acting
    HTML = "html"  #: respond with an HTML page, as a proxy does, without acting


class Fault(BaseModel):
    """A rule, as the control API takes and shows it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    kind: Annotated[FaultKind, Field(strict=False)]
    match: Annotated[str, Field(description="part of `POST /path`; empty: every endpoint")] = ""
    times: Annotated[int | None, Field(description="none: until the rules are replaced")] = None
    status: Annotated[int, Field(ge=200, le=599)] | Literal[0] = 0  # 0 = the default of the kind
    code: str | int = "system.busy"
    message: str = ""
    body: Any = None
    ms: Annotated[int, Field(description="of `latency`")] = 0
    hits: Annotated[int, Field(description="calls so far; of a new rule ignored")] = 0


RULES = TypeAdapter(list[Fault])


class Faults:
    """The active rules, in order."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def replace(self, rules: Sequence[Fault | Mapping[str, Any]]) -> None:
        self._rules = [rule.model_copy(update={"hits": 0}) for rule in RULES.validate_python(rules)]

    def consume(self, endpoint: str) -> list[Fault]:
        """Return the rules that apply to this call, and count the call against their `times`."""
        hit = [r for r in self._rules if r.match in endpoint and (r.times is None or r.hits < r.times)]
        for rule in hit:
            rule.hits += 1
        return hit

    def as_json(self) -> list[Json]:
        return [rule.model_dump(mode="json") for rule in self._rules]
