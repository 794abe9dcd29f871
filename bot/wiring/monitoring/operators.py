"""Build the ways to the operators, and the monitor of what they are told of."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot.config.settings import Settings
from bot.delivery.incidents.disk import DiskProbe
from bot.delivery.incidents.monitor import IncidentMonitor, Probe, Symptoms
from bot.delivery.incidents.quota import QuotaProbe
from bot.delivery.incidents.records import IncidentRecords
from bot.delivery.incidents.store_outage import StoreOutage
from bot.messengers.apprise_urls import AppriseUrls
from bot.messengers.dingtalk.stream import StreamConnection
from bot.models import QuotaKind
from bot.ports import Engine, LastResort
from bot.stores.sqlite.store import sqlite_path
from bot.wiring.services import Adapters, Services

STREAM_PATIENCE = timedelta(minutes=5)
KEY_PATIENCE = timedelta(minutes=2)  # DingTalk has rejected them twice by then
ENGINE_PATIENCE = timedelta(minutes=10)
WORKER_PATIENCE = timedelta(minutes=5)
AT_ONCE = timedelta()


def build_last_resort(settings: Settings) -> LastResort | None:
    """Build what tells the operators without DingTalk. Raises `ConfigError`."""
    urls = [each.get_secret_value() for each in settings.notify.operator_urls]
    return AppriseUrls(urls) if urls else None


def build_incident_monitor(
    settings: Settings, adapters: Adapters, services: Services, streams: Mapping[str, StreamConnection]
) -> IncidentMonitor:
    """Build the monitor of everything that this service depends on."""
    stores, clock, owner = adapters.stores, adapters.clock, adapters.owner
    probes = [
        *_stream_probes(streams),
        *_engine_probes(adapters.engine),
        *_quota_probes(services),
        *_exporter_probes(adapters),
        Probe(
            part="disk",
            check=DiskProbe(_folders(settings)).check,
            patience=AT_ONCE,
            opened="disk_full",
            closed="disk_freed",
        ),
    ]
    return IncidentMonitor(
        probes,
        services.operator_alerts,
        IncidentRecords(stores.documents, owner=owner),
        store_outage=StoreOutage(
            stores.store, stores.reservations, services.operator_alerts, clock=clock, owner=owner
        ),
        clock=clock,
    )


def _folders(settings: Settings) -> list[Path]:
    """Return the folders that must not run out of space."""
    url = settings.store.url
    database = [] if url.startswith("mongodb") else [Path(sqlite_path(url)).parent]
    return [Path(settings.reports.dir), *database]


def _stream_probes(streams: Mapping[str, StreamConnection]) -> Iterator[Probe]:
    for name, stream in streams.items():
        yield Probe(
            part=f"stream {name}".strip(),
            name=name,
            check=partial(_check_connection, stream),
            patience=STREAM_PATIENCE,
            opened="stream_down",
            closed="stream_up",
        )
        yield Probe(
            part=f"key {name}".strip(),
            name=name,
            check=partial(_check_key, stream),
            patience=KEY_PATIENCE,
            opened="key_refused",
            closed="key_accepted",
        )


async def _check_connection(stream: StreamConnection, is_open: bool) -> Symptoms | None:
    if stream.connected.is_set():
        return None
    told_as_key = stream.refusal and not is_open  # but only a connection ends what was told of the Stream
    return None if told_as_key else {"why": "not connected"}


async def _check_key(stream: StreamConnection, is_open: bool) -> Symptoms | None:
    if stream.refusal:
        return {"why": stream.refusal}
    undecided = is_open and not stream.connected.is_set()  # only a connection proves that it is accepted
    return {"why": "not connected"} if undecided else None


def _engine_probes(engine: Engine) -> Iterator[Probe]:
    for name, part in engine.parts.items():
        yield Probe(
            part=f"engine {name}".strip(),
            name=name,
            check=partial(_check_by_error, part.schedules),
            patience=ENGINE_PATIENCE,
            opened="engine_out",
            closed="engine_back",
        )


def _quota_probes(services: Services) -> Iterator[Probe]:
    for kind in QuotaKind:
        yield Probe(
            part=f"quota {kind}",
            name=kind.value,
            check=QuotaProbe(services.governor, kind).check,
            patience=AT_ONCE,
            opened="quota_short",
            closed="quota_enough",
        )


def _exporter_probes(adapters: Adapters) -> Iterator[Probe]:
    phrases = {"broker": ("broker_out", "broker_back"), "worker": ("no_worker", "worker_back")}
    for name, probe in adapters.exporter.probes().items():
        opened, closed = phrases[name]
        yield Probe(
            part=name,
            check=partial(_check_by_error, probe),
            patience=WORKER_PATIENCE,
            opened=opened,
            closed=closed,
        )


async def _check_by_error(probe: Callable[[], Awaitable[object]], is_open: bool) -> None:
    """Examine a part whose probe raises `DingRunError` while it does not work."""
    await probe()
