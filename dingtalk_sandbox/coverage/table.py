"""The documented endpoints, and what is known of each: emulated or not, rules, tests."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from dingtalk_sandbox.api.pipeline import Endpoint

HERE = Path(__file__).parent
RULE = re.compile(
    r"^\| .{1,1000} \| (?P<source>[^|\n]{1,300}) \| (?P<test>test_\w{1,100}\.py::\w{1,200}) \|$", re.MULTILINE
)
PAGE = re.compile(r"(?<![\w/-])(?:\d{4}|CLI/\d{4}|\[(?:proto|robot_1_0)\])(?!\d)")
PATH_PARAMETER = re.compile(r"\{\w{1,40}\}")


class Status(StrEnum):
    EMULATED = "emulated"
    CLOSED = "rejected"  #: as DingTalk rejects it for a new app
    STUB = "stub"  #: answered by the scene
    MISSING = "501"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A row of `docs/fidelity.md`."""

    pages: frozenset[str]
    test: str  # file::function


@dataclass(frozen=True, kw_only=True)
class Documented:
    """An endpoint of DingTalk's documentation."""

    call: str
    page: str
    does: str
    status: Status
    rules: tuple[Rule, ...]


@dataclass(frozen=True, kw_only=True)
class Family:
    name: str
    pages: str
    endpoints: tuple[Documented, ...]

    @property
    def covered(self) -> int:
        """The number of endpoints that are answered as DingTalk answers them."""
        return sum(one.status in {Status.EMULATED, Status.CLOSED} for one in self.endpoints)


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client that was not written for the sandbox."""

    client: str
    language: str
    test: str = ""  # file::function, "" = could not be tried
    reason: str = ""


def normalized(call: str) -> str:
    """Return a call without the names of its path parameters."""
    return PATH_PARAMETER.sub("{}", call)


def parse_rules(fidelity: str) -> list[Rule]:
    """Parse the rows of the text of `docs/fidelity.md`."""
    return [
        Rule(pages=frozenset(PAGE.findall(row["source"])), test=row["test"])
        for row in RULE.finditer(fidelity)
    ]


def families(endpoints: Iterable[Endpoint], rules: list[Rule], stubs: Iterable[str] = ()) -> list[Family]:
    """Return all families. `stubs` are calls such as `POST /path` that a scene answers."""
    known = {normalized(e.name): Status.CLOSED if e.is_closed else Status.EMULATED for e in endpoints}
    status = {normalized(call): Status.STUB for call in stubs} | known
    listed: list[dict[str, Any]] = yaml.safe_load((HERE / "documented.yaml").read_text(encoding="utf-8"))
    return [
        Family(
            name=family["family"],
            pages=family["pages"],
            endpoints=tuple(_documented(one, status, rules) for one in family["endpoints"]),
        )
        for family in listed
    ]


def _documented(entry: dict[str, str], status: dict[str, Status], rules: list[Rule]) -> Documented:
    pages = frozenset(PAGE.findall(entry["page"]))
    found = status.get(normalized(entry["call"]), Status.MISSING)
    held = tuple(rule for rule in rules if rule.pages & pages) if found is not Status.MISSING else ()
    return Documented(**entry, status=found, rules=held)


def clients() -> list[Client]:
    listed: list[dict[str, str]] = yaml.safe_load((HERE / "clients.yaml").read_text(encoding="utf-8"))
    return [Client(**entry) for entry in listed]
