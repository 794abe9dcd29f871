"""Protected schedules: who starts or stops them confirms it, or a second person agrees.

A request that waits for a second person is kept in the store until it expires. The run is started under the
idempotency key of the request, so that two people who agree at once start one run.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import TypeAdapter

from bot.errors import UserError
from bot.models import Clock, Destination, Person, Reservation, Schedule, Trigger
from bot.ports import ReservationStore
from bot.runs.lifecycle import TriggerRequest

log = logging.getLogger(__name__)


class Protection(StrEnum):
    """Consent that it takes to start or stop a schedule by hand."""

    NONE = "none"  #: one request
    CONFIRM = "confirm"  #: a request that the same person confirms
    TWO_PERSON = "two_person"  #: a request to which a second person agrees


class Act(StrEnum):
    """Action that is requested."""

    START = "start"
    STOP = "stop"


@dataclass(frozen=True, kw_only=True)
class ApprovalRequest:
    """A request that waits for a second person."""

    act: Act
    key: str  # idempotency key
    person: Person
    trigger: Trigger
    asked_in: Destination | None = None
    run_id: str = ""  # to stop

    def trigger_request(self, approved_by: Person) -> TriggerRequest:
        """Return the request for a run to which a second person has agreed."""
        return TriggerRequest(
            idempotency_key=self.key,
            trigger=self.trigger,
            asked_by=self.person,
            asked_in=self.asked_in,
            approved_by=approved_by,
        )


_REQUEST: TypeAdapter[ApprovalRequest] = TypeAdapter(ApprovalRequest)


@dataclass(frozen=True, kw_only=True)
class ProtectionPolicy:
    """Protection by schedule. The first rule that matches counts."""

    rules: Sequence[tuple[str, Protection]] = ()  # a name, an id or a pattern, and the protection
    ttl: timedelta = timedelta(minutes=15)  # within which a second person agrees

    def of(self, schedule: Schedule) -> Protection:
        """Return the protection of a schedule."""
        found = (
            protection
            for pattern, protection in self.rules
            if fnmatchcase(schedule.id, pattern) or fnmatchcase(schedule.name, pattern)
        )
        return next(found, Protection.NONE)


class Approvals:
    """The requests that wait for a second person, one for each schedule."""

    def __init__(self, reservations: ReservationStore, policy: ProtectionPolicy, *, clock: Clock) -> None:
        self._reservations = reservations
        self._policy = policy
        self._clock = clock

    @property
    def ttl(self) -> timedelta:
        """Return how long a request waits."""
        return self._policy.ttl

    def protection(self, schedule: Schedule) -> Protection:
        """Return what it takes to start or stop a schedule."""
        return self._policy.of(schedule)

    async def find(self, schedule: Schedule) -> ApprovalRequest | None:
        """Return the request that waits for a second person, or None."""
        found = await self._reservations.find_reservation(_key(schedule), self._clock())
        return _REQUEST.validate_python(found.details) if found else None

    async def ask(self, schedule: Schedule, wanted: ApprovalRequest) -> UserError:
        """Store a request, unless another one waits. Returns what to tell: who must agree to what."""
        now = self._clock()
        valid = await self._reservations.reserve(
            Reservation(
                key=_key(schedule),
                owner=wanted.key,
                since=now,
                until=now + self._policy.ttl,
                details=_REQUEST.dump_python(wanted, mode="json"),
            )
        )
        if valid.owner == wanted.key:
            log.info("%s asks to %s %s: waits for a second person", wanted.person, wanted.act, schedule.name)
        return _waiting(schedule, _REQUEST.validate_python(valid.details), valid.until)

    async def close(self, schedule: Schedule, request: ApprovalRequest, approver: Person) -> None:
        """End a request that was carried out."""
        log.info("%s agreed that %s asked to %s %s", approver, request.person, request.act, schedule.name)
        await self._reservations.release(_key(schedule), request.key)


def _waiting(schedule: Schedule, request: ApprovalRequest, until: datetime) -> UserError:
    return UserError(
        "approval_waits",
        schedule=schedule.name,
        by=str(request.person),
        act=request.act.value,
        until=until,
    )


def _key(schedule: Schedule) -> str:
    return f"approval:{schedule.id}"
