"""Opens what the service stands on, and runs its parts until told to stop."""

import asyncio
import gc
import logging
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from bot import __version__
from bot.addresses import shown
from bot.config import Settings
from bot.destinations import warnings_of
from bot.dingtalk.meter import Meter
from bot.engine_choice import engine_on
from bot.engines.arl import ArlEngine
from bot.errors import ConfigError, DingRunError
from bot.lanes import Lane
from bot.metrics import Metrics
from bot.models import Clock
from bot.opening import stores_at
from bot.parts import Outside, parts_of
from bot.process import owner_name, utc_now
from bot.signals import stop_on_signals
from bot.web.downloads import Downloads
from bot.web.guard import AdminGuard
from bot.web.health import Health
from bot.web.server import WebServer
from bot.web.status import Status
from bot.wire import wire

log = logging.getLogger(__name__)

LANES = (
    Lane(name="talk", kinds=("message", "delay", "tap"), places=32),
    Lane(name="submit", kinds=("submit",), places=2),
    Lane(name="push", kinds=("card", "note", "file", "update", "digest", "notice"), places=4),
    Lane(name="export", kinds=("export",), places=1),
)
WAITING = 16  # exports that wait for workers at once; they cost next to nothing here
WATCH_EVERY = 1.0  # seconds
FIND_EVERY = 5.0  # seconds
HOUSEKEEPING = 60.0  # seconds
YOUNG = 20_000  # new objects between two looks for garbage; a burst has many that live for a moment


class App:
    """The service: `async with App(settings) as app: await app.run(stop)`."""

    def __init__(self, settings: Settings, *, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = AsyncExitStack()
        self._metrics = Metrics()
        self.started = clock()

    async def __aenter__(self) -> "App":
        settings, clock, owner = self._settings, self._clock, owner_name()
        async with self._stack:
            self.stores = stores_at(settings.store.url)
            await self.stores.store.open()
            self._stack.push_async_callback(self.stores.store.close)
            session = await self._stack.enter_async_context(aiohttp.ClientSession())
            self.engine = await self._stack.enter_async_context(
                engine_on(settings, self.stores.tasks, clock=clock, owner=owner)
            )
            meter = Meter(self.stores.ledger, settings.quota.budget(), clock=clock)
            outside = Outside(
                stores=self.stores,
                engine=self.engine,
                wire=wire(settings, session, clock, meter),
                meter=meter,
                metrics=self._metrics,
                clock=clock,
                owner=owner,
            )
            self.parts = parts_of(settings, outside)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; a loop that dies ends the service loudly."""
        log.info("DingRun %s starts: %s", __version__, self._summary())
        for warning in warnings_of(self._settings, self._clock()):
            log.warning("%s", warning)
        await self.parts.deliver.reconcile()
        loops: Sequence[tuple[str, Coroutine[Any, Any, None]]] = [
            ("engine", self.engine.work()),
            ("jobs", self.parts.jobs.run(lanes_of(self._settings))),
            ("watcher", self.parts.watcher.watch(WATCH_EVERY)),
            ("scheduler", self.parts.scheduler.keep_time(self._clock)),
            *([("finder", self.parts.finder.keep_looking(FIND_EVERY))] if self.engine.fires else []),
            ("housekeeping", self._keep_house()),
            *((f"stream {name}".strip(), stream.run()) for name, stream in self.parts.streams.items()),
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
        store, parts, metrics = self.stores.store, self.parts, self._metrics
        health = Health(store, parts.deliveries, parts.governor, metrics=metrics, connected=self._connected)
        status = Status(store, parts.deliveries, zone=zone)
        downloads = Downloads(parts.links, parts.reports, parts.audit, metrics=metrics, proxies=web.proxies)
        routes = [*health.routes(), *status.routes(), *downloads.routes()]
        guard = AdminGuard(token, public_url=web.public_url, proxies=web.proxies)
        server = WebServer(routes, guard=guard, metrics=metrics, proxies=web.proxies)
        await server.serve(web.host, web.port)

    def _connected(self) -> bool | None:
        streams = self.parts.streams.values()
        return all(stream.connected.is_set() for stream in streams) if streams else None

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING)
            try:
                await self.parts.deliver.reconcile()
                await self.parts.reports.sweep()
                await self.parts.payloads.sweep()
                await self.parts.notices.warn(await self.parts.governor.warnings())
                await self.parts.notices.warn_of_late(await self.parts.reports.late())
                await self.warn_of_pushes()
            except (DingRunError, OSError) as error:
                log.warning("housekeeping put off: %s", error)

    async def warn_of_pushes(self) -> None:
        """Tell the operators once that ARL pushes by itself as well."""
        names = await self.engine.pushes() if isinstance(self.engine, ArlEngine) else ()
        if names:
            await self.parts.notices.tell("arl_pushes", "arl_pushes", names=list(names))


def lanes_of(settings: Settings) -> Sequence[Lane]:
    if settings.exporter.kind == "local":
        return LANES
    return [replace(lane, places=WAITING) if lane.name == "export" else lane for lane in LANES]


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    async with App(settings) as app:
        gc.freeze()  # what stays for good is not looked through again and again: that holds up answers
        gc.set_threshold(YOUNG)
        await app.run(stop)
    log.info("stopped")
