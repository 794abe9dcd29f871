"""Fixtures that most tests need: a clock that stands still, a store in a file, and the core on fakes."""

import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.chat.permissions import AccessPolicy
from bot.chat.users import UserDirectory
from bot.config.access import AccessRuleSettings
from bot.config.reports import MB
from bot.config.settings import Settings
from bot.delivery.channels import Channels
from bot.messengers.silent import SilentMessenger
from bot.models import (
    Destination,
    DestinationKind,
    Message,
    Person,
    QuotaKind,
    Run,
    Schedule,
    TaskStatus,
    Trigger,
)
from bot.ports import LastResort, Messenger, QuotaStore
from bot.quota.budget import Budget
from bot.reports.link_tokens import LinkPolicy
from bot.runs.approvals import Protection
from bot.runs.lifecycle import TriggerRequest
from bot.stores.sqlite.store import SqliteStore
from bot.telemetry.metrics import Metrics
from bot.telemetry.rescues import counting_rescues
from bot.wiring.pools import POOLS
from bot.wiring.services import Adapters, build_services
from bot.wiring.stores import StoreSet, sqlite_stores
from tests.brokers import rabbitmq, redis
from tests.factories import make_message, make_schedule
from tests.fakes import FakeClock, FakeEngine, FakeExporter, FakeMessenger, fake_channel, fake_split
from tests.mongo_server import add_option, address, database, mongo, own_variable

__all__ = ["address", "database", "mongo", "own_variable", "rabbitmq", "redis"]

GROUP = Destination.parse("group:cidA")
METRICS = Metrics()
RESCUES_FILE = "DINGRUN_TEST_RESCUES"  # variable: where the counts of the tests marked `rescue` are appended
ZONE = ZoneInfo("Asia/Shanghai")
TEST_GROUPS = (GROUP.id, "cidB", "cidSandboxGroupOps==")  # configured, unless a test names others
TEST_POLICY = AccessPolicy(admins=("user01",), operators=("user02",), conversations=TEST_GROUPS)
"""What the people of most tests may do."""
KINDS = tuple(kind for pool in POOLS for kind in pool.kinds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "dingrun.db")
    await store.open()
    yield store
    await store.close()


def changed(settings: Settings, **sections: Mapping[str, object]) -> Settings:
    """Return the settings with some keys of some sections replaced, without validation."""
    update = {name: getattr(settings, name).model_copy(update=keys) for name, keys in sections.items()}
    return settings.model_copy(update=update)


@dataclass
class CoreHarness:
    """The services on a real store and fakes, with the steps that many tests take."""

    store: SqliteStore
    clock: FakeClock
    folder: Path
    access_policy: AccessPolicy = TEST_POLICY
    engine: FakeEngine = field(default_factory=FakeEngine)
    messenger: FakeMessenger = field(default_factory=FakeMessenger)
    exporter: FakeExporter = field(default_factory=FakeExporter)
    reached: dict[DestinationKind, Messenger] = field(default_factory=dict)  # others than `messenger`
    apps: dict[str, Messenger] = field(default_factory=dict)  # others than the one in `DINGDING`
    quota_store: QuotaStore | None = None
    stores: StoreSet | None = None  # others than those on `store`
    terms: LinkPolicy = field(default_factory=LinkPolicy)
    max_bytes: int = 1_000_000
    budget: Budget = field(default_factory=Budget)
    per_hour: int = 20  # requests of one person
    operators: tuple[Destination, ...] = ()
    protected: dict[str, Protection] = field(default_factory=dict)
    fallback_webhooks: dict[str, Destination] = field(default_factory=dict)
    default_chat_id: str = ""
    template_id: str = "buttons"
    notify: dict[str, object] = field(default_factory=dict)  # settings of the section
    direct_channels: Channels | None = None  # others than those of `messenger`
    last_resort: LastResort | None = None

    def __post_init__(self) -> None:
        self.schedule = make_schedule(notify_enable=True, send_to=(GROUP,))
        self.engine.known.append(self.schedule)
        self.engine.clock = self.clock
        self.build()

    def build(self) -> None:
        """Build the services. A second build stands for a process that restarts on the same store."""
        stores = self.stores or sqlite_stores(self.store)
        adapters = self.adapters = Adapters(
            stores=replace(stores, quota=self.quota_store or stores.quota),
            engine=self.engine,
            exporter=self.exporter,
            channels=self._channels(),
            direct_channels=self.direct_channels or self._channels(),
            last_resort=self.last_resort,
            split=fake_split,
            metrics=METRICS,
            clock=self.clock,
            owner="test",
        )
        services = self.services = build_services(self.settings(), adapters)
        self.jobs, self.runs, self.watcher = services.jobs, services.runs, services.watcher
        self.reports, self.exports = services.reports, services.exports
        self.links, self.download_log = services.links, services.download_log
        self.audit = services.audit_log
        self.delivery, self.reconciler = services.delivery, services.reconciler
        self.notices, self.governor = services.operator_alerts, services.governor
        self.lapses, self.discoveries = services.lapses, services.discoveries
        self.context, self.intake = services.context, services.dispatcher

    def _channels(self) -> Channels:
        messengers = {
            (kind, ""): self.reached.get(kind) or fake_channel(self.messenger, kind)
            for kind in DestinationKind
        }
        messengers |= {
            (kind, app): fake_channel(each, kind)
            for app, each in self.apps.items()
            for kind in DestinationKind
        }
        return Channels(
            messengers=messengers, silent=SilentMessenger(), fallback_webhooks=self.fallback_webhooks
        )

    def settings(self) -> Settings:
        """Return the settings of this case. They are not validated: some are smaller than an operator's."""
        return changed(
            Settings(),
            dingding={"default_chat_id": self.default_chat_id, "card_template_id": self.template_id},
            reports={
                "dir": str(self.folder),
                "max_file_mb": self.max_bytes / MB,
                "link_ttl": self.terms.ttl.total_seconds(),
                "link_max_downloads": self.terms.max_downloads,
            },
            web={"public_url": self.terms.public_url},
            quota={
                "api": self.budget.limit(QuotaKind.API),
                "stream_webhook": self.budget.limit(QuotaKind.STREAM),
                "per_person": self.per_hour,
            },
            notify={"operators": self.operators, "on_call": self.access_policy.named, **self.notify},
            access=self._access(),
        )

    def _access(self) -> dict[str, object]:
        policy = self.access_policy
        rules = tuple(
            AccessRuleSettings.model_validate(asdict(rule) | {"role": rule.role.value})
            for rule in policy.rules
        )
        return {
            "admins": policy.admins,
            "operators": policy.operators,
            "viewers": policy.viewers,
            "conversations": policy.conversations or TEST_GROUPS,
            "rules": rules,
            "protected": {
                name: True if level is Protection.CONFIRM else level.value
                for name, level in self.protected.items()
            },
        }

    async def do_jobs(self) -> int:
        return await self.jobs.run_due(KINDS)

    async def trigger(self, schedule: Schedule | None = None, cause: str = "cron:s1:now") -> Run:
        """Trigger a run and submit it to the engine."""
        run = await self.runs.trigger(
            schedule or self.schedule, TriggerRequest(idempotency_key=cause, trigger=Trigger.CRON)
        )
        await self.do_jobs()
        return await self.run(run.id)

    async def finish(self, *, status: TaskStatus = TaskStatus.DONE, **changes: object) -> None:
        """End all tasks, let the watcher notice, and run the jobs that follow."""
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

    async def rerun(self, run: Run, by: str = "李雷") -> None:
        """Start the schedule of a run again, as a person does on its card."""
        request = TriggerRequest(
            idempotency_key=f"rerun:{run.id}", trigger=Trigger.CARD, asked_by=Person(id="user01", name=by)
        )
        await self.delivery.announce_rerun(run, await self.runs.trigger(run.schedule, request))

    async def say(self, text: str, **changes: object) -> str:
        """Say something in the group and return the reply."""
        await self.intake.receive_message(make_message(text, **changes))
        await self.do_jobs()
        return self.answer()

    async def hear(self, message: Message) -> None:
        await self.intake.receive_message(message)
        await self.do_jobs()

    def answer(self) -> str:
        """Return the last reply."""
        return [what for verb, _, what in self.messenger.sent if verb == "reply"][-1]


@pytest.fixture
async def core(store: SqliteStore, clock: FakeClock, tmp_path: Path) -> CoreHarness:
    """Return the core with two members who have spoken before, so that their taps count."""
    for member in ("user01", "user02"):
        await UserDirectory(store).record(Person(id=member))
    return CoreHarness(store=store, clock=clock, folder=tmp_path / "reports")


@pytest.fixture(autouse=True)
def rescues(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Count the rescues of a test, and hold it to those that it is marked with: `rescue(Rescue.…)`."""
    counts = Counter[str]()
    with counting_rescues(lambda path: counts.update([path.value])):
        yield counts
    wanted = {mark.args[0].value for mark in request.node.iter_markers("rescue")}
    if wanted and RESCUES_FILE in os.environ:
        with Path(os.environ[RESCUES_FILE]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(counts) + "\n")
    assert wanted <= counts.keys(), "a rescue path that was not taken"


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
