"""A core with the API, over a real socket."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.api.admission import Admission
from bot.api.audit import ApiAudit
from bot.api.commands import CommandRoutes
from bot.api.documentation import Documentation
from bot.api.events.routes import EventRoutes
from bot.api.gate import Gate
from bot.api.idempotency import Idempotency
from bot.api.keys import ApiKey, KeyKind, KeyRing, Scope, digest_key
from bot.api.openapi import build_document
from bot.api.operations import Operation
from bot.api.pings import Pings
from bot.api.runs import RunRoutes, RunServices
from bot.api.schedules import ScheduleRoutes, ScheduleServices
from bot.api.uploads.assets import AssetRoutes
from bot.api.uploads.files import FileRoutes
from bot.audit.log import AuditLog
from bot.external.models import ExternalSchedule
from bot.telemetry.metrics import Metrics
from bot.web.guard import AdminGuard
from bot.web.server import application
from bot.wiring.api import PATHS
from bot.wiring.stores import StoreSet
from tests.conftest import CoreHarness
from tests.external.harness import Reported

PING, TOKEN, READER = "drp_ping-key-of-tests", "drt_token-of-tests", "drt_token-that-only-reads"
HOOKS = "drp_key-of-hooks-in-tests"
Client = TestClient[web.Request, web.Application]


def api_key(name: str, text: str, kind: KeyKind = KeyKind.PING, **changes: Any) -> ApiKey:
    return ApiKey(name=name, kind=kind, digest=digest_key(text), **changes)


HOOK_SECRET = b"secret of the hooks"
SIGNED = "drp_key-of-signed-hooks"
KEYS = (
    api_key("signed", SIGNED, secret=HOOK_SECRET),
    api_key("hooks", HOOKS),
    api_key("ping", PING, slugs=("backup-*",)),
    api_key("ci", TOKEN, KeyKind.TOKEN, scopes=frozenset(Scope)),
    api_key("reader", READER, KeyKind.TOKEN, scopes=frozenset({Scope.READ})),
)


class ApiHarness(Reported):
    """The API of a core, and what reaches the group."""

    def __init__(
        self,
        core: CoreHarness,
        stores: StoreSet,
        *schedules: ExternalSchedule,
        create: bool = False,
        limit: int = 1_000,
        limits: Any = None,  # instead of those of the store
    ) -> None:
        super().__init__(core, stores, *schedules, limit=limit)
        self.metrics = Metrics()
        gate = Gate(KeyRing(KEYS), limits or stores.quota, clock=core.clock, metrics=self.metrics)
        self.admission = Admission(
            self.records.schedules, core.notices, create=create, limit=limit, clock=core.clock
        )
        events = EventRoutes(gate, self.admission, self.reports)
        self.operations = [*self._operations(core, stores), *events.operations()]
        routes = [
            *events.routes(),
            *Pings(gate, self.admission, self.reports).routes(),
            *Documentation(self.operations).routes(),
            *(operation.route(gate) for operation in self.operations),
        ]
        self.app = application(routes, AdminGuard(own_paths=PATHS))

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return dict(build_document(self.operations))

    def _operations(self, core: CoreHarness, stores: StoreSet) -> Sequence[Operation]:
        idempotency = Idempotency(stores.documents, clock=core.clock)
        audit = AuditLog(stores.audit, clock=core.clock, keep=timedelta(days=1))
        runs = RunRoutes(
            RunServices(
                store=core.store,
                records=self.records,
                reports=self.reports,
                admission=self.admission,
                idempotency=idempotency,
                clock=core.clock,
            )
        )
        services = ScheduleServices(
            schedules=self.records.schedules,
            engine=core.engine,
            runs=core.runs,
            starts=core.context.guards.starts,
            approvals=core.context.guards.approvals,
            admission=self.admission,
            idempotency=idempotency,
            audit=ApiAudit(audit),
            rerun_hosts={"jenkins.example.com"},
            clock=core.clock,
        )
        commands = CommandRoutes(self.records.commands, self.reports, clock=core.clock)
        assets = AssetRoutes(runs, self.reports, self.records.schedules, stores.tasks)
        return [
            *runs.operations(),
            *ScheduleRoutes(services, runs).operations(),
            *commands.operations(),
            *assets.operations(),
            *FileRoutes(runs, self.reports, core.reports).operations(),
        ]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Serve the API."""
        server = TestServer(self.app)
        await server.start_server(auto_decompress=False)
        async with TestClient(server) as client:
            yield client


def bearer(token: str = TOKEN) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}
