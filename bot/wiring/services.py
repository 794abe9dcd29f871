"""Build every service once, from the settings and the adapters.

`bot.app` and the tests call the same function: there is no other composition root.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.chat.context import ChatDelivery, ChatQuota, Context, ReportServices
from bot.chat.dispatcher import Dispatcher
from bot.chat.permissions import AccessPolicy
from bot.chat.users import UserDirectory
from bot.config.loader import Settings
from bot.config.resolve import people_in, resolve_operators
from bot.delivery.channels import Channels
from bot.delivery.circuit_breaker import CircuitBreaker
from bot.delivery.digests import Digests
from bot.delivery.files import FileLimits, ReportSender, Split
from bot.delivery.operator_alerts import OperatorAlerts
from bot.delivery.pipeline import DeliveryPipeline
from bot.delivery.resend import Resender
from bot.delivery.summaries import DeliveryServices
from bot.jobs.queue import Jobs
from bot.jobs.retention import PayloadRetention
from bot.models import Clock, QuotaKind
from bot.ports import Engine, Exporter
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
from bot.runs.schedule_lookup import ScheduleLookup
from bot.runs.scheduler import MisfirePolicy, SchedulePolicy, Scheduler
from bot.runs.watcher import Watcher
from bot.telemetry.metrics import Metrics
from bot.wiring.stores import StoreSet, clock_skew
from cards.card_template import CardTemplate
from cards.render import Cards
from handlers import router


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """The outside world of the services: every port with the adapter that was chosen for it, opened."""

    stores: StoreSet
    engine: Engine
    exporter: Exporter
    channels: Channels
    split: Split  # cuts a report that is too big to be sent as one file
    metrics: Metrics
    clock: Clock
    owner: str  # of the leases of this process


@dataclass(frozen=True, kw_only=True)
class Services:
    """Every service of a bot, connected with the others."""

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
    dispatcher: Dispatcher
    context: Context


def build_services(settings: Settings, adapters: Adapters) -> Services:
    """Build the services and register the kinds of jobs that they run. Nothing runs yet."""
    return _Builder(settings, adapters).services()


class _Builder:
    """Builds each service once, in the order in which they need each other."""

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
        self._reports = Reports(self._store, build_storage(settings, outside.stores), clock=outside.clock)
        self._exports = ReportExports(self._store, self._jobs, outside.exporter, self._reports)
        self._runs = Runs(self._store, outside.engine, self._jobs, clock=outside.clock)
        self._deliveries = Resender(self._store, self._jobs)
        self._links = build_links(settings, outside)
        self._audit = DownloadLog(outside.stores.links, clock=outside.clock)
        self._notices = OperatorAlerts(
            self._jobs,
            channels=outside.channels,
            cards=self._cards,
            operators=resolve_operators(settings),
        )
        self._means = self._made_means()
        self._deliver = DeliveryPipeline(self._store, self._jobs, self._reports, means=self._means)

    def services(self) -> Services:
        outside, store, context = self._outside, self._store, self._context()
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
                window=DiscoveryWindow(notify_max_age=notify_max_age, initial_lookback=initial_lookback),
            ),
            scheduler=Scheduler(store, outside.engine, self._runs, policy=self._timetable),
            governor=self._means.governor,
            notices=self._notices,
            links=self._links,
            audit=self._audit,
            payloads=PayloadRetention(store, clock=outside.clock),
            dispatcher=self._dispatcher(context),
            context=context,
        )

    def _made_means(self) -> DeliveryServices:
        outside, channels = self._outside, self._outside.channels
        governor = Governor(
            outside.stores.ledger,
            build_budget(self._settings),
            clock=outside.clock,
            cards_per_minute=self._settings.notify.cards_per_minute,
        )
        max_bytes = self._settings.reports.max_file_bytes
        limits = FileLimits(max_bytes=max_bytes, split=outside.split, channels=channels)
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
        outside = self._outside
        return Context(
            runs=self._runs,
            schedules=ScheduleLookup(outside.engine, self._runs, self._timetable, clock=outside.clock),
            reports=ReportServices(
                repository=self._reports, exports=self._exports, links=self._links, downloads=self._audit
            ),
            delivery=ChatDelivery(
                pipeline=self._deliver, resender=self._deliveries, files=self._means.report_sender
            ),
            quota=ChatQuota(
                governor=self._means.governor,
                requests=RequestBudget(
                    outside.stores.ledger, clock=outside.clock, per_hour=self._settings.quota.per_person
                ),
            ),
            users=UserDirectory(self._store),
            cards=self._cards,
            clock=outside.clock,
        )

    def _dispatcher(self, context: Context) -> Dispatcher:
        """Build the dispatcher, and register the jobs of all services with the queue."""
        policy = build_access_policy(self._settings)
        dispatcher = Dispatcher(self._jobs, context, self._outside.channels, router=router, policy=policy)
        for kinds in (
            self._runs.kinds,
            self._deliver.kinds,
            self._notices.kinds,
            self._exports.kinds(self._deliver.report_settled),
            dispatcher.kinds,
        ):
            self._jobs.register(kinds)
        return dispatcher


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
    return _compile_cards(
        settings.lang, settings.timezone, ding.card_template_id, tuple(ding.card_variables.items())
    )


@cache  # compiling the templates takes 0.2 s, and tests build the services hundreds of times
def _compile_cards(lang: str, zone: str, template_id: str, variables: tuple[tuple[str, str], ...]) -> Cards:
    return Cards(
        lang=lang,
        zone=zone,
        template=CardTemplate.chosen(template_id, dict(variables)),
        buttons=router.button_designs,
    )
