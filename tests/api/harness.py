"""A core with the API, over a real socket."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.api.admission import Admission
from bot.api.gate import Gate
from bot.api.keys import ApiKey, KeyKind, KeyRing, Scope, digest_key
from bot.api.pings import Pings
from bot.external.models import ExternalSchedule
from bot.telemetry.metrics import Metrics
from bot.web.guard import AdminGuard
from bot.web.server import application
from bot.wiring.api import PATHS
from bot.wiring.stores import StoreSet
from tests.conftest import CoreHarness
from tests.external.harness import Reported

PING, TOKEN, READER = "drp_ping-key-of-tests", "drt_token-of-tests", "drt_token-that-only-reads"
Client = TestClient[web.Request, web.Application]


def api_key(name: str, text: str, kind: KeyKind = KeyKind.PING, **changes: Any) -> ApiKey:
    return ApiKey(name=name, kind=kind, digest=digest_key(text), **changes)


KEYS = (
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
    ) -> None:
        super().__init__(core, stores, *schedules, limit=limit)
        self.metrics = Metrics()
        gate = Gate(KeyRing(KEYS), stores.quota, clock=core.clock, metrics=self.metrics)
        admission = Admission(
            self.records.schedules, core.notices, create=create, limit=limit, clock=core.clock
        )
        routes = Pings(gate, admission, self.reports).routes()
        self.app = application(routes, AdminGuard(own_paths=PATHS))

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with TestClient(TestServer(self.app), headers=self.headers()) as client:
            yield client

    def headers(self) -> Mapping[str, str]:
        return {}
