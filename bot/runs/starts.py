"""Start one run of a schedule at a time, however many people ask, by message, by card or by the API.

A start is reserved in the store before anything else happens. So two bots never start a schedule twice.
After a crash between the reservation and the run, the same request goes on, and others wait for the cooldown.
Scheduled runs are not hindered.
"""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from bot.errors import UserError
from bot.models import Clock, Overlap, Person, Reservation, Run, RunStatus, Schedule, deterministic_id
from bot.ports import ReservationStore
from bot.runs.lifecycle import Runs, TriggerRequest

MIN_RESERVATION = timedelta(seconds=5)  # between a reservation and its run, however short the cooldown is
NO_SKEW = timedelta()


class RunStarts:
    """Starts runs that people or programs ask for.

    `cooldown` is how long after a start nobody else can ask for another one. Who asked for the first may do
    so when it has ended. `skew` is the tolerated clock skew between the bots on one store.
    """

    def __init__(
        self,
        reservations: ReservationStore,
        runs: Runs,
        *,
        clock: Clock,
        cooldown: timedelta,
        skew: timedelta = NO_SKEW,
    ) -> None:
        self._reservations = reservations
        self._runs = runs
        self._clock = clock
        self._cooldown = cooldown
        self._skew = skew

    async def start(self, schedule: Schedule, request: TriggerRequest) -> Run:
        """Start a run, or return the one that the same request has started.

        Raises:
            UserError: Somebody else has just started the schedule, a run of it has not ended, or it cannot be
                started from here.
        """
        _ensure_startable(schedule)
        async with self.reserved(schedule, request):
            await self.supersede(schedule, request)
            return await self._runs.trigger(schedule, request)

    @asynccontextmanager
    async def reserved(self, schedule: Schedule, request: TriggerRequest) -> AsyncIterator[None]:
        """Reserve the start of a schedule for a request, which may ask again. An error in the body ends it.

        Raises:
            UserError: As `start`.
        """
        key, owner = start_key(schedule.id), request.idempotency_key
        valid = await self._reserve(key, request)
        if valid.owner != owner:
            raise await self._started(valid)
        try:
            await self._ensure_none_running(schedule, request)
            yield
        except UserError:
            await self._reservations.release(key, owner)
            raise

    async def ensure_free(self, schedule: Schedule, request: TriggerRequest) -> None:
        """Check that a start could be reserved for a request, without reserving it.

        Raises:
            UserError: As `start`.
        """
        _ensure_startable(schedule)
        valid = await self._reservations.find_reservation(start_key(schedule.id), self._clock())
        if valid and valid.owner != request.idempotency_key and not await self._may_follow(request, valid):
            raise await self._started(valid)
        await self._ensure_none_running(schedule, request)

    async def supersede(self, schedule: Schedule, request: TriggerRequest) -> None:
        """Stop the open runs of a schedule that a new one takes the place of (`overlap: supersede`)."""
        if schedule.expect.overlap is not Overlap.SUPERSEDE:
            return
        for run in await self._runs.recent(schedule.id, running=True):
            if run.idempotency_key != request.idempotency_key:
                await self._runs.stop(run, request.asked_by)

    async def _reserve(self, key: str, request: TriggerRequest) -> Reservation:
        now = self._clock()
        wanted = Reservation(
            key=key,
            owner=request.idempotency_key,
            since=now,
            until=now + max(self._cooldown, MIN_RESERVATION) + self._skew,
            details=_details(request.asked_by),
        )
        valid = await self._reservations.reserve(wanted)
        if valid.owner != wanted.owner and await self._may_follow(request, valid):
            await self._reservations.release(key, valid.owner)
            valid = await self._reservations.reserve(wanted)
        return valid

    async def _may_follow(self, request: TriggerRequest, valid: Reservation) -> bool:
        """Return whether the cooldown is over: the run has ended, and whoever asks again has started it."""
        run = await self._runs.find(deterministic_id("r", valid.owner))
        if run is None or run.status is RunStatus.RUNNING:
            return False
        same = request.asked_by is not None and request.asked_by.id == valid.details.get("person")
        return same or not self._cooldown

    async def _ensure_none_running(self, schedule: Schedule, request: TriggerRequest) -> None:
        """Raise `UserError` while a run of the schedule has not ended, unless this request started it.

        One that will be superseded hinders nobody.
        """
        if schedule.expect.overlap is Overlap.SUPERSEDE:
            return
        run = await self._runs.find_running(schedule.id)
        if run is None or run.idempotency_key == request.idempotency_key:
            return
        counts = (await self._runs.progress([run]))[run.id]
        raise UserError(
            "rerun_running", schedule=run.schedule_name, run=run.id, ended=counts.ended, total=counts.total
        )

    async def _started(self, valid: Reservation) -> UserError:
        run = await self._runs.find(deterministic_id("r", valid.owner))
        return UserError(
            "rerun_started",
            by=valid.details.get("by", ""),
            at=valid.since,
            run=run.id if run else "",
            ordinal=run.ordinal if run else 0,
            wait=self._seconds_left(valid) if run and run.status is not RunStatus.RUNNING else 0,
        )

    def _seconds_left(self, valid: Reservation) -> int:
        """Return after how many seconds somebody else may start the schedule."""
        return max(math.ceil((valid.until - self._clock()).total_seconds()), 1)


def _ensure_startable(schedule: Schedule) -> None:
    if not schedule.startable:
        raise UserError("rerun_elsewhere", schedule=schedule.name)


def start_key(schedule_id: str) -> str:
    """Return the key that is reserved to start a schedule."""
    return f"start:{schedule_id}"


def _details(person: Person | None) -> Mapping[str, object]:
    return {"by": str(person), "person": person.id} if person else {}
