"""Build the API, if there are keys for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.api.admission import Admission
from bot.api.audit import ApiAudit
from bot.api.commands import CommandRoutes
from bot.api.documentation import Documentation
from bot.api.events.routes import EventRoutes
from bot.api.gate import Gate
from bot.api.idempotency import Idempotency
from bot.api.keys import ApiKey, KeyKind, KeyRing, Scope, digest_key
from bot.api.operations import Operation
from bot.api.pings import Pings
from bot.api.runs import RunRoutes, RunServices
from bot.api.schedules import ScheduleRoutes, ScheduleServices
from bot.api.uploads.assets import AssetRoutes
from bot.api.uploads.files import FileRoutes
from bot.config.api.settings import HASH_PREFIX, ApiKeySettings
from bot.config.settings import Settings
from bot.ports import Engine
from bot.telemetry.metrics import Metrics
from bot.wiring.services import Services
from bot.wiring.stores import StoreSet

PATHS = ("/ping/", "/v1/", "/api/v1/")  # below which the API answers


@dataclass(frozen=True, kw_only=True)
class ApiAdapters:
    """The adapters that the API uses besides the services."""

    stores: StoreSet
    engine: Engine
    metrics: Metrics


def build_api_routes(settings: Settings, adapters: ApiAdapters, services: Services) -> Sequence[web.RouteDef]:
    """Build the routes of the API. Without keys there are none."""
    if not settings.api.keys:
        return ()
    gate = Gate(
        build_keys(settings),
        adapters.stores.quota,
        clock=services.jobs.clock,
        metrics=adapters.metrics,
        proxies=settings.web.proxies,
    )
    admission = build_admission(settings, services)
    events = EventRoutes(gate, admission, services.run_reports)
    operations = [*build_operations(settings, adapters, services, admission), *events.operations()]
    return [
        *events.routes(),
        *Pings(gate, admission, services.run_reports).routes(),
        *Documentation(operations).routes(),
        *(operation.route(gate) for operation in operations),
    ]


def build_admission(settings: Settings, services: Services) -> Admission:
    """Build what decides which schedules come into being."""
    api = settings.api
    return Admission(
        services.external.schedules,
        services.operator_alerts,
        create=api.create,
        limit=api.max_schedules,
        clock=services.jobs.clock,
    )


def build_operations(
    settings: Settings, adapters: ApiAdapters, services: Services, admission: Admission
) -> Sequence[Operation]:
    """Build the operations of the JSON API."""
    clock, records, stores = services.jobs.clock, services.external, adapters.stores
    idempotency = Idempotency(stores.documents, clock=clock)
    runs = RunRoutes(
        RunServices(
            store=stores.store,
            records=records,
            reports=services.run_reports,
            admission=admission,
            idempotency=idempotency,
            clock=clock,
        )
    )
    schedules = ScheduleServices(
        schedules=records.schedules,
        engine=adapters.engine,
        runs=services.runs,
        starts=services.context.guards.starts,
        approvals=services.context.guards.approvals,
        admission=admission,
        idempotency=idempotency,
        audit=ApiAudit(services.audit_log, proxies=settings.web.proxies),
        rerun_hosts=frozenset(settings.api.rerun_hosts),
        clock=clock,
    )
    return [
        *runs.operations(),
        *ScheduleRoutes(schedules, runs).operations(),
        *AssetRoutes(runs, services.run_reports, records.schedules, stores.tasks).operations(),
        *FileRoutes(runs, services.run_reports, services.reports).operations(),
        *CommandRoutes(records.commands, services.run_reports, clock=clock).operations(),
    ]


def build_keys(settings: Settings) -> KeyRing:
    """Build the keys of the settings. Only their hashes are kept."""
    return KeyRing([_key(name, each) for name, each in settings.api.keys.items()])


def _key(name: str, given: ApiKeySettings) -> ApiKey:
    text = given.key.get_secret_value()
    hashed = text.removeprefix(HASH_PREFIX)
    return ApiKey(
        name=name,
        kind=KeyKind(given.kind),
        digest=bytes.fromhex(hashed) if text.startswith(HASH_PREFIX) else digest_key(text),
        slugs=given.slugs,
        scopes=frozenset(map(Scope, given.scopes)),
        secret=given.secret.get_secret_value().encode() if given.secret else b"",
    )
