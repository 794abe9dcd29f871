"""The engine that the settings name, with the connections it needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from zoneinfo import ZoneInfo

import aiohttp

from bot.address_policy import AddressPolicy
from bot.config.engine import EngineSettings
from bot.config.resolve import recipient_resolver, resolve_schedules
from bot.config.settings import Settings
from bot.engines.arl.api_reader import ApiReader
from bot.engines.arl.client import ArlClient
from bot.engines.arl.engine import ArlEngine, ArlOptions
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.trust import Trust, trust_file, trust_fingerprint
from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import LEASE, ProbeLimits
from bot.errors import missing_extra
from bot.models import Clock
from bot.ports import Engine, TaskStore
from bot.wiring.stores import clock_skew


@asynccontextmanager
async def open_engine(
    settings: Settings, tasks: TaskStore, *, clock: Clock, owner: str
) -> AsyncIterator[Engine]:
    """The engine of the settings, and its connections closed at the end."""
    if settings.engine.kind == "arl":
        async with open_arl(settings, clock=clock) as arl:
            yield arl
    else:
        yield build_embedded(settings, tasks, clock=clock, owner=owner)


def build_embedded(settings: Settings, tasks: TaskStore, *, clock: Clock, owner: str) -> EmbeddedEngine:
    engine = settings.engine
    limits = ProbeLimits(
        lease=LEASE + clock_skew(settings.store.url),
        tasks=engine.concurrency,
        connections=engine.connections,
        connect_timeout=engine.connect_timeout,
        http_timeout=engine.http_timeout,
        task_timeout=engine.task_timeout,
        max_hosts=engine.max_hosts,
        ports=tuple(engine.ports),
        policy=AddressPolicy.parse(engine.refuse),
    )
    return EmbeddedEngine(resolve_schedules(settings), tasks, limits=limits, clock=clock, owner=owner)


@asynccontextmanager
async def open_arl(settings: Settings, *, clock: Clock) -> AsyncIterator[ArlEngine]:
    """ARL's API by a session of its own; its database as well where the settings name it."""
    engine = settings.engine
    ways = ArlOptions(
        with_recipients=recipient_resolver(settings),
        zone=ZoneInfo(engine.timezone),
        limit=timedelta(seconds=engine.task_limit),
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        wire = ArlClient(
            session,
            url=engine.url,
            api_key=engine.api_key.get_secret_value() if engine.api_key else "",
            basic_auth=engine.basic_auth.get_secret_value() if engine.basic_auth else "",
            trust=build_trust(engine),
        )
        reads = build_reader(engine, wire, clock)
        try:
            yield ArlEngine(wire, reads, ways=ways, clock=clock)
        finally:
            await reads.close()


def build_trust(engine: EngineSettings) -> Trust:
    """Whose certificate is taken: one fingerprint's, those of one file, or what the system trusts."""
    if engine.fingerprint:
        return trust_fingerprint(engine.fingerprint)
    return trust_file(engine.ca_file) if engine.ca_file else Trust()


def build_reader(engine: EngineSettings, wire: ArlClient, clock: Clock) -> ArlReader:
    if engine.mongo_uri is None:
        return ApiReader(wire, clock=clock)
    try:
        from bot.engines.arl.mongo_reader import MongoReader  # noqa: PLC0415 - an extra
        from bot.mongo import Mongo  # noqa: PLC0415
    except ImportError:
        raise missing_extra("engine.mongo_uri", "mongo") from None
    uri = engine.mongo_uri.get_secret_value()
    return MongoReader(Mongo(uri, setting="engine.mongo_uri", database=engine.mongo_db))
