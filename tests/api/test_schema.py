"""Generated requests to every operation: each answer is as `openapi.json` says."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import sqlite_stores
from tests.api.harness import ApiHarness, bearer
from tests.conftest import CoreHarness
from tests.fakes import FakeClock

EXAMPLES = 20  # for each operation
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@schemathesis.serializer("application/x-ndjson")
def as_lines(ctx: object, value: Any) -> bytes:
    """Send generated text or bytes as they are."""
    data = getattr(value, "data", value)
    return data if isinstance(data, bytes) else str(data).encode(errors="replace")


class FreeLimits:
    """A rate limiter that never limits."""

    async def acquire(self, limiter: str, capacity: int, now: datetime, span: timedelta) -> None:
        return None


class ServedApi:
    """The API in a thread of its own, as schemathesis asks in a blocking way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.url = ""
        self.document: dict[str, Any] = {}

    def __enter__(self) -> "ServedApi":
        self._thread.start()
        assert self._ready.wait(timeout=20)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(timeout=20)
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        store = SqliteStore(self._folder / "schema.db")
        await store.open()
        core = CoreHarness(store=store, clock=FakeClock(), folder=self._folder / "reports")
        api = ApiHarness(core, sqlite_stores(store), create=True, limits=FreeLimits())
        async with TestServer(api.app) as server:
            self.url, self.document = str(server.make_url("")).rstrip("/"), api.document()
            self._ready.set()
            await self._stopped.wait()
        await store.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedApi]:
    with ServedApi(tmp_path) as api:
        yield api


def test_every_answer_is_as_the_document_says(served: ServedApi) -> None:
    schema = schemathesis.openapi.from_dict(served.document)
    for operation in schema.get_all_operations():
        assert isinstance(operation, Ok)
        found = operation.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=found.as_strategy())
        def ask(case: Any) -> None:
            case.query = {name: value for name, value in (case.query or {}).items() if name != "wait"}
            case.call_and_validate(base_url=served.url, headers=dict(bearer()), checks=CHECKS, timeout=20)

        ask()
