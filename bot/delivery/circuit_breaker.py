"""Skip a channel that rejected a message permanently, and probe it once an hour."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.delivery.operator_alerts import OperatorAlerts
from bot.errors import PermanentError, TemporaryError
from bot.models import Clock, Destination, RenderedCard
from bot.ports import Store
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

PROBE_INTERVAL = timedelta(hours=1)  # each probe costs a call


class DeliveryMode(StrEnum):
    DESTINATION = "destination"  #: anything at all: the robot is not in the group, or the id is wrong
    CARD = "card"  #: an interactive card
    MESSAGE = "message"  #: a markdown message of the app's robot, or a work notification


@dataclass(frozen=True, kw_only=True)
class _Refusals:
    """The refusals of a template so far. Bots that meet one at once agree on its number."""

    ended: int = 0  # how often it was accepted again
    last: datetime | None = None  # None = it is accepted


class CardTemplates:
    """Remembers, in the store, which card templates are refused, and sends by the public one meanwhile.

    Operators are told once when one is refused, and once when it is accepted again.
    """

    def __init__(self, store: Store, alerts: OperatorAlerts, *, clock: Clock) -> None:
        self._store = store
        self._alerts = alerts
        self._clock = clock

    async def choose(self, card: RenderedCard) -> RenderedCard:
        """Return the card as it is sent now: by its fallback within an hour after a refusal."""
        last = (await self._find(card.template_id)).last if card.fallback else None
        return card.by_fallback() if last and self._clock() - last < PROBE_INTERVAL else card

    async def record_refusal(self, template_id: str, why: str) -> None:
        """Record that a template was refused, and that its fallback was accepted."""
        refusals = await self._find(template_id)
        cause = f"template:{template_id}:{refusals.ended}"
        await self._alerts.alert(cause, "template_refused", template=template_id, why=why)
        await self._store_refusals(template_id, replace(refusals, last=self._clock()))

    async def record_success(self, card: RenderedCard) -> None:
        """Record that a card was accepted. A store error is only logged, so that nothing is sent twice."""
        try:
            refusals = await self._find(card.template_id) if card.fallback else _Refusals()
            if refusals.last:
                cause = f"template_accepted:{card.template_id}:{refusals.ended}"
                await self._alerts.alert(cause, "template_accepted", template=card.template_id)
                await self._store_refusals(card.template_id, _Refusals(ended=refusals.ended + 1))
        except TemporaryError as error:
            log.warning("card template %s stays refused: %s", card.template_id, error)

    async def _find(self, template_id: str) -> _Refusals:
        kept = json.loads(await self._store.find_value(_template_key(template_id)) or "{}")
        last = kept.get("last")
        return _Refusals(ended=kept.get("ended", 0), last=datetime.fromisoformat(last) if last else None)

    async def _store_refusals(self, template_id: str, refusals: _Refusals) -> None:
        kept = {"ended": refusals.ended, "last": refusals.last.isoformat() if refusals.last else ""}
        await self._store.set_value(_template_key(template_id), json.dumps(kept))


class CircuitBreaker:
    """Remembers, in the store, which destinations reject cards or messages.

    Operators are alerted once when it opens and once when it closes.
    """

    def __init__(self, store: Store, alerts: OperatorAlerts, *, clock: Clock) -> None:
        self._store = store
        self._alerts = alerts
        self._clock = clock
        self.templates = CardTemplates(store, alerts, clock=clock)
        self._probing = asyncio.Lock()  # many runs end at the same time, and only one of them probes

    @asynccontextmanager
    async def guard(
        self, destination: Destination, job_id: str, *, requested: bool = False
    ) -> AsyncIterator[None]:
        """Guard everything that one job sends to a destination.

        - After a set-up fault, raises `PermanentError` at once for an hour.
        - After that hour one job probes, in as many attempts as it needs. Its success closes the breaker.
        - What a person `requested` is sent at once, because the set-up may have been corrected.
        """
        async with self._probing:
            failure = await self._check(destination, job_id, requested=requested)
        try:
            yield
        except PermanentError as error:
            if not error.setup_fault:
                raise
            if not _affects(error.setup_fault, destination):
                raise PermanentError(str(error), code=error.code, content=error.content) from error
            await self.record_failure(
                DeliveryMode.DESTINATION, destination, str(error), fault=error.setup_fault
            )
            raise
        if failure:
            await self.record_success(DeliveryMode.DESTINATION, destination)

    async def _check(self, destination: Destination, job_id: str, *, requested: bool) -> dict[str, str]:
        """Return the stored failure that the job probes, or {}. Raises `PermanentError` while it is open."""
        failure, now = await self._find_failure(DeliveryMode.DESTINATION, destination), self._clock()
        if not failure or failure.get("probe") == job_id:
            return failure
        if not requested and now - datetime.fromisoformat(failure["last"]) < PROBE_INTERVAL:
            raise PermanentError(failure["why"], setup_fault=failure["fault"])
        failure |= {"last": now.isoformat(), "probe": job_id}
        await self._store_failure(DeliveryMode.DESTINATION, destination, failure)
        return failure

    async def is_closed(self, mode: DeliveryMode, destination: Destination) -> bool:
        """Return whether a mode may be used: it was not rejected within the last hour."""
        failure = await self._find_failure(mode, destination)
        return not failure or self._clock() - datetime.fromisoformat(failure["last"]) >= PROBE_INTERVAL

    async def record_failure(
        self, mode: DeliveryMode, destination: Destination, why: str, *, fault: str = ""
    ) -> None:
        """Open the breaker of a mode after a permanent rejection. `fault` names a set-up fault."""
        now = self._clock().isoformat()
        failure = await self._find_failure(mode, destination)
        if not failure:
            count_rescue(Rescue.BREAKER_OPENED)
            failure = {"since": now}
        failure |= {"last": now, "why": why, "fault": fault, "probe": ""}
        await self._store_failure(mode, destination, failure)
        cause = f"fell:{mode}:{destination}:{failure['since']}"
        values = {"destination": str(destination), "why": why}
        if fault:
            await self._alerts.alert(cause, "destination_unreachable", fault=fault, **values)
        else:
            await self._alerts.alert(cause, "channel_fell", step=mode.value, **values)

    async def record_success(self, mode: DeliveryMode, destination: Destination) -> None:
        """Close the breaker of a mode. A store error is only logged, so that nothing is sent twice."""
        try:
            await self._close(mode, destination)
        except TemporaryError as error:
            log.warning("circuit breaker %s of %s could not be closed: %s", mode, destination, error)

    async def _close(self, mode: DeliveryMode, destination: Destination) -> None:
        failure = await self._find_failure(mode, destination)
        if failure:
            await self._store.set_value(_key(mode, destination), "")
            count_rescue(Rescue.BREAKER_CLOSED)
            cause = f"healed:{mode}:{destination}:{failure['since']}"
            await self._alerts.alert(cause, "channel_healed", destination=str(destination), step=mode.value)

    async def _store_failure(
        self, mode: DeliveryMode, destination: Destination, failure: dict[str, str]
    ) -> None:
        await self._store.set_value(_key(mode, destination), json.dumps(failure, ensure_ascii=False))

    async def _find_failure(self, mode: DeliveryMode, destination: Destination) -> dict[str, str]:
        found: dict[str, str] = json.loads(await self._store.find_value(_key(mode, destination)) or "{}")
        return found


def _affects(fault: str, destination: Destination) -> bool:
    """Return whether a fault affects the destination itself. A wrong person in a group is only a mention."""
    return destination.is_person or fault != "wrong_person"


def _key(mode: DeliveryMode, destination: Destination) -> str:
    return f"fallen:{mode}:{destination}"


def _template_key(template_id: str) -> str:
    return f"refused_template:{template_id}"
