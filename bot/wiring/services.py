"""The parts of the service, and how they hold on to each other; `bot.app` runs them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from bot.chat.context import Context
from bot.chat.dispatcher import Intake
from bot.chat.recent_lists import RecentLists
from bot.chat.router import usages
from bot.chat.users import People
from bot.config.loader import Settings
from bot.config.resolve import operators_of, rules_of
from bot.delivery.circuit_breaker import Ladder
from bot.delivery.digests import Digests
from bot.delivery.files import Limits, Parcels
from bot.delivery.operator_alerts import Notices
from bot.delivery.pipeline import Deliver
from bot.delivery.resend import Deliveries
from bot.delivery.summaries import Means
from bot.exporters.local.splitter import split_report
from bot.jobs.queue import Jobs
from bot.jobs.retention import PayloadRetention
from bot.messengers.dingtalk.rate_limiter import Meter
from bot.messengers.dingtalk.stream import Pace, StreamConnection
from bot.models import CardTap, Clock, Message
from bot.ports import Engine
from bot.quota.governor import Governor
from bot.quota.request_budget import RequestBudget
from bot.reports.downloads import Audit
from bot.reports.exports import Remakes
from bot.reports.link_tokens import Terms
from bot.reports.links import ReportLinks
from bot.reports.repository import Reports, Shelf
from bot.runs.discovery import Finder, Past
from bot.runs.lifecycle import Runs
from bot.runs.scheduler import Missed, Scheduler, Timetable
from bot.runs.watcher import Watcher
from bot.telemetry.metrics import Metrics
from bot.wiring.exporters import exporter_of
from bot.wiring.messengers import Wire
from bot.wiring.stores import Stores, skew_of
from cards.card_template import CardTemplate
from cards.render import Cards
from handlers import router

MB = 1024 * 1024

Incoming = TypeVar("Incoming", Message, CardTap)
Taken = TypeVar("Taken")


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What the parts stand on, opened: the store, the engine, the way to DingTalk, the clock."""

    stores: Stores
    engine: Engine
    wire: Wire
    meter: Meter
    metrics: Metrics
    clock: Clock
    owner: str


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the service consists of; `streams` by the names of their apps, "" for the one in `DINGDING`."""

    jobs: Jobs
    reports: Reports
    runs: Runs
    deliver: Deliver
    deliveries: Deliveries
    watcher: Watcher
    finder: Finder
    scheduler: Scheduler
    governor: Governor
    notices: Notices
    links: ReportLinks
    audit: Audit
    payloads: PayloadRetention
    streams: Mapping[str, StreamConnection]


def parts_of(settings: Settings, outside: Outside) -> Parts:
    """The parts made and bound together, and the jobs that they know registered; nothing runs yet."""
    return _Builder(settings, outside).parts()


class _Builder:
    """Makes each part once, those first that others hold."""

    def __init__(self, settings: Settings, outside: Outside) -> None:
        self._settings = settings
        self._outside = outside
        self._store = outside.stores.store
        self._cards = cards_of(settings)
        self._timetable = timetable_of(settings)
        self._jobs = Jobs(
            self._store,
            clock=outside.clock,
            owner=outside.owner,
            skew=skew_of(settings.store.url),
            on_outcome=outside.metrics.outcome,
        )
        exporter = exporter_of(settings, outside.stores, outside.engine, clock=outside.clock)
        self._reports = Reports(
            self._store, exporter, shelf_of(settings, outside.stores), clock=outside.clock
        )
        self._runs = Runs(self._store, outside.engine, self._jobs, clock=outside.clock)
        self._deliveries = Deliveries(self._store, self._jobs)
        self._links = links_of(settings, outside)
        self._audit = Audit(outside.stores.links, clock=outside.clock)
        self._notices = Notices(
            self._jobs,
            channels=outside.wire.channels,
            cards=self._cards,
            operators=operators_of(settings),
        )
        self._means = self._made_means()
        self._deliver = Deliver(self._store, self._jobs, self._reports, means=self._means)

    def parts(self) -> Parts:
        outside, store = self._outside, self._store
        return Parts(
            jobs=self._jobs,
            reports=self._reports,
            runs=self._runs,
            deliver=self._deliver,
            deliveries=self._deliveries,
            watcher=Watcher(store, outside.engine, self._runs, clock=outside.clock),
            finder=Finder(
                store,
                outside.engine,
                self._runs,
                clock=outside.clock,
                past=Past(
                    tell_within=timedelta(seconds=self._settings.engine.notify_max_age),
                    look_back=timedelta(seconds=self._settings.engine.initial_lookback),
                ),
            ),
            scheduler=Scheduler(store, outside.engine, self._runs, timetable=self._timetable),
            governor=self._means.governor,
            notices=self._notices,
            links=self._links,
            audit=self._audit,
            payloads=PayloadRetention(store, clock=outside.clock),
            streams=self._streams(),
        )

    def _made_means(self) -> Means:
        outside, channels = self._outside, self._outside.wire.channels
        governor = Governor(
            outside.stores.ledger,
            self._settings.quota.budget(),
            clock=outside.clock,
            cards_per_minute=self._settings.notify.cards_per_minute,
        )
        most_bytes = self._settings.reports.max_file_mb * MB
        limits = Limits(most_bytes=most_bytes, split=split_report, channels=channels)
        ladder = Ladder(self._store, self._notices, clock=outside.clock)
        return Means(
            channels=channels,
            cards=self._cards,
            governor=governor,
            ladder=ladder,
            digests=Digests(self._store, self._jobs, channels=channels, cards=self._cards, ladder=ladder),
            parcels=Parcels(self._store, self._jobs, self._reports, self._links, limits),
        )

    def _context(self) -> Context:
        return Context(
            engine=self._outside.engine,
            runs=self._runs,
            reports=self._reports,
            deliver=self._deliver,
            deliveries=self._deliveries,
            people=People(self._store),
            lists=RecentLists(self._store),
            governor=self._means.governor,
            budget=RequestBudget(
                self._outside.stores.ledger,
                clock=self._outside.clock,
                per_hour=self._settings.quota.per_person,
            ),
            parcels=self._means.parcels,
            links=self._links,
            audit=self._audit,
            remakes=Remakes(self._store, self._jobs, self._reports),
            cards=self._cards,
            timetable=self._timetable,
            clock=self._outside.clock,
            commands=usages(router.commands, self._settings.lang),
        )

    def _streams(self) -> Mapping[str, StreamConnection]:
        """What comes in by the Streams, and all other jobs, are known to the queue from here on."""
        wire, meter, rules = self._outside.wire, self._outside.meter, rules_of(self._settings)
        intake = Intake(self._jobs, self._context(), wire.channels, router=router, rules=rules)
        for kinds in (
            self._runs.kinds,
            self._deliver.kinds,
            self._notices.kinds,
            self._reports.kinds(self._deliver.report_settled),
            intake.kinds,
        ):
            self._jobs.register(kinds)
        on_message, on_tap = counted(meter, intake.on_message), counted(meter, intake.on_tap)
        return {
            name: StreamConnection(
                wire.session,
                robot,
                by_app(name, on_message),
                by_app(name, on_tap),
                pace=Pace(meter=meter),
            )
            for name, robot in wire.robots.items()
        }


def by_app(app: str, take: Callable[[Incoming], Awaitable[Taken]]) -> Callable[[Incoming], Awaitable[Taken]]:
    """Say with what comes in by whose Stream it came."""

    async def take_by_app(incoming: Incoming) -> Taken:
        return await take(replace(incoming, app=app))

    return take_by_app


def counted(
    meter: Meter, take: Callable[[Incoming], Awaitable[Taken]]
) -> Callable[[Incoming], Awaitable[Taken]]:
    """Book what comes in while it is taken; its answer waits for the booking, but not for long."""

    async def take_and_count(incoming: Incoming) -> Taken:
        booked = meter.came_in()
        answer = await take(incoming)
        await booked.wait()
        return answer

    return take_and_count


def timetable_of(settings: Settings) -> Timetable:
    return Timetable(
        zone=ZoneInfo(settings.timezone),
        missed=Missed(settings.scheduler.misfire_policy),
        grace=timedelta(seconds=settings.scheduler.misfire_grace),
    )


def shelf_of(settings: Settings, stores: Stores) -> Shelf:
    """Where reports lie: in a folder, or in the store's own archive."""
    reports = settings.reports
    return Shelf(
        folder=Path(reports.dir),
        keep=timedelta(days=reports.keep_days),
        zone=ZoneInfo(settings.timezone),
        archive=stores.archive if reports.store == "gridfs" else None,
    )


def links_of(settings: Settings, outside: Outside) -> ReportLinks:
    reports = settings.reports
    terms = Terms(
        public_url=settings.web.public_url,
        ttl=timedelta(seconds=reports.link_ttl),
        most=reports.link_max_downloads,
    )
    key = reports.link_secret.get_secret_value() if reports.link_secret else ""
    return ReportLinks(outside.stores.links, terms, clock=outside.clock, key=key)


def cards_of(settings: Settings) -> Cards:
    ding = settings.dingding
    template = CardTemplate.chosen(ding.card_template_id, ding.card_variables)
    return Cards(lang=settings.lang, zone=settings.timezone, template=template)
