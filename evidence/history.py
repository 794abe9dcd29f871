"""A history: what people asked for, what they saw, and what the service claims, each with its time.

It is stored as JSON lines. `kind` says which record a line is; times are ISO 8601 with an offset.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class Act(StrEnum):
    """Something of a run that people see at a destination."""

    SUMMARY = "summary"  # a card or a message
    FILE = "file"
    ANSWER = "answer"  # to a message or a tap of a person, in place of a run


class ClaimState(StrEnum):
    """State of a delivery, as the service says."""

    SENT = "sent"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"  # given up, or skipped
    WITHHELD = "withheld"  # skipped because calls run out
    PENDING = "pending"


class WishKind(StrEnum):
    """Something that a person may ask for."""

    TALK = "talk"  # nothing but an answer
    RUN = "run"  # of a schedule
    FILE = "file"  # of an earlier run
    MUTE = "mute"  # a schedule
    UNMUTE = "unmute"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A person asked for something, by a message or by a button of a card."""

    id: str
    wants: WishKind
    of: str  # a schedule, or of a file its run
    at: datetime
    until: datetime | None = None  # end of a mute; None mutes the next run only
    card: str = ""  # run of the card whose button was tapped
    person: str = ""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A run ended at a time, and a destination is to be told by an act."""

    run: str
    destination: str
    act: Act
    at: datetime
    digest: str = ""  # SHA-256 of the file, or what the answer says, if it is known
    latest: datetime | None = None  # when people must have seen it, if it may wait
    may_be_withheld: bool = False  # if the service says so


@dataclass(frozen=True, kw_only=True)
class Muted:
    """A run ended at a time, and people do not want a destination to be told by an act."""

    run: str
    destination: str
    act: Act
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Effect:
    """People saw something of a run."""

    run: str
    destination: str
    act: Act
    at: datetime
    id: str
    digest: str = ""  # SHA-256 of what they can download, or what the answer says
    broken: str = ""  # why what they see is not whole


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The service says what became of a delivery. The last claim of each source counts."""

    run: str
    destination: str
    act: Act
    state: ClaimState
    source: str  # store or api
    at: datetime
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Restart:
    """The service was down until then."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls of a month so far: as DingTalk counts them and as the service booked them."""

    month: str
    quota: str  # api or stream_webhook
    at: datetime
    counted: int
    booked: int
    troubles: int  # deaths and such in this month, each of which leaves one call booked that was not made
    limit: int = 0  # 0 is no limit


Record = Wish | Expected | Muted | Effect | Claim | Restart | Calls
KINDS: Mapping[str, type[Record]] = {
    kind.__name__.lower(): kind for kind in (Wish, Expected, Muted, Effect, Claim, Restart, Calls)
}
TIMES = frozenset({"at", "until", "latest"})
WORDS: Mapping[str, type[StrEnum]] = {"act": Act, "state": ClaimState, "wants": WishKind}


def write_history(path: Path, records: Iterable[Record]) -> None:
    """Append records to a file of JSON lines."""
    with path.open("a", encoding="utf-8") as file:
        for record in records:
            line = {"kind": type(record).__name__.lower()} | asdict(record)
            file.write(json.dumps(line, ensure_ascii=False, default=datetime.isoformat) + "\n")


def read_history(path: Path) -> Iterator[Record]:
    """Read records. Raises `ValueError` with the number of the line that is none."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield _record(json.loads(line))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: not a record of a history: {error}") from None


def _record(line: dict[str, Any]) -> Record:
    kind = KINDS[line.pop("kind")]
    unknown = line.keys() - {field.name for field in fields(kind)}
    if unknown:
        raise ValueError(f"unknown field {min(unknown)}")
    for name in TIMES & line.keys():
        line[name] = datetime.fromisoformat(line[name]) if line[name] else None
    if line["at"].tzinfo is None:
        raise ValueError(f"no offset: {line['at']}")
    for name in WORDS.keys() & line.keys():
        line[name] = WORDS[name](line[name])
    return kind(**line)
