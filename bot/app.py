"""Puts the parts together, and runs them until told to stop."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import aiohttp

from bot import __version__
from bot.addresses import shown
from bot.audit import Audit
from bot.channels import Channels
from bot.config import Settings
from bot.context import Context
from bot.deliver import Deliver
from bot.deliveries import Deliveries
from bot.destinations import beside_of, operators_of, webhooks_of
from bot.digests import Digests
from bot.dingtalk.meter import Meter, Unmetered
from bot.dingtalk.openapi import OpenApiMessenger
from bot.dingtalk.silent import SilentMessenger
from bot.dingtalk.stream import StreamConnection
from bot.dingtalk.token import App as Robot
from bot.dingtalk.token import Tokens
from bot.dingtalk.webhook import WebhookMessenger
from bot.dingtalk.work import WorkMessenger
from bot.engine_choice import engine_on
from bot.engines.arl import ArlEngine
from bot.errors import ConfigError, DingRunError
from bot.exporters.inprocess import InProcessExporter
from bot.exporters.split import split_report
from bot.finder import Finder
from bot.governor import Governor
from bot.intake import Intake
from bot.jobs import Jobs, Lane
from bot.ladder import Ladder
from bot.links import Terms
from bot.metrics import Metrics
from bot.models import Clock, DestinationKind
from bot.notices import Notices
from bot.opening import Stores, skew_of, stores_at
from bot.parcels import Limits, Parcels
from bot.people import People
from bot.ports import Engine, Ledger, Messenger
from bot.remakes import Remakes
from bot.report_links import ReportLinks
from bot.reports import Reports, Shelf
from bot.router import usages
from bot.runs import Runs
from bot.scheduler import Missed, Scheduler, Timetable
from bot.signals import stop_on_signals
from bot.summaries import Means
from bot.watcher import Watcher
from bot.web.downloads import Downloads
from bot.web.health import Health
from bot.web.server import serve_web
from bot.web.status import Status
from bot.web.visitors import Visitors
from cards.render import Cards
from cards.template import CardTemplate
from handlers import router

log = logging.getLogger(__name__)

LANES = (
    Lane(name="talk", kinds=("message", "tap"), places=8),
    Lane(name="submit", kinds=("submit",), places=2),
    Lane(name="push", kinds=("card", "note", "file", "update", "digest", "notice"), places=4),
    Lane(name="export", kinds=("export",), places=1),
)
WATCH_EVERY = 1.0  # seconds
FIND_EVERY = 5.0  # seconds
HOUSEKEEPING = 60.0  # seconds
MB = 1024 * 1024
COUNT_WITHIN = 0.5  # seconds; DingTalk waits for the answer meanwhile

Incoming = TypeVar("Incoming")
Taken = TypeVar("Taken")


def utc_now() -> datetime:
    return datetime.now(UTC)


def open_store(settings: Settings) -> Stores:
    return stores_at(settings.store.url)


def owner_name() -> str:
    """Names this process in leases: host, process, and a part that no restart repeats."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(frozen=True, kw_only=True)
class Wire:
    """The way to DingTalk: the messengers and, with apps, their Streams."""

    channels: Channels
    replies: Messenger
    robots: Mapping[str, Robot]  # by the names of the apps, "" is the one in `DINGDING`
    session: aiohttp.ClientSession


class App:
    """The service: `async with App(settings) as app: await app.run(stop)`."""

    def __init__(self, settings: Settings, *, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._owner = owner_name()
        self._stack = AsyncExitStack()
        self._metrics = Metrics()
        self.started = clock()
        self.streams: Mapping[str, StreamConnection] = {}

    async def __aenter__(self) -> "App":
        async with self._stack:
            self.stores = open_store(self._settings)
            self.store = self.stores.store
            await self.store.open()
            self._stack.push_async_callback(self.store.close)
            session = await self._stack.enter_async_context(aiohttp.ClientSession())
            self.engine = await self._stack.enter_async_context(
                engine_on(self._settings, self.stores.tasks, clock=self._clock, owner=self._owner)
            )
            ledger = self.stores.ledger
            meter = Meter(ledger, self._settings.quota.budget(), clock=self._clock)
            self._build(wire(self._settings, session, self._clock, meter), ledger, meter)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def _build(self, wire: Wire, ledger: Ledger, meter: Meter) -> None:
        settings = self._settings
        zone = ZoneInfo(settings.timezone)
        cards = cards_of(settings)
        exporter = exporter_of(settings, self.engine)
        shelf = Shelf(
            folder=Path(settings.reports.dir),
            keep=timedelta(days=settings.reports.keep_days),
            zone=zone,
            archive=self.stores.archive if settings.reports.store == "gridfs" else None,
        )
        timetable = Timetable(
            zone=zone,
            missed=Missed(settings.scheduler.missed),
            grace=timedelta(seconds=settings.scheduler.grace),
        )
        self.jobs = Jobs(
            self.store,
            clock=self._clock,
            owner=self._owner,
            skew=skew_of(settings.store.url),
            on_outcome=self._metrics.outcome,
        )
        self.reports = Reports(self.store, exporter, shelf, clock=self._clock)
        self.runs = Runs(self.store, self.engine, self.jobs, clock=self._clock)
        means = self._means(wire.channels, cards, ledger)
        self.deliver = Deliver(self.store, self.jobs, self.reports, means=means)
        self.watcher = Watcher(self.store, self.engine, self.runs, clock=self._clock)
        self.finder = Finder(
            self.store,
            self.engine,
            self.runs,
            clock=self._clock,
            tell_within=timedelta(seconds=settings.engine.tell_within),
        )
        self.scheduler = Scheduler(self.store, self.engine, self.runs, timetable=timetable)
        context = Context(
            engine=self.engine,
            runs=self.runs,
            reports=self.reports,
            deliver=self.deliver,
            deliveries=Deliveries(self.store, self.jobs),
            people=People(self.store),
            governor=self.governor,
            parcels=means.parcels,
            links=self.links,
            audit=self.audit,
            remakes=Remakes(self.store, self.jobs, self.reports),
            cards=cards,
            timetable=timetable,
            clock=self._clock,
            commands=usages(router.commands, settings.lang),
        )
        intake = Intake(self.jobs, context, wire.replies, router=router, rules=settings.access.rules())
        for kinds in (
            self.runs.kinds,
            self.deliver.kinds,
            self.notices.kinds,
            self.reports.kinds(self.deliver.report_settled),
            intake.kinds,
        ):
            self.jobs.register(kinds)
        self.streams = {
            name: StreamConnection(
                wire.session, robot, counted(meter, intake.on_message), counted(meter, intake.on_tap)
            )
            for name, robot in wire.robots.items()
        }

    def _means(self, channels: Channels, cards: Cards, ledger: Ledger) -> Means:
        settings = self._settings
        self.governor = Governor(
            ledger,
            settings.quota.budget(),
            clock=self._clock,
            cards_per_minute=settings.notify.cards_per_minute,
        )
        parcels = self._parcels()
        self.notices = Notices(self.jobs, channels=channels, cards=cards, operators=operators_of(settings))
        ladder = Ladder(self.store, self.notices, clock=self._clock)
        digests = Digests(self.store, self.jobs, channels=channels, cards=cards, ladder=ladder)
        return Means(
            channels=channels,
            cards=cards,
            governor=self.governor,
            ladder=ladder,
            digests=digests,
            parcels=parcels,
        )

    def _parcels(self) -> Parcels:
        """How reports reach people: as files, in parts, or by a link."""
        reports, port = self._settings.reports, self.stores.links
        terms = Terms(
            public_url=self._settings.web.public_url,
            ttl=timedelta(seconds=reports.link_ttl),
            most=reports.link_limit,
        )
        key = reports.link_secret.get_secret_value() if reports.link_secret else ""
        self.links = ReportLinks(port, terms, clock=self._clock, key=key)
        self.audit = Audit(port, clock=self._clock)
        limits = Limits(most_bytes=reports.max_file_mb * MB, split=split_report)
        return Parcels(self.store, self.jobs, self.reports, self.links, limits)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; a loop that dies ends the service loudly."""
        log.info("DingRun %s starts: %s", __version__, self._summary())
        await self.deliver.reconcile()
        loops: Sequence[tuple[str, Coroutine[Any, Any, None]]] = [
            ("engine", self.engine.work()),
            ("jobs", self.jobs.run(LANES)),
            ("watcher", self.watcher.watch(WATCH_EVERY)),
            ("scheduler", self.scheduler.keep_time(self._clock)),
            *([("finder", self.finder.keep_looking(FIND_EVERY))] if self.engine.fires else []),
            ("housekeeping", self._keep_house()),
            *((f"stream {name}".strip(), stream.run()) for name, stream in self.streams.items()),
            *([("web", self._serve_web())] if self._settings.web.port else []),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(loop, name=name) for name, loop in loops]
                await stop.wait()
                log.info("stopping")
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as failures:
            wrong = [failure for failure in failures.exceptions if isinstance(failure, ConfigError)]
            if len(wrong) == len(failures.exceptions):
                raise wrong[0] from None
            raise

    def _summary(self) -> str:
        """What the settings amount to, in one line for whoever starts it."""
        settings = self._settings
        ding = settings.dingding.app_key or ("webhook" if settings.configured else "none, log only")
        arl = settings.engine.kind == "arl"
        schedules = f"schedules of {settings.engine.url}" if arl else f"{len(settings.schedules)} schedules"
        store = shown(settings.store.url)
        return f"{schedules}, DingTalk {ding}, store {store}, {settings.timezone}"

    async def _serve_web(self) -> None:
        web, zone = self._settings.web, ZoneInfo(self._settings.timezone)
        token = web.status_token.get_secret_value() if web.status_token else ""
        deliveries = Deliveries(self.store, self.jobs)
        health = Health(
            self.store, deliveries, self.governor, metrics=self._metrics, connected=self._connected
        )
        status = Status(self.store, deliveries, zone=zone, token=token)
        downloads = Downloads(
            self.links, self.reports, self.audit, visitors=Visitors(web.proxies), metrics=self._metrics
        )
        routes = [*health.routes(), *status.routes(), *downloads.routes()]
        await serve_web(web.host, web.port, routes)

    def _connected(self) -> bool | None:
        streams = self.streams.values()
        return all(stream.connected.is_set() for stream in streams) if streams else None

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING)
            try:
                await self.deliver.reconcile()
                await self.reports.sweep()
                await self.notices.warn(await self.governor.warnings())
                await self.warn_of_pushes()
            except (DingRunError, OSError) as error:
                log.warning("housekeeping put off: %s", error)

    async def warn_of_pushes(self) -> None:
        """Tell the operators once that ARL pushes by itself as well."""
        names = await self.engine.pushes() if isinstance(self.engine, ArlEngine) else ()
        if names:
            await self.notices.tell("arl_pushes", "arl_pushes", names=list(names))


def counted(
    meter: Meter, take: Callable[[Incoming], Awaitable[Taken]]
) -> Callable[[Incoming], Awaitable[Taken]]:
    """Book what comes in, after it was taken: the answer is what matters."""

    async def take_and_count(incoming: Incoming) -> Taken:
        answer = await take(incoming)
        try:
            async with asyncio.timeout(COUNT_WITHIN):
                await meter.came_in()
        except (TimeoutError, DingRunError) as error:
            log.warning("what came in was not counted: %s", error or "too slow")
        return answer

    return take_and_count


def wire(settings: Settings, session: aiohttp.ClientSession, clock: Clock, meter: Unmetered) -> Wire:
    """The messengers that the settings allow; without any, everything is logged and nothing pushed."""
    silent = SilentMessenger()
    reached: dict[tuple[DestinationKind, str], Messenger] = {}
    robots = robots_of(settings)
    for name, robot in robots.items():
        tokens = Tokens(session, robot, clock)
        openapi = OpenApiMessenger(session, robot, tokens, clock=clock, meter=meter)
        reached |= {(kind, name): openapi for kind in (DestinationKind.GROUP, DestinationKind.USER)}
        reached[DestinationKind.WORK, name] = WorkMessenger(session, robot, tokens, meter=meter)
    webhooks = webhooks_of(settings)
    if webhooks:
        reached[DestinationKind.WEBHOOK, ""] = WebhookMessenger(
            session, webhooks, clock=clock, base=settings.dingding.oapi_base, meter=meter
        )
    replies = next((reached[DestinationKind.GROUP, name] for name in robots), silent)
    channels = Channels(messengers=reached, silent=silent, beside=beside_of(settings))
    return Wire(channels=channels, replies=replies, robots=robots, session=session)


def robots_of(settings: Settings) -> dict[str, Robot]:
    """The apps of the settings by name, "" for the one in `DINGDING`."""
    ding = settings.dingding
    main = robot_of(settings)
    others = {
        name: Robot(
            app_key=app.app_key,
            app_secret=app.app_secret.get_secret_value(),
            robot_code=app.robot_code or app.app_key,
            agent_id=app.agent_id,
            openapi_base=ding.openapi_base,
            oapi_base=ding.oapi_base,
        )
        for name, app in settings.notify.apps.items()
    }
    return ({"": main} if main else {}) | others


def robot_of(settings: Settings) -> Robot | None:
    """The app that the settings name, or None when they name none."""
    ding = settings.dingding
    if ding.app_secret is None:
        return None
    return Robot(
        app_key=ding.app_key,
        app_secret=ding.app_secret.get_secret_value(),
        robot_code=ding.robot_code or ding.app_key,
        agent_id=ding.agent_id,
        openapi_base=ding.openapi_base,
        oapi_base=ding.oapi_base,
    )


def cards_of(settings: Settings) -> Cards:
    ding = settings.dingding
    template = CardTemplate.chosen(ding.card_template_id, ding.card_variables)
    return Cards(lang=settings.lang, zone=settings.timezone, template=template)


def exporter_of(settings: Settings, engine: Engine) -> InProcessExporter:
    return InProcessExporter(
        engine,
        zone=settings.timezone,
        lang=settings.lang,
        show_secrets=settings.reports.show_secrets,
    )


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    async with App(settings) as app:
        await app.run(stop)
    log.info("stopped")
