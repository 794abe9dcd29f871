"""Build every service once, from the settings and the adapters.

`bot.app` and the tests call the same function: there is no other composition root.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.audit.log import AuditLog
from bot.audit.reader import AuditReader
from bot.chat.audited import AuditedDispatcher
from bot.chat.context import ChatDelivery, ChatQuota, Context, People, ReportServices
from bot.chat.dispatcher import Dispatcher
from bot.chat.pending_answers import PendingAnswers
from bot.chat.users import GroupDirectory, UserDirectory
from bot.config.loader import Settings
from bot.config.resolve import old_groups_in, resolve_operators
from bot.delivery.channels import Channels
from bot.delivery.circuit_breaker import CircuitBreaker
from bot.delivery.digests import Digests
from bot.delivery.files import FileLimits, ReportSender, Split
from bot.delivery.jobs import delivery_job_kinds
from bot.delivery.lapses.alerts import LapseAlerts
from bot.delivery.operator_alerts import AlertChannels, OperatorAlerts
from bot.delivery.policy.overrides import Overrides
from bot.delivery.reconcile import Reconciler
from bot.delivery.requests import DeliveryRequests
from bot.delivery.resend import Resender
from bot.delivery.services import DeliveryServices
from bot.external.repository import ExternalRecords
from bot.external.retention import ExternalRetention
from bot.jobs.queue import Jobs
from bot.jobs.retention import PayloadRetention
from bot.models import Clock
from bot.ports import Engine, Exporter, LastResort
from bot.quota.governor import Governor
from bot.quota.request_budget import RequestBudget
from bot.reports.attachments import Attachments
from bot.reports.downloads import DownloadLog
from bot.reports.exports import ReportExports
from bot.reports.links import ReportLinks
from bot.reports.repository import Reports
from bot.reports.retention import RunRetention
from bot.runs.decisions import NotificationDecisions
from bot.runs.discovery import RunDiscovery
from bot.runs.lapses import LapseChecker, LapseSources
from bot.runs.lifecycle import Runs
from bot.runs.reporting import RunReports
from bot.runs.schedule_lookup import ScheduleLookup
from bot.runs.scheduler import Scheduler
from bot.runs.watcher import Watcher
from bot.telemetry.metrics import Metrics
from bot.wiring.audit import build_audit_log, count_commands
from bot.wiring.chat import build_guards, build_logins
from bot.wiring.discoveries import build_discoveries
from bot.wiring.engines import build_external_records
from bot.wiring.notifications import build_quiet_hours
from bot.wiring.policies import (
    build_access_policy,
    build_budget,
    build_cards,
    build_schedule_policy,
)
from bot.wiring.reports import build_links, build_run_retention, build_storage
from bot.wiring.stores import StoreSet, clock_skew
from handlers import router


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """The ports that the services need, each with an open adapter."""

    stores: StoreSet
    engine: Engine
    exporter: Exporter
    channels: Channels
    direct_channels: Channels  # without rate limits, which need the store
    last_resort: LastResort | None = None
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
    delivery: DeliveryRequests
    reconciler: Reconciler
    resender: Resender
    watcher: Watcher
    run_reports: RunReports
    external: ExternalRecords
    run_retention: RunRetention
    external_retention: ExternalRetention
    discoveries: Mapping[str, RunDiscovery]  # of the engines that trigger runs themselves, by name
    lapses: LapseChecker
    scheduler: Scheduler
    governor: Governor
    operator_alerts: OperatorAlerts
    links: ReportLinks
    download_log: DownloadLog
    payload_retention: PayloadRetention
    audit_log: AuditLog
    dispatcher: AuditedDispatcher
    context: Context


def build_services(settings: Settings, adapters: Adapters) -> Services:
    """Build the services and register the kinds of jobs that they run. Nothing runs yet."""
    return _Builder(settings, adapters).services()


class _Builder:
    """Builds each service once, in the order in which they need each other."""

    def __init__(self, settings: Settings, adapters: Adapters) -> None:
        self._settings = settings
        self._adapters = adapters
        self._store = adapters.stores.store
        self._cards = build_cards(settings).with_clock(adapters.clock)
        self._schedule_policy = build_schedule_policy(settings)
        self._jobs = Jobs(
            self._store,
            clock=adapters.clock,
            owner=adapters.owner,
            skew=clock_skew(settings.store.url),
            on_outcome=adapters.metrics.outcome,
        )
        self._reports = Reports(self._store, build_storage(settings, adapters.stores), clock=adapters.clock)
        self._external = build_external_records(settings, adapters.stores)
        attachments = Attachments(self._external.runs, self._reports)
        self._exports = ReportExports(self._store, self._jobs, adapters.exporter, self._reports, attachments)
        self._overrides = Overrides(adapters.stores.overrides)
        decisions = NotificationDecisions(
            self._store,
            self._overrides,
            clock=adapters.clock,
            remind_after=settings.notify.remind_delay,
        )
        self._runs = Runs(
            self._store, adapters.engine, self._jobs, decisions=decisions, lapses=adapters.stores.lapses
        )
        self._resender = Resender(self._store, self._jobs)
        self._links = build_links(settings, adapters.stores, adapters.clock)
        self._download_log = DownloadLog(adapters.stores.links, clock=adapters.clock)
        self._audit_log = build_audit_log(
            settings, adapters.stores, adapters.clock, on_entry=count_commands(adapters.metrics)
        )
        self._alerts = OperatorAlerts(self._jobs, channels=self._alert_channels(), cards=self._cards)
        self._delivery_services = self._build_delivery_services()
        self._lapse_alerts = LapseAlerts(
            self._delivery_services, adapters.stores.lapses, self._overrides, enabled=settings.notify.lapses
        )
        self._delivery = DeliveryRequests(self._store, self._jobs, self._delivery_services.governor)
        self._reconciler = Reconciler(self._store, self._jobs, on_visible=adapters.metrics.visible)

    def services(self) -> Services:
        adapters, store, context = self._adapters, self._store, self._context()
        discoveries = build_discoveries(
            self._settings, store, adapters.engine, self._runs, clock=adapters.clock
        )
        run_reports = RunReports(store, self._external, self._runs, self._jobs)
        lapse_sources = LapseSources(
            runs=store, lapses=adapters.stores.lapses, discoveries=discoveries, reports=run_reports
        )
        return Services(
            jobs=self._jobs,
            reports=self._reports,
            exports=self._exports,
            runs=self._runs,
            delivery=self._delivery,
            reconciler=self._reconciler,
            resender=self._resender,
            watcher=Watcher(store, adapters.engine, self._runs, adapters.exporter, clock=adapters.clock),
            discoveries=discoveries,
            lapses=LapseChecker(
                lapse_sources, adapters.engine, self._lapse_alerts, policy=self._schedule_policy
            ),
            run_reports=run_reports,
            external=self._external,
            run_retention=build_run_retention(
                self._settings, adapters.stores, self._external.runs, adapters.clock
            ),
            external_retention=ExternalRetention(
                adapters.stores.documents, adapters.stores.tasks, self._reports.remove, clock=adapters.clock
            ),
            scheduler=Scheduler(store, adapters.engine, self._runs, policy=self._schedule_policy),
            governor=self._delivery_services.governor,
            operator_alerts=self._alerts,
            links=self._links,
            download_log=self._download_log,
            payload_retention=PayloadRetention(store, clock=adapters.clock),
            audit_log=self._audit_log,
            dispatcher=self._dispatcher(context),
            context=context,
        )

    def _alert_channels(self) -> AlertChannels:
        return AlertChannels(
            operators=resolve_operators(self._settings),
            channels=self._adapters.channels,
            direct=self._adapters.direct_channels,
            last_resort=self._adapters.last_resort,
        )

    def _build_delivery_services(self) -> DeliveryServices:
        adapters, channels = self._adapters, self._adapters.channels
        governor = Governor(
            adapters.stores.quota,
            build_budget(self._settings),
            clock=adapters.clock,
            cards_per_minute=self._settings.notify.cards_per_minute,
        )
        max_bytes = self._settings.reports.max_file_bytes
        limits = FileLimits(max_bytes=max_bytes, split=adapters.split, channels=channels)
        circuit_breaker = CircuitBreaker(self._store, self._alerts, clock=adapters.clock)
        return DeliveryServices(
            store=self._store,
            jobs=self._jobs,
            reports=self._reports,
            channels=channels,
            cards=self._cards,
            governor=governor,
            circuit_breaker=circuit_breaker,
            digests=Digests(
                self._store, self._jobs, channels=channels, cards=self._cards, circuit_breaker=circuit_breaker
            ),
            report_sender=ReportSender(self._store, self._jobs, self._reports, self._links, limits),
            overrides=self._overrides,
            quiet_hours=build_quiet_hours(self._settings),
            silent_success=self._settings.notify.silent_success,
            remind_after=self._settings.notify.remind_delay,
        )

    def _context(self) -> Context:
        adapters = self._adapters
        return Context(
            runs=self._runs,
            guards=build_guards(self._settings, adapters.stores, self._runs, adapters.clock),
            schedules=ScheduleLookup(
                adapters.engine, self._runs, self._schedule_policy, clock=adapters.clock
            ),
            reports=ReportServices(
                repository=self._reports,
                exports=self._exports,
                links=self._links,
                downloads=self._download_log,
                reported=self._external.runs,
            ),
            delivery=ChatDelivery(
                requests=self._delivery,
                resender=self._resender,
                files=self._delivery_services.report_sender,
                overrides=self._overrides,
                quiet_hours=self._delivery_services.quiet_hours,
            ),
            quota=ChatQuota(
                governor=self._delivery_services.governor,
                requests=RequestBudget(
                    adapters.stores.quota, clock=adapters.clock, per_hour=self._settings.quota.per_person
                ),
            ),
            people=People(
                users=UserDirectory(self._store),
                groups=GroupDirectory(self._store, adapters.channels, old_groups_in(self._settings)),
                answers=PendingAnswers(self._store, clock=adapters.clock),
                logins=build_logins(self._settings, adapters.stores, adapters.clock),
            ),
            audit=AuditReader(adapters.stores.audit),
            cards=self._cards,
            clock=adapters.clock,
        )

    def _dispatcher(self, context: Context) -> AuditedDispatcher:
        """Build the dispatcher, and register the jobs of all services with the queue."""
        policy = build_access_policy(self._settings)
        plain = Dispatcher(self._jobs, context, self._adapters.channels, router=router, policy=policy)
        labels = {design.action: design.label[self._settings.lang] for design in router.button_designs}
        dispatcher = AuditedDispatcher(plain, self._audit_log, context.people.users, labels=labels)
        for kinds in (
            self._runs.kinds,
            delivery_job_kinds(self._delivery_services, self._reconciler),
            self._alerts.kinds,
            self._lapse_alerts.kinds,
            self._exports.kinds(self._reconciler.on_export_finished),
            dispatcher.kinds,
        ):
            self._jobs.register(kinds)
        return dispatcher
