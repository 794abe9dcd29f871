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

import aiohttp

from bot.models import Person
from dingtalk_sandbox import Sandbox
from evidence.history import Act, Calls, Effect, Record, Restart, write_history
from evidence.wishes import ACCEPTED, AGAIN, GROUP
from evidence.year import ZONE, calendar
from tests.factories import make_message
from tests.fakes import FakeClock
from tests.scenarios.year_calls import Months
from tests.scenarios.year_history import Chronicle
from tests.scenarios.year_installation import SCHEDULES, YEAR_SCENE, Installation
from tests.scenarios.year_people import People, Request, understand
from tests.scenarios.year_upgrades import downgrade, earlier_versions, keeps_mutes, remove
from tests.scenarios.year_weather import Weather

GROUP_ID = GROUP.removeprefix("group:")
FIRST = date(2028, 1, 1)  # of a leap year
MINUTES = (0, 5, 30, 55)  # at which the bots look whether something is due, in the busy hours
BUSY_HOURS = (0, 2, 23)
TALK_CHANCE = 1 / 15  # in a look
PLAN_CHANCE = 1 / 4  # likewise, while people have not asked for what they plan to
LAST_LOOKS = 4
UPGRADE_DAYS = 19
IN_THE_MIDDLE = 1 / 2  # chance that an upgrade interrupts work
UPGRADE = timedelta(minutes=10)


@dataclass(kw_only=True)
class Year:
    """The days of an installation, and what is written down of them."""

    place: Installation
    chronicle: Chronicle
    out: Path
    months: Months
    plan: Sequence[str] = ()  # what people ask for first
    talk_chance: float = TALK_CHANCE
    upgrade_days: int = UPGRADE_DAYS
    upgrades: int = 0
    records: list[Record] = field(default_factory=list)

    async def live(self, first: date, days: int) -> None:
        """Live through the days, from midnight to midnight in the time zone."""
        place = self.place
        self.people = People(
            chance=place.chance,
            chronicle=self.chronicle,
            schedules=SCHEDULES,
            calendar=[*calendar(first, days)],
            plan=[*self.plan],
        )
        place.clock.now = midnight(first) - timedelta(minutes=1)
        self.months.turn(place.clock())
        await place.open()
        await place.settle()
        versions = earlier_versions(place.address)
        for number in range(days):
            day = first + timedelta(days=number)
            if number % self.upgrade_days == self.upgrade_days - 1:
                await self._upgrade(versions[self.upgrades % len(versions)])
            await self._day(day)
        for _ in range(LAST_LOOKS):  # a look may take longer than until the next, or fail
            await place.settle()
        await place.finish()
        await self.write()

    async def _day(self, day: date) -> None:
        place = self.place
        place.weather.forecast(midnight(day))
        for look in looks(day):
            if look <= place.clock():
                continue  # the last one took longer
            place.clock.now = look
            self.months.turn(look)
            await place.settle()
            await self._count()
            if place.chance.random() < (
                PLAN_CHANCE if self.people.plan else self.talk_chance
            ):  # while nothing runs, so that no wish is refused
                await self._look()
                await self._ask(self.people.choose(place.clock()))
                await place.settle()
        await place.keep_house()
        await self.write()

    async def _ask(self, request: Request) -> None:
        """Somebody says or taps something in the group."""
        place, wish = self.place, request.wish
        self.records.append(wish)
        first = self.chronicle.ask(wish, request.tap)
        if request.tap is None:
            hook, _ = place.sandbox.state.open_session(GROUP_ID, place.sandbox.state.scenario.apps[0])
            place.unheard.append(
                make_message(
                    request.text,
                    id=wish.id,
                    conversation_id=GROUP_ID,
                    session_webhook=hook,
                    sender=Person(id=wish.person),
                )
            )
            return
        told, died = await place.press(request.tap)
        answer = understand(told)
        if first and died and answer == AGAIN:
            answer = ACCEPTED  # the tap before, which nobody answered, was the first
        if answer != ACCEPTED:
            self.chronicle.refuse(wish)
        self.records.append(
            Effect(
                run=wish.id,
                destination=GROUP,
                act=Act.ANSWER,
                at=place.clock(),
                id=f"{wish.id}/told",
                digest=answer,
            )
        )

    async def _upgrade(self, version: int) -> None:
        """Both bots stop, their store becomes one of an earlier version, and a newer version starts on it."""
        place = self.place
        if not keeps_mutes(place.address, version):
            while request := self.people.unmute(place.clock()):
                await self._ask(request)
                await place.settle()
                await self._look()
        if place.chance.random() < IN_THE_MIDDLE:
            await self._ask(self.people.rerun("daily", place.clock()))
            await place.round()
        await place.close()
        await downgrade(place.address, version)
        place.clock.turn(seconds=UPGRADE.total_seconds())
        await place.open()
        self.upgrades += 1
        self.records.append(Restart(at=place.clock()))
        await place.settle()

    async def _count(self) -> None:
        """Note what is used of the calls, if they may run out."""
        if self.place.budget.limits:
            self._note(await self.months.count())

    def _note(self, calls: Sequence[Calls]) -> None:
        self.records += calls
        for each in calls:
            self.people.shares.hear(each)

    async def _look(self) -> None:
        assert self.place.stores is not None
        self.records += await self.chronicle.look(self.place.stores.store, self.place.clock())

    async def write(self) -> None:
        """Append what has happened since the last time."""
        await self._look()
        self._note(await self.months.count())
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
        stack.callback(random.setstate, random.getstate())
        random.seed(seed)  # pauses between attempts are spread by chance
        sandbox = await stack.enter_async_context(Sandbox(scenario=YEAR_SCENE, clock=clock))
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
        chronicle = Chronicle(sandbox, ZONE, understand)
        yield Year(place=place, chronicle=chronicle, months=Months(place=place), out=out)


async def simulate(options: argparse.Namespace) -> str:
    """Live through the year. Returns what happened in it."""
    try:
        async with year(options.store, options.folder, options.out, options.seed) as case:
            await case.live(options.first, options.days)
    finally:
        await remove(options.store)
    weather = case.place.weather
    troubles = ", ".join(f"{count} {what}" for what, count in sorted(weather.happened.items()))
    return (
        f"{weather.deaths} deaths, {case.upgrades} upgrades, {case.people.count} wishes of people, {troubles}"
    )


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
