"""A fake ARL and the engine beside it, with or without its database."""

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
    """One ARL, and DingRun's engine beside it."""

    database: FakeClockDatabase
    arl: FakeArl
    scheduler: ArlScheduler
    engine: ArlEngine
    address: str  # of its database
    clock: FakeClock

    async def turn(self, seconds: float) -> None:
        """Let time pass; what ARL has written meanwhile is in its database then."""
        await self.database.flush()
        self.clock.turn(seconds=seconds)

    async def grace(self) -> None:
        """Look at what ARL has begun, and let so much time pass that no more can come of it."""
        await self.database.flush()
        await self.engine.external_runs(self.clock() - LOOKED_BACK)
        await self.turn(SETTLE_TIME.total_seconds() + 1)


def loud(schedule: Schedule) -> Schedule:
    return replace(schedule, notify_enable=True)


@asynccontextmanager
async def open_arl_fixture(
    clock: FakeClock, config: pytest.Config | None, *, fork: bool = False
) -> AsyncIterator[ArlFixture]:
    """With a `config` ARL's database is a real one and read; without, the API alone is used."""
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
