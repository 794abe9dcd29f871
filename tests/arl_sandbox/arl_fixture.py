"""A fake ARL with DingRun's engine connected, with or without its database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import aiohttp
import pytest

from arl_sandbox import API_KEY, ZONE, ArlScheduler, FakeArl
from bot.cli.demo.arl_mongo import MongoMirror
from bot.engines.arl.api_reader import ApiReader
from bot.engines.arl.client import ArlClient
from bot.engines.arl.engine import ArlEngine, ArlOptions
from bot.engines.arl.mongo_reader import MongoReader
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.triggers import SETTLE_TIME
from bot.models import Schedule
from bot.mongo import Mongo
from tests.arl_sandbox.database import FakeClockDatabase
from tests.fakes import FakeClock
from tests.mongo_server import database_for

LIMIT = timedelta(hours=72)
LOOKED_BACK = timedelta(days=7)


@dataclass(kw_only=True)
class ArlFixture:
    """A fake ARL and the engine connected to it."""

    database: FakeClockDatabase
    arl: FakeArl
    scheduler: ArlScheduler
    engine: ArlEngine
    address: str  # of its database
    clock: FakeClock

    async def turn(self, seconds: float) -> None:
        """Advance the clock, after flushing ARL's writes to its database."""
        await self.database.flush()
        self.clock.turn(seconds=seconds)

    async def grace(self) -> None:
        """Poll the engine, then advance the clock past the grace period of run detection."""
        await self.database.flush()
        await self.engine.external_runs(self.clock() - LOOKED_BACK)
        await self.turn(SETTLE_TIME.total_seconds() + 1)


def loud(schedule: Schedule) -> Schedule:
    return replace(schedule, notify_enable=True)


@asynccontextmanager
async def open_arl_fixture(
    clock: FakeClock, config: pytest.Config | None, *, fork: bool = False
) -> AsyncIterator[ArlFixture]:
    """Open the fixture. With `config`, the engine reads a real database, otherwise only the API."""
    async with AsyncExitStack() as stack:
        mongo, address = None, ""
        if config is not None:
            server = await stack.enter_async_context(database_for(config))
            address = server.address
            mongo = Mongo(address)
            stack.push_async_callback(mongo.close)
        database = FakeClockDatabase(clock, MongoMirror(mongo) if mongo else None)
        arl = await stack.enter_async_context(FakeArl(database=database, fork=fork))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        wire = ArlClient(session, url=arl.url, api_key=API_KEY)
        reads: ArlReader = MongoReader(mongo) if mongo else ApiReader(wire, clock=clock)
        ways = ArlOptions(with_recipients=loud, zone=ZONE, task_limit=LIMIT)
        engine = ArlEngine(wire, reads, options=ways, clock=clock)
        scheduler = ArlScheduler(database, fork=arl.fork)
        yield ArlFixture(
            database=database, arl=arl, scheduler=scheduler, engine=engine, address=address, clock=clock
        )
