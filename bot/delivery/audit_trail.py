"""Build the audit trail of a run from its jobs: intentions, attempts and answers. Pure.

DingTalk can report who read a message (0720, 0722), but each query costs a call. Instead, a person who
pressed a button is known to have seen the card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.delivery.payload import DeliveryResult
from bot.models import Job

KINDS = ("submit", "start", "export", "card", "note", "file", "update", "reminder", "tap")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A failed attempt."""

    at: datetime
    said: str


@dataclass(frozen=True, kw_only=True)
class TrailEntry:
    """One job of a run."""

    job_id: str
    kind: str
    to: str  # a destination, or the id of a pressed button
    state: str
    asked_at: datetime
    ended_at: datetime | None
    message_id: str  # assigned by DingTalk
    why: str  # why it took another route, was skipped, or failed
    by: str  # the person who requested it
    tries: Sequence[Attempt]


def audit_trail(jobs: Sequence[Job]) -> Sequence[TrailEntry]:
    """Return the entries of a run, oldest first."""
    return [_entry(job) for job in jobs if job.kind in KINDS]


def seen_by(jobs: Sequence[Job]) -> Sequence[str]:
    """Return who pressed a button on a card of the run: names, or staffIds where a name is unknown."""
    return list(dict.fromkeys(_person(job) for job in jobs if job.kind == "tap"))


def _entry(job: Job) -> TrailEntry:
    result = job.result
    tries = _tries(result.get("tries"))
    error = "" if tries and tries[-1].said == job.error else job.error
    delivery = DeliveryResult.of(job)
    reasons = (delivery.fallback_reason, delivery.skipped, delivery.digest, error)
    return TrailEntry(
        job_id=job.id,
        kind=job.kind,
        to=str(job.payload.get("action") or job.payload.get("via") or job.payload.get("destination") or ""),
        state=job.state.value,
        asked_at=job.created_at,
        ended_at=job.ended_at,
        message_id=delivery.message_id,
        why=str(next(filter(None, reasons), "")),
        by=_person(job) if job.kind == "tap" else str(job.payload.get("by", "")),
        tries=tries,
    )


def _tries(stored: object) -> Sequence[Attempt]:
    pairs = stored if isinstance(stored, list) else []
    return [Attempt(at=datetime.fromisoformat(at), said=said) for at, said in pairs]


def _person(job: Job) -> str:
    user = job.payload.get("user")
    person = user if isinstance(user, Mapping) else {}
    return str(person.get("name") or person.get("id") or "?")
