"""What most tests need: a clock that stands still, a store in a file, and the core on fakes."""

from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.chat.context import Context
from bot.chat.dispatcher import Dispatcher
from bot.chat.permissions import AccessPolicy
from bot.chat.recent_lists import RecentLists
from bot.chat.router import usages
from bot.chat.users import UserDirectory
from bot.delivery.channels import Channels
from bot.delivery.circuit_breaker import CircuitBreaker
from bot.delivery.digests import Digests
from bot.delivery.files import FileLimits, ReportSender
from bot.delivery.operator_alerts import OperatorAlerts
from bot.delivery.pipeline import DeliveryPipeline
from bot.delivery.resend import Resender
from bot.delivery.summaries import DeliveryServices
from bot.jobs.queue import Jobs
from bot.messengers.silent import SilentMessenger
from bot.models import (
    Destination,
    DestinationKind,
    Message,
    Person,
    Run,
    Schedule,
    TaskStatus,
    Trigger,
)
from bot.ports import Messenger, QuotaStore
from bot.quota.budget import Budget
from bot.quota.governor import Governor
from bot.quota.request_budget import RequestBudget
from bot.reports.downloads import DownloadLog
from bot.reports.exports import ReportExports
from bot.reports.link_tokens import LinkPolicy
from bot.reports.links import ReportLinks
from bot.reports.repository import Reports
from bot.reports.storage import ReportStorage
from bot.runs.lifecycle import Runs, TriggerRequest
from bot.runs.scheduler import SchedulePolicy
from bot.runs.watcher import Watcher
from bot.stores.sqlite.ledger import SqliteQuotaStore
from bot.stores.sqlite.links import SqliteLinks
from bot.stores.sqlite.store import SqliteStore
from cards.render import Cards
from handlers import router
from tests.brokers import rabbitmq, redis
from tests.factories import make_message, make_schedule
from tests.fakes import FakeClock, FakeEngine, FakeExporter, FakeMessenger, fake_channel, fake_split
from tests.mongo_server import add_option, database, mongo, own_variable

__all__ = ["database", "mongo", "own_variable", "rabbitmq", "redis"]

GROUP = Destination.parse("group:cidA")
CARDS = Cards()  # its templates are compiled once
ZONE = ZoneInfo("Asia/Shanghai")
KINDS = (
    *("message", "delay", "tap", "submit", "export"),
    *("card", "note", "file", "update", "digest", "notice"),
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "dingrun.db")
    await store.open()
    yield store
    await store.close()


@dataclass
class CoreHarness:
    """The core on a real store and fakes, with the few steps that tests take again and again."""

    store: SqliteStore
    clock: FakeClock
    folder: Path
    access_policy: AccessPolicy = field(default_factory=AccessPolicy)
    engine: FakeEngine = field(default_factory=FakeEngine)
    messenger: FakeMessenger = field(default_factory=FakeMessenger)
    exporter: FakeExporter = field(default_factory=FakeExporter)
    reached: dict[DestinationKind, Messenger] = field(default_factory=dict)  # others than `messenger`
    apps: dict[str, Messenger] = field(default_factory=dict)  # others than the one in `DINGDING`
    quota_store: QuotaStore | None = None
    terms: LinkPolicy = field(default_factory=LinkPolicy)
    max_bytes: int = 1_000_000
    budget: Budget = field(default_factory=Budget)
    per_hour: int = 20  # requests of one person
    operators: tuple[Destination, ...] = ()
    fallback_webhooks: dict[str, Destination] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.schedule = make_schedule(notify_enable=True, send_to=(GROUP,))
        self.engine.known.append(self.schedule)
        self.build()

    def build(self) -> None:
        """As at a start: a second build stands for a process that starts again on the same store."""
        clock, store = self.clock, self.store
        cards = CARDS
        self.jobs = Jobs(store, clock=clock, owner="test")
        storage = ReportStorage(folder=self.folder, keep=timedelta(days=30), zone=ZONE)
        self.reports = Reports(store, storage, clock=clock)
        self.exports = ReportExports(store, self.jobs, self.exporter, self.reports)
        kinds = {
            (kind, ""): self.reached.get(kind) or fake_channel(self.messenger, kind)
            for kind in DestinationKind
        }
        kinds |= {
            (kind, app): fake_channel(each, kind)
            for app, each in self.apps.items()
            for kind in DestinationKind
        }
        channels = Channels(
            messengers=kinds, silent=SilentMessenger(), fallback_webhooks=self.fallback_webhooks
        )
        ledger = self.quota_store or SqliteQuotaStore(store)
        self.governor = Governor(ledger, self.budget, clock=clock)
        self.notices = OperatorAlerts(self.jobs, channels=channels, cards=cards, operators=self.operators)
        ladder = CircuitBreaker(store, self.notices, clock=clock)
        digests = Digests(store, self.jobs, channels=channels, cards=cards, ladder=ladder)
        port = SqliteLinks(store)
        self.links, self.audit = ReportLinks(port, self.terms, clock=clock), DownloadLog(port, clock=clock)
        limits = FileLimits(max_bytes=self.max_bytes, split=fake_split, channels=channels)
        parcels = ReportSender(store, self.jobs, self.reports, self.links, limits)
        means = DeliveryServices(
            channels=channels,
            cards=cards,
            governor=self.governor,
            circuit_breaker=ladder,
            digests=digests,
            report_sender=parcels,
        )
        self.deliver = DeliveryPipeline(store, self.jobs, self.reports, means=means)
        self.runs = Runs(store, self.engine, self.jobs, clock=clock)
        self.watcher = Watcher(store, self.engine, self.runs, clock=clock)
        self.context = Context(
            engine=self.engine,
            runs=self.runs,
            reports=self.reports,
            delivery=self.deliver,
            resender=Resender(store, self.jobs),
            users=UserDirectory(store),
            lists=RecentLists(store),
            governor=self.governor,
            budget=RequestBudget(ledger, clock=clock, per_hour=self.per_hour),
            report_sender=parcels,
            links=self.links,
            download_log=self.audit,
            exports=self.exports,
            cards=cards,
            schedule_policy=SchedulePolicy(zone=ZONE),
            clock=clock,
            commands=usages(router.commands, "zh-CN"),
        )
        self.intake = Dispatcher(self.jobs, self.context, channels, router=router, rules=self.access_policy)
        for kinds_of in (
            self.runs.kinds,
            self.deliver.kinds,
            self.notices.kinds,
            self.exports.kinds(self.deliver.report_settled),
            self.intake.kinds,
        ):
            self.jobs.register(kinds_of)

    async def do_jobs(self) -> int:
        return await self.jobs.run_due(KINDS)

    async def trigger(self, schedule: Schedule | None = None, cause: str = "cron:s1:now") -> Run:
        """Trigger a run and hand it to the engine."""
        run = await self.runs.trigger(
            schedule or self.schedule, TriggerRequest(idempotency_key=cause, trigger=Trigger.CRON)
        )
        await self.do_jobs()
        return await self.run(run.id)

    async def finish(self, *, status: TaskStatus = TaskStatus.DONE, **changes: object) -> None:
        """End all tasks, let the watcher see it, and do what follows."""
        self.engine.end_all(status, **changes)
        await self.watcher.tick()
        await self.do_jobs()

    async def finished_run(self) -> Run:
        run = await self.trigger(cause=f"cron:s1:{self.clock().isoformat()}")
        await self.finish()
        return await self.run(run.id)

    async def run(self, run_id: str) -> Run:
        run = await self.store.find_run(run_id)
        assert run is not None
        return run

    async def say(self, text: str, **changes: object) -> str:
        """Say something in the group and return the answer."""
        await self.intake.receive_message(make_message(text, **changes))
        await self.do_jobs()
        return self.answer()

    async def hear(self, message: Message) -> None:
        await self.intake.receive_message(message)
        await self.do_jobs()

    def answer(self) -> str:
        """The last answer given."""
        return [what for verb, _, what in self.messenger.sent if verb == "reply"][-1]


@pytest.fixture
async def desk(store: SqliteStore, clock: FakeClock, tmp_path: Path) -> CoreHarness:
    """With two members who have spoken before, so that their presses count."""
    for member in ("user01", "user02"):
        await UserDirectory(store).record(Person(id=member))
    return CoreHarness(store=store, clock=clock, folder=tmp_path / "reports")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")
    add_option(parser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and item.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and skips are forbidden here: {report.longrepr}"
    return report
