"""A year of two bots on one store: schedules, people, and trouble all along, on a compressed clock.

    python -m tests.scenarios.year_simulation --out HISTORY.jsonl --folder FOLDER --store URL [--seed N]

It lives through the days and writes down what people asked for, what they saw, and what the bots claim.
`python -m evidence.year` starts it, knows by itself what was due, and judges. The same seed is the same year.
"""

import argparse
import asyncio
import logging
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from bot.chat.permissions import AccessPolicy
from bot.config.settings import Settings
from bot.errors import DingRunError
from bot.models import JobState, Message, NotifyOn, RunStatus
from bot.wiring.stores import StoreSet, open_stores
from dingtalk_sandbox import Sandbox
from evidence.history import Act, Expected, Record, Restart, write_history
from tests.conftest import CoreHarness, changed
from tests.factories import make_message, make_schedule
from tests.fakes import FakeClock, FakeEngine
from tests.scenarios.fault_injection import GROUP, PLACES, SCENE, Bot
from tests.scenarios.faults import FaultySession, Killed
from tests.scenarios.year_history import Chronicle
from tests.scenarios.year_upgrades import downgrade, earlier_versions, remove
from tests.scenarios.year_weather import Weather, weathered

ZONE = ZoneInfo("Europe/Berlin")
FIRST = date(2028, 1, 1)  # of a leap year
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
MINUTES = (0, 5, 30, 55)  # at which the bots look whether something is due, in the busy hours
BUSY_HOURS = (0, 2, 23)
ROUND_SECONDS = 61
MAX_ROUNDS = 300
QUESTIONS = ("状态", "帮助", "失败 晚间巡检", "重跑 每日巡检", "重跑 晚间巡检", "重跑 月度巡检")
TALK_CHANCE = 1 / 15  # in a look
REPEAT_CHANCE = 1 / 4  # that DingTalk says a message again
UPGRADE_DAYS = 19
IN_THE_MIDDLE = 1 / 2  # chance that an upgrade interrupts work
UPGRADE = timedelta(minutes=10)


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
            access_policy=AccessPolicy(admins=("user01",), conversations=(GROUP,)),
        )
        core.url = self.address
        self.engine.known[:] = SCHEDULES
        bot = Bot(core=core, url=self.sandbox.url, session=FaultySession(self.session, self.weather))
        bot.start()
        return bot

    async def close(self) -> None:
        for bot in self.bots:
            await bot.core.store.close()
        self.bots.clear()

    async def round(self, *, due: bool = True) -> None:
        """One bot takes all of its steps, or dies in one of them."""
        bot = self.chance.choice(self.bots)
        self.weather.turn(self.clock())
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
        for message in list(self.unheard):
            await bot.core.intake.receive_message(message)
            if self.chance.random() > REPEAT_CHANCE:
                self.unheard.remove(message)

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

    async def _open_jobs(self) -> Sequence[str]:
        assert self.stores is not None
        found = await self.stores.store.find_jobs(states={JobState.TODO, JobState.DOING}, limit=100)
        now = self.clock() + timedelta(hours=1)  # a reminder of a day ahead is not waited for
        return [job.id for job in found if (job.lease_until or job.due_at) < now]

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


@dataclass(kw_only=True)
class Year:
    """The days of an installation, and what is written down of them."""

    place: Installation
    chronicle: Chronicle
    out: Path
    wishes: int = 0
    upgrade_days: int = UPGRADE_DAYS
    upgrades: int = 0
    records: list[Record] = field(default_factory=list)

    async def live(self, first: date, days: int) -> None:
        """Live through the days, from midnight to midnight in the time zone."""
        clock = self.place.clock
        clock.now = midnight(first) - timedelta(minutes=1)
        await self.place.open()
        await self.place.settle()
        versions = earlier_versions(self.place.address)
        for number in range(days):
            day = first + timedelta(days=number)
            if number % self.upgrade_days == self.upgrade_days - 1:
                await self._upgrade(versions[self.upgrades % len(versions)])
            await self._day(day)
        await self.place.settle(due=False)
        await self.write()

    async def _day(self, day: date) -> None:
        place = self.place
        place.weather.forecast(midnight(day))
        for look in looks(day):
            if look <= place.clock():
                continue  # the last one took longer
            place.clock.now = look
            await place.settle()
            if place.chance.random() < TALK_CHANCE:  # while nothing runs, so that no wish is refused
                self._say(place.chance.choice(QUESTIONS))
                await place.settle()
        await place.keep_house()
        await self.write()

    def _say(self, text: str) -> None:
        """Somebody says something in the group. What they wish is to be told once."""
        self.wishes += 1
        place, id_ = self.place, f"wish{self.wishes}"
        hook, _ = place.sandbox.state.open_session(GROUP, place.sandbox.state.scenario.apps[0])
        message = make_message(text, id=id_, conversation_id=GROUP, session_webhook=hook)
        place.unheard.append(message)
        if text.startswith("重跑"):
            self.records += [
                Expected(run=id_, destination=str(to), act=act, at=place.clock())
                for to in PLACES
                for act in (Act.SUMMARY, Act.FILE)
                if act is Act.SUMMARY or to.takes_files
            ]

    async def _upgrade(self, version: int) -> None:
        """Both bots stop, their store becomes one of an earlier version, and a newer version starts on it."""
        place = self.place
        if place.chance.random() < IN_THE_MIDDLE:
            self._say("重跑 每日巡检")
            await place.round()
        await place.close()
        await downgrade(place.address, version)
        place.clock.turn(seconds=UPGRADE.total_seconds())
        await place.open()
        self.upgrades += 1
        self.records.append(Restart(at=place.clock()))
        await place.settle()

    async def write(self) -> None:
        """Append what has happened since the last time."""
        assert self.place.stores is not None
        self.records += await self.chronicle.look(self.place.stores.store, self.place.clock())
        await asyncio.to_thread(write_history, self.out, self.records)
        self.records.clear()


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def looks(day: date) -> Sequence[datetime]:
    """Return the times of a day at which the bots look whether something is due, in order."""
    hours = int((midnight(day + timedelta(days=1)) - midnight(day)) / timedelta(hours=1))
    begins = [midnight(day) + timedelta(hours=hour) for hour in range(hours)]
    return [
        begin + timedelta(minutes=minute)
        for begin in begins
        for minute in (MINUTES if begin.astimezone(ZONE).hour in BUSY_HOURS else MINUTES[:1])
    ]


@asynccontextmanager
async def year(address: str, folder: Path, out: Path, seed: int) -> AsyncIterator[Year]:
    """Open the sandbox, and a year that has not begun."""
    async with AsyncExitStack() as stack:
        clock, chance = FakeClock(), random.Random(seed)  # noqa: S311 - no secret in it
        scene = SCENE | {"settings": {"qps": 0, "api_limit": 0, "stream_limit": 0}}
        sandbox = await stack.enter_async_context(Sandbox(scenario=scene, clock=clock))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        place = Installation(
            address=address,
            folder=folder,
            sandbox=sandbox,
            session=session,
            clock=clock,
            weather=Weather(chance=chance),
            chance=chance,
        )
        stack.push_async_callback(place.close)
        yield Year(place=place, chronicle=Chronicle(sandbox, ZONE), out=out)


async def simulate(options: argparse.Namespace) -> str:
    """Live through the year. Returns what happened in it."""
    try:
        async with year(options.store, options.folder, options.out, options.seed) as case:
            await case.live(options.first, options.days)
    finally:
        await remove(options.store)
    weather = case.place.weather
    troubles = ", ".join(f"{count} {what}" for what, count in sorted(weather.happened.items()))
    return f"{weather.deaths} deaths, {case.upgrades} upgrades, {case.wishes} messages of people, {troubles}"


def main(argv: Sequence[str] | None = None) -> None:
    """Live through a year, and print what happened in it."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios.year_simulation", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for reports")
    parser.add_argument("--store", required=True, help="URL of an empty store")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=date.fromisoformat, default=FIRST)
    parser.add_argument("--days", type=int, default=366)
    options = parser.parse_args(argv)
    logging.disable(logging.CRITICAL)
    sys.stdout.write(asyncio.run(simulate(options)) + "\n")


if __name__ == "__main__":
    main()
