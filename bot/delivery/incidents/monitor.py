"""Tell the operators of parts of the service that do not work, once each, and once when they work again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.delivery.incidents.records import Incident, IncidentRecords
from bot.delivery.incidents.store_outage import StoreOutage
from bot.delivery.operator_alerts import OperatorAlerts
from bot.errors import DingRunError
from bot.models import Clock
from bot.telemetry.loops import loop_item, loop_step

MAX_PROBE_SECONDS = 30.0

Symptoms = Mapping[str, object]
"""JSON values of the phrase that tells of an incident."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Examination of one part of the service.

    - `check` gets True if an incident of the part is open, so that a value near a limit does not open and
      close it again and again. It returns None if the part works. A `DingRunError` that it raises is a
      symptom, `why`.
    - `patience`: how long the symptoms last before it is an incident.
    - `opened` and `closed` name the phrases (`cards/phrases/incidents.yaml`), which get `name`.
    """

    part: str
    name: str = ""  # of the engine or the app, if there are several
    check: Callable[[bool], Awaitable[Symptoms | None]]
    patience: timedelta
    opened: str
    closed: str


@dataclass(frozen=True, kw_only=True)
class PartState:
    """Finding of the last probe of a part."""

    works: bool
    why: str = ""
    checked_at: datetime


class IncidentMonitor:
    """Probes the parts at an interval. Several bots on a store tell each incident together once."""

    def __init__(
        self,
        probes: Sequence[Probe],
        alerts: OperatorAlerts,
        records: IncidentRecords,
        *,
        store_outage: StoreOutage,
        clock: Clock,
    ) -> None:
        self.probes = probes
        self._alerts = alerts
        self._records = records
        self._store_outage = store_outage
        self._clock = clock
        self._symptoms_since: dict[str, datetime] = {}
        self._open: set[str] = set()  # parts with an open incident, as of the last check
        self._told: dict[str, datetime] = {}  # when the incidents that this bot has told were opened
        self.states: dict[str, PartState] = {}

    async def run(self, interval_seconds: float) -> None:
        """Check at an interval until cancelled."""
        while True:
            with loop_step("incidents"):
                await self.check()
            await asyncio.sleep(interval_seconds)

    def lasting(self, span: timedelta) -> Mapping[str, str]:
        """Return the parts that have not worked for so long, and why."""
        now = self._clock()
        return {part: self.states[part].why for part, at in self._symptoms_since.items() if now - at >= span}

    async def check(self) -> None:
        """Probe all parts once, and tell what has changed. While the store fails, only that is told."""
        store_error = await self._store_outage.check()
        self.states["store"] = PartState(works=not store_error, why=store_error, checked_at=self._clock())
        found: dict[str, Symptoms | None] = {}
        for probe in self.probes:
            with loop_item("incidents"):  # a probe with a bug tells nothing: its part stays as it was
                found[probe.part] = await self._probe(probe)
        if store_error:
            return
        open_incidents = await self._records.find_open()
        self._open = set(open_incidents)
        for probe in [each for each in self.probes if each.part in found]:
            with loop_item("incidents"):
                await self._settle(probe, found[probe.part], open_incidents.get(probe.part))

    async def _probe(self, probe: Probe) -> Symptoms | None:
        now, part = self._clock(), probe.part
        try:
            async with asyncio.timeout(MAX_PROBE_SECONDS):
                symptoms = await probe.check(part in self._open)
        except DingRunError as error:
            symptoms = {"why": str(error)}
        except TimeoutError:
            symptoms = {"why": f"no answer within {MAX_PROBE_SECONDS:.0f} s"}
        why = str((symptoms or {}).get("why", ""))
        self.states[part] = PartState(works=symptoms is None, why=why, checked_at=now)
        if symptoms is None:
            self._symptoms_since.pop(part, None)
        else:
            self._symptoms_since.setdefault(part, now)
        return symptoms

    async def _settle(self, probe: Probe, symptoms: Symptoms | None, incident: Incident | None) -> None:
        now = self._clock()
        if symptoms is None:
            if incident and await self._records.leave(incident, now):
                await self._tell("closed", probe, incident)
                await self._records.close(incident)
            return
        since = self._symptoms_since.get(probe.part, now)
        if incident is None and now - since < probe.patience:
            return
        incident = await self._records.open(probe.part, now)
        if self._told.get(probe.part) != incident.opened_at:
            await self._tell("opened", probe, incident, symptoms)
            self._told[probe.part] = incident.opened_at

    async def _tell(
        self, what: str, probe: Probe, incident: Incident, symptoms: Symptoms | None = None
    ) -> None:
        phrase = probe.closed if symptoms is None else probe.opened
        cause = f"{what}:{probe.part}:{incident.opened_at.isoformat()}"
        await self._alerts.alert(cause, phrase, **{**(symptoms or {}), "name": probe.name})
