"""The chain of a run: what was meant, what was tried, what DingTalk answered, who has seen it. Pure.

Whether a message was read can be asked of DingTalk (0720, 0722), but each question costs a call, so it is
not asked: who pressed a button has seen the card, and that is free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.delivery.payload import DeliveryResult
from bot.models import Job

KINDS = ("submit", "export", "card", "note", "file", "update", "tap")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt that failed."""

    at: datetime
    said: str


@dataclass(frozen=True, kw_only=True)
class TrailEntry:
    """One job of a run."""

    job_id: str
    kind: str
    to: str  # a destination, or the button that was pressed
    state: str
    asked_at: datetime
    ended_at: datetime | None
    message_id: str  # DingTalk's own
    why: str  # why it went another way, was left out, or failed
    by: str  # who asked for it
    tries: Sequence[Attempt]


def audit_trail(jobs: Sequence[Job]) -> Sequence[TrailEntry]:
    """The steps of a run in the order of intention."""
    return [_step(job) for job in jobs if job.kind in KINDS]


def seen_by(jobs: Sequence[Job]) -> Sequence[str]:
    """Who has pressed a button on a card of the run: names, or staffIds of people without one."""
    return list(dict.fromkeys(_presser(job) for job in jobs if job.kind == "tap"))


def _step(job: Job) -> TrailEntry:
    result = job.result
    tries = _tries(result.get("tries"))
    error = "" if tries and tries[-1].said == job.error else job.error
    told = DeliveryResult.of(job)
    reasons = (told.fallback_reason, told.skipped, told.digest, error)
    return TrailEntry(
        job_id=job.id,
        kind=job.kind,
        to=str(job.payload.get("action") or job.payload.get("via") or job.payload.get("destination") or ""),
        state=job.state.value,
        asked_at=job.created_at,
        ended_at=job.ended_at,
        message_id=told.message_id,
        why=str(next(filter(None, reasons), "")),
        by=_presser(job) if job.kind == "tap" else str(job.payload.get("by", "")),
        tries=tries,
    )


def _tries(kept: object) -> Sequence[Attempt]:
    pairs = kept if isinstance(kept, list) else []
    return [Attempt(at=datetime.fromisoformat(at), said=said) for at, said in pairs]


def _presser(job: Job) -> str:
    user = job.payload.get("user")
    known = user if isinstance(user, Mapping) else {}
    return str(known.get("name") or known.get("id") or "?")
