"""The life of the service: open the adapters, run the loops, stop on a signal."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

from bot import __version__
from bot.config.loader import Settings
from bot.config.validation import settings_warnings
from bot.errors import ConfigError
from bot.exporters.local.splitter import split_report
from bot.jobs.clock_guard import ClockGuard
from bot.messengers.dingtalk.http import dingtalk_session
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter, RateLimiter
from bot.models import Clock
from bot.runtime import owner_name, stop_on_signals, utc_now
from bot.telemetry.logging import redacted
from bot.telemetry.loops import LoopErrors, counting_errors, keep_alive, loop_step, measure_lag
from bot.telemetry.metrics import Metrics
from bot.telemetry.redaction import redact_url
from bot.telemetry.rescues import counting_rescues
from bot.web.health import Vitals
from bot.web.watchdog import Watchdog
from bot.wiring.api import ApiAdapters
from bot.wiring.engines import open_engine
from bot.wiring.exporters import build_exporter
from bot.wiring.messengers import build_messengers
from bot.wiring.monitoring.operators import build_incident_monitor, build_last_resort
from bot.wiring.policies import build_budget
from bot.wiring.pools import build_pools
from bot.wiring.services import Adapters, build_services
from bot.wiring.stores import open_stores
from bot.wiring.streams import build_streams
from bot.wiring.web import build_web_server

log = logging.getLogger(__name__)

WATCH_INTERVAL_SECONDS = 1.0
DISCOVERY_INTERVAL_SECONDS = 5.0
LAPSE_INTERVAL_SECONDS = 30.0
REPAIR_INTERVAL_SECONDS = 30.0
INCIDENT_INTERVAL_SECONDS = 60.0
USELESS_AFTER = timedelta(minutes=1)  # without a Stream: a new connection takes a few seconds
STALLED_SECONDS = 600.0  # of a loop that takes a step each minute or more often
HOUSEKEEPING_INTERVAL_SECONDS = 60.0
PURGE_PAUSE = 9  # rounds of housekeeping that a purge skips after it has found nothing


class App:
    """The service: `async with App(settings) as app: await app.run(stop)`."""

    def __init__(self, settings: Settings, *, clock: Clock = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = AsyncExitStack()
        self._metrics = Metrics()
        self._loop_errors = LoopErrors()
        self._skipped_rounds: dict[str, int] = {}  # that a purge still skips, by name
        self.started = clock()

    async def __aenter__(self) -> "App":
        settings, clock, owner = self._settings, self._clock, owner_name()
        async with self._stack:
            self.stores = open_stores(settings.store.url)
            await self.stores.store.open()
            self._stack.push_async_callback(self.stores.store.close)
            session = await self._stack.enter_async_context(dingtalk_session())
            self.engine = await self._stack.enter_async_context(
                open_engine(settings, self.stores, clock=clock, owner=owner, on_task_end=self._wake_watcher)
            )
            exporter = build_exporter(settings, self.stores, self.engine, clock=clock)
            self._stack.push_async_callback(exporter.close)
            rate_limiter = RateLimiter(self.stores.quota, build_budget(settings), clock=clock)
            dingtalk = build_messengers(settings, session, clock, rate_limiter)
            direct = build_messengers(settings, session, clock, NullRateLimiter())
            self._identities = dingtalk.identities
            adapters = Adapters(
                stores=self.stores,
                engine=self.engine,
                exporter=exporter,
                channels=dingtalk.channels,
                direct_channels=direct.channels,
                last_resort=build_last_resort(settings),
                split=partial(split_report, lang=settings.lang),
                metrics=self._metrics,
                clock=clock,
                owner=owner,
            )
            self.services = build_services(settings, adapters)
            self.streams = build_streams(
                dingtalk, self.services.dispatcher, rate_limiter, self._metrics.frame
            )
            self.incidents = build_incident_monitor(settings, adapters, self.services, self.streams)
            self._clock_guard = ClockGuard(self.stores.store, self.stores.tasks, clock=clock)
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def _wake_watcher(self) -> None:
        self.services.watcher.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. A loop that fails is restarted.

        Raises `ConfigError` if a loop finds an invalid setting.
        """
        log.info("DingRun %s starts: %s", __version__, self._summary())
        for warning in settings_warnings(self._settings, self._clock()):
            log.warning("%s", warning)
        with (
            counting_errors(self._metrics.loop_error) as self._loop_errors,
            counting_rescues(self._metrics.rescue),
        ):
            for step in (self._clock_guard.check, self.services.reconciler.run):
                with loop_step("housekeeping"):
                    await step()
            await self._run_loops(stop)

    def _loops(self) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:
        services = self.services
        return [
            *((f"engine {name}".strip(), part.run) for name, part in self.engine.parts.items()),
            ("jobs", lambda: services.jobs.run(build_pools(self._settings))),
            ("watcher", lambda: services.watcher.run(WATCH_INTERVAL_SECONDS)),
            ("lapses", lambda: services.lapses.run(self._clock, LAPSE_INTERVAL_SECONDS)),
            ("scheduler", lambda: services.scheduler.run(self._clock)),
            *(
                (f"discovery {name}".strip(), partial(discovery.run, DISCOVERY_INTERVAL_SECONDS))
                for name, discovery in services.discoveries.items()
            ),
            *([("api", self._repair_reports)] if self._settings.api.keys else []),
            ("housekeeping", self._run_housekeeping),
            ("lag", lambda: measure_lag(self._metrics.lag)),
            ("incidents", lambda: self.incidents.run(INCIDENT_INTERVAL_SECONDS)),
            *((f"stream {name}".strip(), stream.run) for name, stream in self.streams.items()),
            *([("web", self._serve_web)] if self._settings.web.port else []),
            *([("watchdog", self._ping_guard)] if self._settings.watch.url else []),
        ]

    async def _repair_reports(self) -> None:
        await self.services.run_reports.run(REPAIR_INTERVAL_SECONDS)

    async def _run_loops(self, stop: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(keep_alive(name, run), name=name) for name, run in self._loops()]
                await stop.wait()
                log.info("stopping")
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as failures:
            invalid = [failure for failure in failures.exceptions if isinstance(failure, ConfigError)]
            if len(invalid) == len(failures.exceptions):
                raise invalid[0] from None
            raise

    def _summary(self) -> str:
        """Summarize the settings in one line for the log."""
        settings = self._settings
        ding = settings.dingding.app_key or ("webhook" if settings.configured else "none, log only")
        places = [each.place for each in settings.engine_sections.values() if each.place]
        own = [f"{len(settings.schedules)} schedules"] if settings.schedules or not places else []
        schedules = ", ".join([*own, *(f"schedules of {place}" for place in places)])
        store = redact_url(settings.store.url)
        return f"{schedules}, DingTalk {ding}, store {store}, {settings.timezone}"

    async def _ping_guard(self) -> None:
        watch = self._settings.watch
        if watch.url:
            await Watchdog(watch.url.get_secret_value(), self.find_problem).run(watch.interval)

    def find_problem(self) -> str:
        """Return why the service is of no use now: no store, no Stream, or a loop that stands still."""
        store = self.incidents.states.get("store")
        lasting = self.incidents.lasting(USELESS_AFTER).items()
        problems = [
            *([f"store: {store.why}"] if store and not store.works else []),
            *(f"{part}: {why}" for part, why in lasting if part.startswith(("stream", "key"))),
            *(f"loop {loop}: stands still" for loop in self._loop_errors.stalled(STALLED_SECONDS)),
        ]
        return redacted("; ".join(problems))

    async def _serve_web(self) -> None:
        server = build_web_server(
            self._settings,
            ApiAdapters(stores=self.stores, engine=self.engine, metrics=self._metrics),
            self.services,
            self._vitals(),
            self._identities,
        )
        await server.serve(self._settings.web.host, self._settings.web.port)

    def _vitals(self) -> Vitals:
        now = asyncio.get_running_loop().time
        streams = self.streams.items()
        return Vitals(
            connected=lambda: {name: stream.connected.is_set() for name, stream in streams},
            frame_ages=lambda: {
                name: now() - stream.last_frame_at
                for name, stream in streams
                if stream.last_frame_at is not None
            },
            parts=lambda: self.incidents.states,
        )

    async def _run_housekeeping(self) -> None:
        """Run every step of housekeeping once a minute. A step that fails does not stop the others."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_INTERVAL_SECONDS)
            for name, step in self.housekeeping().items():
                with loop_step(f"housekeeping: {name}"):
                    await step()
            await self.purge_expired()

    async def purge_expired(self) -> None:
        """Run the purges. One that found nothing skips `PURGE_PAUSE` rounds."""
        for name, purge in self.purges().items():
            if self._skipped_rounds.get(name):
                self._skipped_rounds[name] -= 1
                continue
            with loop_step(f"housekeeping: {name}"):
                self._skipped_rounds[name] = 0 if await purge() else PURGE_PAUSE

    def housekeeping(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        """Return the steps of housekeeping, by name."""
        return {
            "compare clocks": self._clock_guard.check,
            "reconcile": self.services.reconciler.run,
            "delete old runs": self.services.run_retention.sweep,
            "check the quota": self._alert_quota,
            "check for stalled exports": self._alert_stalled_exports,
            "check the engine": self.alert_engine_warnings,
        }

    def purges(self) -> Mapping[str, Callable[[], Awaitable[int]]]:
        """Return the steps that delete what is old, by name. Each returns how much it found."""
        return {
            "purge expired reports": self.services.reports.purge_expired,
            "purge the audit": self.services.audit_log.purge_expired,
            "delete old reports of other systems": self.services.external_retention.sweep,
            "purge the logins": self.services.context.people.logins.purge_expired,
            "clear payloads": self.services.payload_retention.sweep,
        }

    async def _alert_quota(self) -> None:
        await self.services.operator_alerts.alert_quota(await self.services.governor.warnings())

    async def _alert_stalled_exports(self) -> None:
        await self.services.operator_alerts.alert_stalled_exports(
            await self.services.exports.stalled_exports()
        )

    async def alert_engine_warnings(self) -> None:
        """Alert the operators of what the engine warns of, each once."""
        for warning in await self.engine.warnings():
            await self.services.operator_alerts.alert(warning.key, warning.key, **warning.values)


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    async with App(settings) as app:
        await app.run(stop)
    log.info("stopped")
