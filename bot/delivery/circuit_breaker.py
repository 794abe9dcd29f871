"""Where a way of telling is refused for good: the next one is taken, until the first works again."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import StrEnum

from bot.delivery.operator_alerts import OperatorAlerts
from bot.errors import PermanentError, TemporaryError
from bot.models import Clock, Destination
from bot.ports import Store

log = logging.getLogger(__name__)

PROBE_INTERVAL = timedelta(hours=1)  # what is refused costs a call and tells nobody anything


class DeliveryMode(StrEnum):
    DESTINATION = "destination"  #: anything at all: the robot is not in the group, the id is wrong
    CARD = "card"  #: an interactive card
    MESSAGE = "message"  #: a markdown message of the app's robot, or a work notification


class CircuitBreaker:
    """Remembers which destinations refuse cards or messages (scope, template, robot not in the group), tries
    again from time to time, and tells the operators of both turns once."""

    def __init__(self, store: Store, notices: OperatorAlerts, *, clock: Clock) -> None:
        self._store = store
        self._notices = notices
        self._clock = clock
        self._probing = asyncio.Lock()  # many runs end at once, and one of them probes

    @asynccontextmanager
    async def guard(
        self, destination: Destination, job_id: str, *, requested: bool = False
    ) -> AsyncIterator[None]:
        """Stand around whatever one job sends to a destination.

        After a fault of set-up nothing is asked of the other side for an hour: raises `PermanentError` at
        once. Then one job may try, also several times; when it is taken, everybody may. What a person
        `requested` is tried at once: it may have been set right.
        """
        async with self._probing:
            fall = await self._admit(destination, job_id, requested=requested)
        try:
            yield
        except PermanentError as error:
            if not error.setup_fault:
                raise
            if not _concerns(error.setup_fault, destination):
                raise PermanentError(str(error), code=error.code, content=error.content) from error
            await self.record_failure(
                DeliveryMode.DESTINATION, destination, str(error), fault=error.setup_fault
            )
            raise
        if fall:
            await self.record_success(DeliveryMode.DESTINATION, destination)

    async def _admit(self, destination: Destination, job_id: str, *, requested: bool) -> dict[str, str]:
        """Let a job pass; the fall that it probes, if there is one."""
        fall, now = await self._fall(DeliveryMode.DESTINATION, destination), self._clock()
        if not fall or fall.get("probe") == job_id:
            return fall
        if not requested and now - datetime.fromisoformat(fall["last"]) < PROBE_INTERVAL:
            raise PermanentError(fall["why"], setup_fault=fall["fault"])
        fall |= {"last": now.isoformat(), "probe": job_id}
        await self._keep(DeliveryMode.DESTINATION, destination, fall)
        return fall

    async def is_closed(self, step: DeliveryMode, destination: Destination) -> bool:
        """False while this was refused for good lately."""
        fall = await self._fall(step, destination)
        return not fall or self._clock() - datetime.fromisoformat(fall["last"]) >= PROBE_INTERVAL

    async def record_failure(
        self, step: DeliveryMode, destination: Destination, why: str, *, fault: str = ""
    ) -> None:
        """It was refused for good; `fault` is what somebody has to set right."""
        now = self._clock().isoformat()
        fall = await self._fall(step, destination) or {"since": now}
        fall |= {"last": now, "why": why, "fault": fault, "probe": ""}
        await self._keep(step, destination, fall)
        cause = f"fell:{step}:{destination}:{fall['since']}"
        values = {"destination": str(destination), "why": why}
        if fault:
            await self._notices.alert(cause, "destination_unreachable", fault=fault, **values)
        else:
            await self._notices.alert(cause, "channel_fell", step=step.value, **values)

    async def record_success(self, step: DeliveryMode, destination: Destination) -> None:
        """It was taken. A store that fails now must not make the caller send it again."""
        try:
            await self._heal(step, destination)
        except TemporaryError as error:
            log.warning("that %s reach %s again is not kept yet: %s", step, destination, error)

    async def _heal(self, step: DeliveryMode, destination: Destination) -> None:
        fall = await self._fall(step, destination)
        if fall:
            await self._store.set_value(_key(step, destination), "")
            cause = f"healed:{step}:{destination}:{fall['since']}"
            await self._notices.alert(cause, "channel_healed", destination=str(destination), step=step.value)

    async def _keep(self, step: DeliveryMode, destination: Destination, fall: dict[str, str]) -> None:
        await self._store.set_value(_key(step, destination), json.dumps(fall, ensure_ascii=False))

    async def _fall(self, step: DeliveryMode, destination: Destination) -> dict[str, str]:
        found: dict[str, str] = json.loads(await self._store.find_value(_key(step, destination)) or "{}")
        return found


def _concerns(fault: str, destination: Destination) -> bool:
    """Return whether a fault is the destination's own: in a group, a wrong person is only mentioned."""
    return destination.is_person or fault != "wrong_person"


def _key(step: DeliveryMode, destination: Destination) -> str:
    return f"fallen:{step}:{destination}"
