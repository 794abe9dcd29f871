"""The parts of the service, and how they hold on to each other; `bot.app` runs them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from bot.chat.context import Context
from bot.chat.dispatcher import Dispatcher
from bot.chat.permissions import AccessPolicy
from bot.chat.recent_lists import RecentLists
from bot.chat.router import usages
from bot.chat.users import UserDirectory
from bot.config.loader import Settings
from bot.config.resolve import people_in, resolve_operators
from bot.delivery.circuit_breaker import CircuitBreaker
from bot.delivery.digests import Digests
from bot.delivery.files import FileLimits, ReportSender
from bot.delivery.operator_alerts import OperatorAlerts
from bot.delivery.pipeline import DeliveryPipeline
from bot.delivery.resend import Resender
from bot.delivery.summaries import DeliveryServices
from bot.exporters.local.splitter import split_report
from bot.jobs.queue import Jobs
from bot.jobs.retention import PayloadRetention
from bot.messengers.dingtalk.rate_limiter import RateLimiter
from bot.messengers.dingtalk.stream import Pace, StreamConnection
from bot.models import CardTap, Clock, Message, QuotaKind
from bot.ports import Engine
from bot.quota.budget import Budget
from bot.quota.governor import Governor
from bot.quota.request_budget import RequestBudget
from bot.reports.downloads import DownloadLog
from bot.reports.exports import ReportExports
from bot.reports.link_tokens import LinkPolicy
from bot.reports.links import ReportLinks
from bot.reports.repository import Reports
from bot.reports.storage import ReportStorage
from bot.runs.discovery import DiscoveryWindow, RunDiscovery
from bot.runs.lifecycle import Runs
from bot.runs.scheduler import MisfirePolicy, SchedulePolicy, Scheduler
from bot.runs.watcher import Watcher
from bot.telemetry.metrics import Metrics
from bot.wiring.exporters import build_exporter
from bot.wiring.messengers import DingTalkConnection
from bot.wiring.stores import StoreSet, clock_skew
from cards.card_template import CardTemplate
from cards.render import Cards
from handlers import router

MB = 1024 * 1024

Incoming = TypeVar("Incoming", Message, CardTap)
Taken = TypeVar("Taken")


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """What the parts stand on, opened: the store, the engine, the way to DingTalk, the clock."""

    stores: StoreSet
    engine: Engine
    dingtalk: DingTalkConnection
    rate_limiter: RateLimiter
    metrics: Metrics
    clock: Clock
    owner: str


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the service consists of; `streams` by the names of their apps, "" for the one in `DINGDING`."""

    jobs: Jobs
    reports: Reports
    exports: ReportExports
    runs: Runs
    deliver: DeliveryPipeline
    deliveries: Resender
    watcher: Watcher
    finder: RunDiscovery
    scheduler: Scheduler
    governor: Governor
    notices: OperatorAlerts
    links: ReportLinks
    audit: DownloadLog
    payloads: PayloadRetention
    streams: Mapping[str, StreamConnection]


def build_services(settings: Settings, outside: Adapters) -> Services:
    """The parts made and bound together, and the jobs that they know registered; nothing runs yet."""
    return _Builder(settings, outside).parts()


class _Builder:
    """Makes each part once, those first that others hold."""

    def __init__(self, settings: Settings, outside: Adapters) -> None:
        self._settings = settings
        self._outside = outside
        self._store = outside.stores.store
        self._cards = build_cards(settings)
        self._timetable = build_schedule_policy(settings)
        self._jobs = Jobs(
            self._store,
            clock=outside.clock,
            owner=outside.owner,
            skew=clock_skew(settings.store.url),
            on_outcome=outside.metrics.outcome,
        )
        exporter = build_exporter(settings, outside.stores, outside.engine, clock=outside.clock)
        self._reports = Reports(self._store, build_storage(settings, outside.stores), clock=outside.clock)
        self._exports = ReportExports(self._store, self._jobs, exporter, self._reports)
        self._runs = Runs(self._store, outside.engine, self._jobs, clock=outside.clock)
        self._deliveries = Resender(self._store, self._jobs)
        self._links = build_links(settings, outside)
        self._audit = DownloadLog(outside.stores.links, clock=outside.clock)
        self._notices = OperatorAlerts(
            self._jobs,
            channels=outside.dingtalk.channels,
            cards=self._cards,
            operators=resolve_operators(settings),
        )
        self._means = self._made_means()
        self._deliver = DeliveryPipeline(self._store, self._jobs, self._reports, means=self._means)

    def parts(self) -> Services:
        outside, store = self._outside, self._store
        notify_max_age, initial_lookback = self._settings.engine.discovery_limits
        return Services(
            jobs=self._jobs,
            reports=self._reports,
            exports=self._exports,
            runs=self._runs,
            deliver=self._deliver,
            deliveries=self._deliveries,
            watcher=Watcher(store, outside.engine, self._runs, clock=outside.clock),
            finder=RunDiscovery(
                store,
                outside.engine,
                self._runs,
                clock=outside.clock,
                past=DiscoveryWindow(tell_within=notify_max_age, look_back=initial_lookback),
            ),
            scheduler=Scheduler(store, outside.engine, self._runs, timetable=self._timetable),
            governor=self._means.governor,
            notices=self._notices,
            links=self._links,
            audit=self._audit,
            payloads=PayloadRetention(store, clock=outside.clock),
            streams=self._streams(),
        )

    def _made_means(self) -> DeliveryServices:
        outside, channels = self._outside, self._outside.dingtalk.channels
        governor = Governor(
            outside.stores.ledger,
            build_budget(self._settings),
            clock=outside.clock,
            cards_per_minute=self._settings.notify.cards_per_minute,
        )
        max_bytes = self._settings.reports.max_file_mb * MB
        limits = FileLimits(max_bytes=max_bytes, split=split_report, channels=channels)
        ladder = CircuitBreaker(self._store, self._notices, clock=outside.clock)
        return DeliveryServices(
            channels=channels,
            cards=self._cards,
            governor=governor,
            circuit_breaker=ladder,
            digests=Digests(self._store, self._jobs, channels=channels, cards=self._cards, ladder=ladder),
            report_sender=ReportSender(self._store, self._jobs, self._reports, self._links, limits),
        )

    def _context(self) -> Context:
        return Context(
            engine=self._outside.engine,
            runs=self._runs,
            reports=self._reports,
            delivery=self._deliver,
            resender=self._deliveries,
            users=UserDirectory(self._store),
            lists=RecentLists(self._store),
            governor=self._means.governor,
            budget=RequestBudget(
                self._outside.stores.ledger,
                clock=self._outside.clock,
                per_hour=self._settings.quota.per_person,
            ),
            report_sender=self._means.report_sender,
            links=self._links,
            download_log=self._audit,
            exports=self._exports,
            cards=self._cards,
            schedule_policy=self._timetable,
            clock=self._outside.clock,
            commands=usages(router.commands, self._settings.lang),
        )

    def _streams(self) -> Mapping[str, StreamConnection]:
        """What comes in by the Streams, and all other jobs, are known to the queue from here on."""
        wire, meter = self._outside.dingtalk, self._outside.rate_limiter
        rules = build_access_policy(self._settings)
        intake = Dispatcher(self._jobs, self._context(), wire.channels, router=router, rules=rules)
        for kinds in (
            self._runs.kinds,
            self._deliver.kinds,
            self._notices.kinds,
            self._exports.kinds(self._deliver.report_settled),
            intake.kinds,
        ):
            self._jobs.register(kinds)
        receive_message, receive_tap = (
            count_calls(meter, intake.receive_message),
            count_calls(meter, intake.receive_tap),
        )
        return {
            name: StreamConnection(
                wire.session,
                robot,
                by_app(name, receive_message),
                by_app(name, receive_tap),
                pace=Pace(meter=meter),
            )
            for name, robot in wire.robots.items()
        }


def by_app(app: str, take: Callable[[Incoming], Awaitable[Taken]]) -> Callable[[Incoming], Awaitable[Taken]]:
    """Say with what comes in by whose Stream it came."""

    async def take_by_app(incoming: Incoming) -> Taken:
        return await take(replace(incoming, app=app))

    return take_by_app


def count_calls(
    meter: RateLimiter, take: Callable[[Incoming], Awaitable[Taken]]
) -> Callable[[Incoming], Awaitable[Taken]]:
    """Add each inbound event to the usage of the month while it is stored."""

    async def take_and_count(incoming: Incoming) -> Taken:
        answer, _ = await asyncio.gather(take(incoming), meter.count_inbound())
        return answer

    return take_and_count


def build_budget(settings: Settings) -> Budget:
    """Build the monthly budget of API calls and of Webhook & Stream calls."""
    quota = settings.quota
    return Budget(limits={QuotaKind.API: quota.api, QuotaKind.STREAM: quota.stream_webhook})


def build_schedule_policy(settings: Settings) -> SchedulePolicy:
    return SchedulePolicy(
        zone=ZoneInfo(settings.timezone),
        misfire_policy=MisfirePolicy(settings.scheduler.misfire_policy),
        misfire_grace=timedelta(seconds=settings.scheduler.misfire_grace),
    )


def build_storage(settings: Settings, stores: StoreSet) -> ReportStorage:
    """Where reports lie: in a folder, or in the store's own archive."""
    reports = settings.reports
    return ReportStorage(
        folder=Path(reports.dir),
        keep=timedelta(days=reports.keep_days),
        zone=ZoneInfo(settings.timezone),
        archive=stores.archive if reports.store == "gridfs" else None,
    )


def build_links(settings: Settings, outside: Adapters) -> ReportLinks:
    reports = settings.reports
    terms = LinkPolicy(
        public_url=settings.web.public_url,
        ttl=timedelta(seconds=reports.link_ttl),
        max_downloads=reports.link_max_downloads,
    )
    key = reports.link_secret.get_secret_value() if reports.link_secret else ""
    return ReportLinks(outside.stores.links, terms, clock=outside.clock, key=key)


def build_access_policy(settings: Settings) -> AccessPolicy:
    """Build the rules of who may do what; people whom other settings name count before they have spoken."""
    return AccessPolicy(named=people_in(settings), **settings.access.model_dump())


def build_cards(settings: Settings) -> Cards:
    ding = settings.dingding
    template = CardTemplate.chosen(ding.card_template_id, ding.card_variables)
    return Cards(lang=settings.lang, zone=settings.timezone, template=template)
