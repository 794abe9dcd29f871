"""Alert the operators of an engine that cannot be asked: what its schedules miss meanwhile is not known."""

from datetime import datetime, timedelta

from bot.delivery.operator_alerts import OperatorAlerts
from bot.errors import DingRunError
from bot.models import Clock
from bot.ports import Engine, Store
from bot.telemetry.loops import loop_item

OUTAGE_AFTER = timedelta(minutes=10)


class EngineOutages:
    """Asks every engine for its schedules. Operators are alerted when one is out, and when it is back.

    The begin of an outage that was alerted is in the store, so that all bots alert the same one. A bot alerts
    an outage once, also if another one, which reaches the engine, has declared it over.
    """

    def __init__(self, engine: Engine, alerts: OperatorAlerts, store: Store, *, clock: Clock) -> None:
        self._engine = engine
        self._alerts = alerts
        self._store = store
        self._clock = clock
        self._failing_since: dict[str, datetime] = {}  # by the name of the engine
        self._alerted: set[str] = set()  # names of engines that are still out

    async def check(self) -> None:
        """Ask every engine once."""
        for name, engine in self._engine.parts.items():
            with loop_item("engine outages"):
                error = await _error_of(engine)
                if error:
                    await self._failed(name, error)
                else:
                    await self._answered(name)

    async def _failed(self, name: str, error: str) -> None:
        now = self._clock()
        since = self._failing_since.setdefault(name, now)
        if name in self._alerted or now - since < OUTAGE_AFTER:
            return
        outage = await self._store.find_value(_key(name))
        if not outage:
            outage = now.isoformat(timespec="minutes")
            await self._store.set_value(_key(name), outage)
        await self._alerts.alert(f"engine_out:{name}:{outage}", "engine_out", name=name, why=error)
        self._alerted.add(name)

    async def _answered(self, name: str) -> None:
        self._failing_since.pop(name, None)
        self._alerted.discard(name)
        outage = await self._store.find_value(_key(name))
        if outage:
            await self._alerts.alert(f"engine_back:{name}:{outage}", "engine_back", name=name)
            await self._store.set_value(_key(name), "")


async def _error_of(engine: Engine) -> str:
    try:
        await engine.schedules()
    except DingRunError as error:
        return str(error)
    return ""


def _key(name: str) -> str:
    return f"engine_out:{name}"
