"""Two bots of a year on one store, with their sandbox, their weather and their clock."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bot.chat.permissions import AccessPolicy
from bot.config.settings import Settings
from bot.errors import DingRunError
from bot.models import CardTap, Destination, JobState, Message, NotifyOn, QuotaKind, RunStatus
from bot.quota.budget import Budget
from bot.wiring.stores import StoreSet, open_stores
from dingtalk_sandbox import Sandbox
from evidence.year import ZONE
from tests.conftest import CoreHarness, changed
from tests.factories import make_robot, make_schedule
from tests.fakes import FakeClock, FakeEngine
from tests.scenarios.fault_injection import GROUP, PLACES, ROBOT_GROUP, SCENE, Bot
from tests.scenarios.faults import FaultySession, Killed
from tests.scenarios.year_weather import Weather, weathered

MEMBERS = ("user01", "user02")
BESIDE_TOKEN = "beside-webhook-token"  # noqa: S105 - the sandbox's own
YEAR_SCENE = SCENE | {
    "groups": [
        {"id": GROUP, "title": "安全运营群", "members": list(MEMBERS), "robots": ["dingsandboxapp"]},
        {"id": ROBOT_GROUP, "title": "机器人群", "members": ["user01"], "robots": []},
    ],
    "custom_robots": [
        {"token": "sandbox-webhook-token", "secret": "SECsandbox0123456789", "group": ROBOT_GROUP},
        {"token": BESIDE_TOKEN, "secret": "SECsandbox0123456789", "group": GROUP, "name": "备用"},
    ],
    "settings": {"qps": 0, "api_limit": 0, "stream_limit": 0},
}
SCHEDULES = tuple(
    make_schedule(id=id_, name=name, cron=cron, notify_enable=True, notify_on=NotifyOn.ALWAYS, send_to=PLACES)
    for id_, name, cron in (
        ("daily", "每日巡检", "30 2 * * *"),  # in the hour that the clocks skip and repeat
        ("evening", "晚间巡检", "55 23 * * *"),
        ("weekly", "每周巡检", "0 8 * * 1"),
        ("monthly", "月度巡检", "5 0 1 * *"),
        ("leap", "闰日巡检", "0 12 29 2 *"),
    )
)
ROUND_SECONDS = 61
ALONE = 1 / 2  # chance that only one bot is at work
MAX_ROUNDS = 300
REPEAT_CHANCE = 1 / 4  # that DingTalk says a message again
WAIT = timedelta(hours=6)
MAX_TAPS = 50
BUSY, CONFIRM = "现在太忙", "再按一次"  # in what a person is told who taps


class YearHarness(CoreHarness):
    """The core of a bot in the time zone of the year."""

    url = "sqlite:///"

    def settings(self) -> Settings:
        settings = changed(super().settings(), store={"url": self.url})
        return settings.model_copy(update={"timezone": ZONE.key})


@dataclass(kw_only=True)
class Installation:
    """Two bots, their store and their DingTalk."""

    address: str
    folder: Path
    sandbox: Sandbox
    session: aiohttp.ClientSession
    clock: FakeClock
    weather: Weather
    chance: random.Random
    engine: FakeEngine = field(default_factory=lambda: FakeEngine(*SCHEDULES))
    bots: list[Bot] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    beside: bool = False  # a custom robot speaks in the group when API calls run out
    alone: float = ALONE
    unheard: list[Message] = field(default_factory=list)
    stores: StoreSet | None = None

    async def open(self) -> None:
        """Start both bots on the store, as two processes."""
        for _ in range(2):
            stores = open_stores(self.address)
            await stores.store.open()
            if self.address.startswith("sqlite"):
                store: Any = stores.store
                await store.rows(
                    "pragma synchronous=off"
                )  # the processes that die here take no disk with them
            self.stores = stores
            self.bots.append(self._bot(stores))

    def _bot(self, stores: StoreSet) -> Bot:
        faulty = weathered(stores, self.weather)
        store: Any = faulty.store
        core = YearHarness(
            store=store,
            stores=faulty,
            quota_store=faulty.quota,
            clock=self.clock,
            folder=self.folder / "reports",
            engine=self.engine,
            per_hour=0,
            access_policy=AccessPolicy(admins=MEMBERS[:1], operators=MEMBERS[1:], conversations=(GROUP,)),
        )
        core.url = self.address
        core.budget, core.fallback_webhooks = self.budget, self._fallback_webhooks
        self.engine.known[:] = SCHEDULES
        bot = Bot(core=core, url=self.sandbox.url, session=FaultySession(self.session, self.weather))
        bot.robots["beside"] = make_robot(BESIDE_TOKEN)
        bot.start()
        return bot

    @property
    def _fallback_webhooks(self) -> dict[str, Destination]:
        return {str(PLACES[0]): Destination.parse("webhook:beside")} if self.beside else {}

    def set_calls(self, limits: Mapping[QuotaKind, int], *, beside: bool) -> None:
        """Change how many calls a month has, in the settings of DingTalk and of both bots, which restart."""
        self.budget, self.beside = Budget(limits=limits), beside
        state = self.sandbox.state
        settings = replace(
            state.settings,
            api_limit=limits.get(QuotaKind.API, 0),
            stream_limit=limits.get(QuotaKind.STREAM, 0),
        )
        state.scenario = replace(state.scenario, settings=settings)
        for bot in self.bots:
            bot.core.budget, bot.core.fallback_webhooks = self.budget, self._fallback_webhooks
            bot.start()

    async def close(self) -> None:
        for bot in self.bots:
            await bot.core.store.close()
        self.bots.clear()

    async def round(self, *, due: bool = True) -> None:
        """One bot or both take all of their steps, or die in one of them."""
        self.weather.turn(self.clock())
        bots = self.chance.sample(self.bots, 1 if self.chance.random() < self.alone else 2)
        await asyncio.gather(*(self._work(bot, due=due) for bot in bots))

    async def _work(self, bot: Bot, *, due: bool) -> None:
        async with self.weather.baton:
            await self._go_through(bot, due=due)

    async def _go_through(self, bot: Bot, *, due: bool) -> None:
        try:
            await self._hear(bot)
            if due:
                await bot.core.services.scheduler.tick(self.clock())
            await bot.core.do_jobs()
            self.engine.end_all()
            await bot.core.watcher.tick()
            await bot.core.do_jobs()
            await bot.core.reconciler.run()
        except Killed:
            bot.start()
        except DingRunError:
            pass  # logged, and tried again in the next round

    async def _hear(self, bot: Bot) -> None:
        """DingTalk says a message until it is acked, and sometimes once more."""
        self.weather.steady = True  # DingTalk does not wait for long
        try:
            for message in list(self.unheard):
                await bot.core.intake.receive_message(message)
                if self.chance.random() > REPEAT_CHANCE:
                    self.unheard.remove(message)
        finally:
            self.weather.steady = False

    async def press(self, tap: CardTap) -> tuple[str, bool]:
        """Tap a button until a bot answers. Returns what is told, and whether a bot died before."""
        died = False
        for _ in range(MAX_TAPS):
            bot = self.chance.choice(self.bots)
            try:
                told = "".join((await bot.core.intake.receive_tap(tap)).values())
            except Killed:
                bot.start()
                died = True
                continue
            if CONFIRM not in told and BUSY not in told:
                return told, died
            self.clock.turn(seconds=2)
        raise TimeoutError(f"no answer to a tap at {self.clock()}")

    async def settle(self, *, due: bool = True) -> None:
        """Go on until nothing is left to do. Raises `TimeoutError` if that never happens."""
        for _ in range(MAX_ROUNDS):
            await self.round(due=due)
            if await self._is_quiet():
                return
            self.clock.turn(seconds=ROUND_SECONDS)
        raise TimeoutError(f"not settled at {self.clock()}: {await self._open_jobs()}")

    async def _is_quiet(self) -> bool:
        if self.unheard or await self._open_jobs():
            return False
        assert self.stores is not None
        return not await self.stores.store.find_runs(status=RunStatus.RUNNING, limit=1)

    async def _open_jobs(self, *, within: timedelta = timedelta(hours=1)) -> Sequence[str]:
        """Return the jobs that are due soon. What waits for calls of the next month is not waited for."""
        assert self.stores is not None
        found = await self.stores.store.find_jobs(states={JobState.TODO, JobState.DOING}, limit=1_000)
        return [job.id for job in found if (job.lease_until or job.due_at) < self.clock() + within]

    async def finish(self) -> None:
        """Go on until nothing waits for the calls of the next month."""
        await self.settle(due=False)
        while await self._open_jobs(within=timedelta(days=31)):
            self.clock.turn(seconds=WAIT.total_seconds())
            await self.settle(due=False)

    async def keep_house(self) -> None:
        """Take the steps of housekeeping."""
        services = self.chance.choice(self.bots).core.services
        for step in (
            services.run_retention.sweep,
            services.audit_log.purge_expired,
            services.payload_retention.sweep,
            services.reports.purge_expired,
        ):
            try:
                await step()
            except (Killed, DingRunError):
                continue
