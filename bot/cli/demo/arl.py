"""The fake ARL of `dingrun demo --engine arl`. It starts runs by itself and finds assets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from arl_sandbox import (
    API_KEY,
    ZONE,
    ArlDatabase,
    ArlScheduler,
    DocumentMirror,
    FakeArl,
    StagePace,
    Timeline,
    Worker,
)
from bot.errors import ConfigError, missing_extra
from bot.runtime import utc_now

DAILY, AGAIN = "每日资产扫描", "边界资产复查"
FLAKY_TARGET = "portal.yunshan.example.com"  # its tasks fail at every odd try
TEMPO = StagePace(stage=0.25, gap=0.2, idle=0.2)  # seconds; a real one takes hours
DATABASE = "arl_demo"
SCHEMES = ("mongodb://", "mongodb+srv://")


@asynccontextmanager
async def run_arl(mongo_uri: str, stop: asyncio.Event) -> AsyncIterator[FakeArl]:
    """Run a fake ARL whose first schedule has just fired. Sets `stop` if it fails."""
    async with AsyncExitStack() as stack:
        mirror = await stack.enter_async_context(_mirror(mongo_uri)) if mongo_uri else None
        world = ArlDatabase(utc_now, mirror)
        plan(world)
        arl = await stack.enter_async_context(FakeArl(database=world))
        worker = Worker(world, pace=TEMPO)
        worker.flaky_targets.add(FLAKY_TARGET)
        timeline = Timeline(world, asyncio.sleep)
        scheduler = ArlScheduler(world)
        timeline.add(scheduler.run_pass())
        await timeline.run_to_end()  # the service, when it looks first, sees a run that is whole and not over
        timeline.add(scheduler.loop(), worker.slot(), worker.slot())
        living = asyncio.create_task(timeline.run_to_end(), name="the fake ARL")
        living.add_done_callback(lambda _: stop.set())
        try:
            yield arl
        finally:
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living


def plan(world: ArlDatabase) -> None:
    """Add a schedule that is due at once, and one every five minutes that fires first in one or two.

    ARL rejects new schedules that are so frequent, but runs one that exists.
    """
    now = world.clock().astimezone(ZONE)
    soon = now + timedelta(minutes=1)
    targets = "192.0.2.10 192.0.2.16/30 yunshan.example.com shop.yunshan.example.com"
    world.add_schedule(DAILY, targets, cron=f"{soon.minute} {soon.hour} * * *")
    first = (now.minute + 2) % 5
    world.add_schedule(AGAIN, f"203.0.113.8 {FLAKY_TARGET}", cron=f"{first}-59/5 * * * *")


def settings_for(arl: FakeArl, mongo_uri: str, group: str) -> Mapping[str, Any]:
    """Return the settings for this ARL, with routes: its schedules do not notify by default."""
    reads = {"mongo_uri": mongo_uri, "mongo_db": DATABASE} if mongo_uri else {}
    told = [{"to": f"group:{group}", "notify_on": "always"}]
    return {
        "engine": {"kind": "arl", "url": arl.url, "api_key": API_KEY} | reads,
        "notify": {"routes": {DAILY: told, AGAIN: told}},
    }


@asynccontextmanager
async def _mirror(uri: str) -> AsyncIterator[DocumentMirror]:
    """Open the database of the fake ARL and clear it at the end. Raises `ConfigError` if it holds an ARL."""
    try:
        from bot.cli.demo.arl_mongo import MongoMirror  # noqa: PLC0415 - an extra
        from bot.mongo import Mongo  # noqa: PLC0415
    except ImportError:
        raise missing_extra("--arl-mongo", "mongo") from None
    if not uri.startswith(SCHEMES):
        raise ConfigError("--arl-mongo takes mongodb://HOST:PORT/DATABASE")
    mongo = Mongo(uri, setting="--arl-mongo", database=DATABASE)
    try:
        await mongo.open()
        mirror = MongoMirror(mongo)
        if await mirror.holds_an_arl():
            raise ConfigError(f"--arl-mongo: the database {mongo.name} holds an ARL; name an empty one")
        try:
            yield mirror
        finally:
            await mirror.clear()
    finally:
        await mongo.close()
