"""Tell the operators that the store fails. No job can be stored then, so this is sent directly.

Bots on one store cannot agree while it is away. They agree before: one of them holds the reservation
`spokesman`, and the others remember that it is not theirs.
"""

import asyncio
from datetime import datetime, timedelta

from bot.delivery.operator_alerts import OperatorAlerts
from bot.errors import DingRunError
from bot.models import Clock, Reservation
from bot.ports import ReservationStore, Store

PATIENCE = timedelta(minutes=2)
MAX_STORE_SECONDS = 20.0
SPOKESMAN = "spokesman"
SPOKESMAN_TTL = timedelta(minutes=5)
PROBE_KEY = "probe"  # its value is the time of the last probe


class StoreOutage:
    """Probes the store by a write. The last outage is kept in memory only."""

    def __init__(
        self,
        store: Store,
        reservations: ReservationStore,
        alerts: OperatorAlerts,
        *,
        clock: Clock,
        owner: str,
    ) -> None:
        self._store = store
        self._reservations = reservations
        self._alerts = alerts
        self._clock = clock
        self._owner = owner
        self._speaks_until: datetime | None = None  # None: another bot tells
        self._failing_since: datetime | None = None
        self._told = False

    async def check(self) -> str:
        """Probe the store once. Returns its error, or ""."""
        if error := await self._error():
            await self._failed(error)
        else:
            await self._answered()
        return error

    async def _error(self) -> str:
        try:
            async with asyncio.timeout(MAX_STORE_SECONDS):
                await self._store.set_value(PROBE_KEY, self._clock().isoformat())
                await self._reserve()
        except TimeoutError:
            return "the store does not answer in time"
        except DingRunError as error:
            return str(error)
        return ""

    async def _reserve(self) -> None:
        """Become, or stay, the bot that tells of an outage, unless another one is."""
        now = self._clock()
        if self._speaks_until and self._speaks_until - now < SPOKESMAN_TTL / 2:
            await self._reservations.release(SPOKESMAN, self._owner)
        wanted = Reservation(key=SPOKESMAN, owner=self._owner, since=now, until=now + SPOKESMAN_TTL)
        valid = await self._reservations.reserve(wanted)
        self._speaks_until = valid.until if valid.owner == self._owner else None

    async def _failed(self, why: str) -> None:
        now = self._clock()
        since = self._failing_since = self._failing_since or now
        if self._told or now - since < PATIENCE or self._speaks_until is None:
            return
        self._told = await self._alerts.alert_directly(f"opened:{_cause(since)}", "store_out", why=why)

    async def _answered(self) -> None:
        if self._told and self._failing_since:
            await self._alerts.alert(f"closed:{_cause(self._failing_since)}", "store_back")
        self._failing_since, self._told = None, False


def _cause(since: datetime) -> str:
    return f"store:{since.isoformat()}"
