"""Fixtures of the fake ARL: its database on a fake clock, its processes and its API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from arl_sandbox import API_KEY, ArlScheduler, FakeArl, StagePace, Timeline, Worker
from tests.arl_sandbox.database import FakeClockDatabase
from tests.fakes import FakeClock

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A client of ARL's API with the API key."""

    arl: FakeArl
    session: aiohttp.ClientSession

    async def get(self, path: str, **query: str | int) -> Json:
        body: Json = await (await self.raw("GET", path, params=query)).json()
        return body

    async def post(self, path: str, **body: Any) -> Json:
        answer: Json = await (await self.raw("POST", path, json=body)).json()
        return answer

    async def raw(self, method: str, path: str, **parts: Any) -> aiohttp.ClientResponse:
        """Return the response without following redirects."""
        headers = parts.pop("headers", {"Token": API_KEY})
        url = f"{self.arl.url}/api{path}"
        answer = await self.session.request(method, url, headers=headers, allow_redirects=False, **parts)
        await answer.read()
        return answer

    async def status(self, method: str, path: str, **parts: Any) -> int:
        return (await self.raw(method, path, **parts)).status


@dataclass(frozen=True, kw_only=True)
class ArlProcesses:
    """ARL's processes on a fake clock."""

    database: FakeClockDatabase
    scheduler: ArlScheduler
    worker: Worker
    timeline: Timeline

    def task(self, id_: str) -> Json:
        return self.database.tables["task"][id_]


@pytest.fixture
def database(clock: FakeClock) -> FakeClockDatabase:
    return FakeClockDatabase(clock)


@pytest.fixture
async def caller(database: FakeClockDatabase, request: pytest.FixtureRequest) -> AsyncIterator[Caller]:
    """Open a client. `@pytest.mark.parametrize("caller", ["fork"], indirect=True)` selects the fork."""
    fork = getattr(request, "param", "") == "fork"
    async with FakeArl(database=database, fork=fork) as arl, aiohttp.ClientSession() as session:
        yield Caller(arl=arl, session=session)


def build_timeline(database: FakeClockDatabase) -> Timeline:
    async def sleep(seconds: float) -> None:
        database.clock.turn(seconds=seconds)

    return Timeline(database, sleep)


@pytest.fixture
def living(database: FakeClockDatabase) -> ArlProcesses:
    """Create ARL's processes. The two worker slots are started, the scheduler is not."""
    worker = Worker(database, pace=StagePace(stage=10, gap=1, idle=1))
    timeline = build_timeline(database)
    timeline.add(worker.slot(), worker.slot())
    return ArlProcesses(database=database, scheduler=ArlScheduler(database), worker=worker, timeline=timeline)
