"""Opens what the service stands on, and runs its parts until told to stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from bot import __version__
from bot.config.loader import Settings
from bot.config.resolve import warnings_of
from bot.errors import ConfigError
from bot.exporters.local.splitter import split_report
from bot.jobs.clock_guard import ClockGuard
from bot.jobs.pool import Pool
from bot.messengers.dingtalk.http import dingtalk_session
from bot.messengers.dingtalk.rate_limiter import RateLimiter
from bot.models import Clock
from bot.runtime import owner_name, usable_cpus, utc_now
from bot.signals import stop_on_signals
from bot.telemetry.loops import counting_errors, keep_alive, loop_step
from bot.telemetry.metrics import Metrics
from bot.telemetry.redaction import redact_url
from bot.wiring.engines import open_engine
from bot.wiring.exporters import build_exporter
from bot.wiring.messengers import build_messengers
from bot.wiring.services import Adapters, build_budget, build_services
from bot.wiring.stores import open_stores
from bot.wiring.streams import build_streams
from bot.wiring.web import build_web_server

log = logging.getLogger(__name__)

POOLS = (
    Pool(name="talk", kinds=("message", "delay", "tap"), concurrency=32),
    Pool(name="submit", kinds=("submit",), concurrency=2),
    Pool(name="push", kinds=("card", "note", "file", "update", "digest", "notice"), concurrency=4),
    Pool(name="export", kinds=("export",), concurrency=1),
)
WAITING = 16  # exports that wait for workers at once; they cost next to nothing here
WATCH_EVERY = 1.0  # seconds
FIND_EVERY = 5.0  # seconds
HOUSEKEEPING = 60.0  # seconds


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
            self.stores = open_stores(settings.store.url)
            await self.stores.store.open()
            self._stack.push_async_callback(self.stores.store.close)
            session = await self._stack.enter_async_context(dingtalk_session())
            self.engine = await self._stack.enter_async_context(
                open_engine(settings, self.stores.tasks, clock=clock, owner=owner)
            )
            rate_limiter = RateLimiter(self.stores.ledger, build_budget(settings), clock=clock)
            dingtalk = build_messengers(settings, session, clock, rate_limiter)
            adapters = Adapters(
                stores=self.stores,
                engine=self.engine,
                exporter=build_exporter(settings, self.stores, self.engine, clock=clock),
                channels=dingtalk.channels,
                split=split_report,
                metrics=self._metrics,
                clock=clock,
                owner=owner,
            )
            self.services = build_services(settings, adapters)
            self.streams = build_streams(dingtalk, self.services.dispatcher, rate_limiter)
            self._clock_guard = ClockGuard(self.stores.store, self.stores.tasks, clock=clock)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; a loop that dies is started again, a wrong setting ends the service."""
        log.info("DingRun %s starts: %s", __version__, self._summary())
        for warning in warnings_of(self._settings, self._clock()):
            log.warning("%s", warning)
        with counting_errors(self._metrics.loop_error):
            for step in (self._clock_guard.check, self.services.deliver.reconcile):
                with loop_step("housekeeping"):
                    await step()
            await self._run_loops(stop)

    def _loops(self) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:
        services = self.services
        return [
            ("engine", self.engine.run),
            ("jobs", lambda: services.jobs.run(build_pools(self._settings))),
            ("watcher", lambda: services.watcher.run(WATCH_EVERY)),
            ("scheduler", lambda: services.scheduler.run(self._clock)),
            *(
                [("discovery", lambda: services.finder.run(FIND_EVERY))]
                if self.engine.has_own_scheduler
                else []
            ),
            ("housekeeping", self._keep_house),
            *((f"stream {name}".strip(), stream.run) for name, stream in self.streams.items()),
            *([("web", self._serve_web)] if self._settings.web.port else []),
        ]

    async def _run_loops(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(keep_alive(name, run), name=name) for name, run in self._loops()]
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
        place = settings.engine.place
        schedules = f"schedules of {place}" if place else f"{len(settings.schedules)} schedules"
        store = redact_url(settings.store.url)
        return f"{schedules}, DingTalk {ding}, store {store}, {settings.timezone}"

    async def _serve_web(self) -> None:
        server = build_web_server(
            self._settings, self.stores.store, self.services, self._metrics, self._connected
        )
        await server.serve(self._settings.web.host, self._settings.web.port)

    def _connected(self) -> bool | None:
        streams = self.streams.values()
        return all(stream.connected.is_set() for stream in streams) if streams else None

    async def _keep_house(self) -> None:
        """Take each step by itself: one that fails does not keep the others from being taken."""
        while True:
            await asyncio.sleep(HOUSEKEEPING)
            for name, step in self.housekeeping().items():
                with loop_step(f"housekeeping: {name}"):
                    await step()

    def housekeeping(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        """Return the steps of housekeeping, by name."""
        return {
            "compare clocks": self._clock_guard.check,
            "reconcile": self.services.deliver.reconcile,
            "sweep reports": self.services.reports.purge_expired,
            "empty payloads": self.services.payloads.sweep,
            "measure how far reports lag": self.measure_backlog,
            "warn of the quota": self._warn_of_quota,
            "warn of late reports": self._warn_of_late,
            "warn of the engine": self.alert_engine_warnings,
        }

    async def measure_backlog(self) -> None:
        backlog = await self.services.exports.backlog()
        self._metrics.reports_behind(waiting=backlog.waiting, lag=backlog.lag)

    async def _warn_of_quota(self) -> None:
        await self.services.notices.alert_quota(await self.services.governor.warnings())

    async def _warn_of_late(self) -> None:
        await self.services.notices.alert_stalled_exports(await self.services.exports.stalled_exports())

    async def alert_engine_warnings(self) -> None:
        """Alert the operators of what the engine warns of, each once."""
        for warning in await self.engine.warnings():
            await self.services.notices.alert(warning.key, warning.key, **warning.values)


def build_pools(settings: Settings) -> Sequence[Pool]:
    """Return the lanes, with as many places for exports as are written, or waited for, at once."""
    local = settings.exporter.kind == "local"
    places = settings.exporter.at_once(usable_cpus()) if local else WAITING
    return [replace(lane, concurrency=places) if lane.name == "export" else lane for lane in POOLS]


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    async with App(settings) as app:
        await app.run(stop)
    log.info("stopped")
