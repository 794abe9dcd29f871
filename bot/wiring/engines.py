"""Builds the engine that the settings name, with the connections it needs.

A new engine adds its function here and a line to `ENGINES`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from bot.address_policy import AddressPolicy
from bot.config.api.settings import ExternalScheduleSettings, RerunSettings
from bot.config.engine import ArlSettings, EmbeddedSettings, EngineSection
from bot.config.resolve import expectation_resolver, recipient_resolver, reported_resolver, resolve_schedules
from bot.config.settings import Settings
from bot.engines.arl.api_reader import ApiReader
from bot.engines.arl.client import ArlClient
from bot.engines.arl.engine import ArlEngine, ArlOptions
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.trust import Trust, trust_file, trust_fingerprint
from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import TASK_LEASE, ProbeLimits
from bot.engines.external.engine import ExternalEngine
from bot.engines.external.sender import WebhookSender
from bot.engines.router import EngineRouter
from bot.errors import missing_extra
from bot.external.models import ExternalSchedule, RerunTarget
from bot.external.repository import Commands, ExternalRecords, ExternalRuns, ExternalSchedules
from bot.models import EXTERNAL, Clock
from bot.ports import Engine, TaskStore
from bot.wiring.stores import StoreSet, clock_skew


@dataclass(frozen=True, kw_only=True)
class EngineServices:
    """Services of the process that an engine may use."""

    tasks: TaskStore
    clock: Clock
    owner: str
    on_task_end: Callable[[], None] | None = None


@asynccontextmanager
async def open_engine(
    settings: Settings,
    stores: StoreSet,
    *,
    clock: Clock,
    owner: str,
    on_task_end: Callable[[], None] | None = None,
) -> AsyncIterator[Engine]:
    """Open the engines of the settings. Their connections are closed on leaving the context.

    `on_task_end` is called when a task has ended in this process.
    """
    services = EngineServices(tasks=stores.tasks, clock=clock, owner=owner, on_task_end=on_task_end)
    async with AsyncExitStack() as stack:
        opened = {
            name: await stack.enter_async_context(ENGINES[type(section)](settings, section, services))
            for name, section in settings.engine_sections.items()
        }
        if settings.api.keys:
            opened[EXTERNAL] = await stack.enter_async_context(open_external(settings, stores, clock))
        yield opened[""] if list(opened) == [""] else EngineRouter(opened)


@asynccontextmanager
async def open_embedded(
    settings: Settings, engine: EmbeddedSettings, services: EngineServices
) -> AsyncIterator[EmbeddedEngine]:
    limits = ProbeLimits(
        lease=TASK_LEASE + clock_skew(settings.store.url),
        tasks=engine.concurrency,
        connections=engine.connections,
        connect_timeout=engine.connect_timeout,
        http_timeout=engine.http_timeout,
        task_timeout=engine.task_timeout,
        max_hosts=engine.max_hosts,
        ports=tuple(engine.ports),
        policy=AddressPolicy.parse(engine.refuse),
    )
    opened = EmbeddedEngine(
        resolve_schedules(settings),
        services.tasks,
        limits=limits,
        clock=services.clock,
        owner=services.owner,
    )
    if services.on_task_end:
        opened.on_task_end = services.on_task_end
    yield opened


@asynccontextmanager
async def open_arl(
    settings: Settings, engine: ArlSettings, services: EngineServices
) -> AsyncIterator[ArlEngine]:
    """Open ARL's API by a session of its own, and its database where the settings name it."""
    with_recipients = recipient_resolver(settings)
    with_expectation = expectation_resolver(settings, engine.timezone)
    options = ArlOptions(
        with_recipients=lambda schedule: with_expectation(with_recipients(schedule)),
        zone=ZoneInfo(engine.timezone),
        task_limit=timedelta(seconds=engine.task_limit),
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = ArlClient(
            session,
            url=engine.url,
            api_key=engine.api_key.get_secret_value(),
            basic_auth=engine.basic_auth.get_secret_value() if engine.basic_auth else "",
            trust=build_trust(engine),
        )
        reader = build_reader(engine, client, services.clock)
        try:
            yield ArlEngine(client, reader, options=options, clock=services.clock)
        finally:
            await reader.close()


@asynccontextmanager
async def open_external(settings: Settings, stores: StoreSet, clock: Clock) -> AsyncIterator[ExternalEngine]:
    """Open the engine of what other systems report, and the session that sends requests to them."""
    records = build_external_records(settings, stores)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        sender = WebhookSender(session, records, hosts=settings.api.rerun_hosts, clock=clock)
        yield ExternalEngine(records, stores.tasks, sender, clock=clock)


def build_external_records(settings: Settings, stores: StoreSet) -> ExternalRecords:
    """Build what is kept of other systems' runs, with the schedules of the settings."""
    api, documents = settings.api, stores.documents
    configured = [_external_schedule(slug, each) for slug, each in api.schedules.items()]
    return ExternalRecords(
        schedules=ExternalSchedules(
            documents, configured, limit=api.max_schedules, resolve=reported_resolver(settings)
        ),
        runs=ExternalRuns(documents),
        commands=Commands(documents),
    )


def _external_schedule(slug: str, given: ExternalScheduleSettings) -> ExternalSchedule:
    rerun = _rerun_target(given.rerun) if given.rerun else None
    return ExternalSchedule(slug=slug, name=given.name, owner=given.owner, rerun=rerun)


def _rerun_target(given: RerunSettings) -> RerunTarget:
    secret = given.secret.get_secret_value() if given.secret else ""
    return RerunTarget(url=given.url, secret=secret, runner=given.runner)


def build_trust(engine: ArlSettings) -> Trust:
    """Trust one fingerprint, the certificates of one file, or what the system trusts."""
    if engine.fingerprint:
        return trust_fingerprint(engine.fingerprint)
    return trust_file(engine.ca_file) if engine.ca_file else Trust()


def build_reader(engine: ArlSettings, client: ArlClient, clock: Clock) -> ArlReader:
    """Build the reader of ARL's database where the settings name it, else that of its API."""
    if engine.mongo_uri is None:
        return ApiReader(client, clock=clock)
    try:
        from bot.engines.arl.mongo_reader import MongoReader  # noqa: PLC0415 - an extra
        from bot.mongo import Mongo  # noqa: PLC0415
    except ImportError:
        raise missing_extra("engine.mongo_uri", "mongo") from None
    uri = engine.mongo_uri.get_secret_value()
    return MongoReader(Mongo(uri, setting="engine.mongo_uri", database=engine.mongo_db))


ENGINES: Mapping[type[EngineSection], Callable[..., AbstractAsyncContextManager[Any]]] = {
    EmbeddedSettings: open_embedded,
    ArlSettings: open_arl,
}
"""How each engine is opened, by the class of its settings."""
