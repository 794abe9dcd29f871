"""Two bots with nothing in common but a MongoDB database, killed at random: every run is announced once."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from python_calamine import CalamineWorkbook

from bot.cli.demo.sample_sites import SampleSites
from bot.models import JobState, RunStatus
from bot.wiring.stores import StoreSet, open_stores
from dingtalk_sandbox import Sandbox
from tests.mongo_server import Database
from tests.scenarios.conftest import GROUP, Chat, Json, Service, settings, until

SCHEDULES = 4
KILLS = 2


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the bots share, and where each of them has a folder of its own."""

    database: Database
    stores: StoreSet
    values: Json
    folder: Path

    def bot(self, name: str) -> Service:
        folder = self.folder / name
        folder.mkdir()
        values = self.values | {
            "store": {"url": self.database.address},
            "reports": {"store": "gridfs", "dir": str(folder / "reports")},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
        return Service(folder / "config.yaml", folder / "log.txt")

    async def done(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for it; if it does not come, say what is not done, and what the bots said last."""
        try:
            await until(condition)
        except TimeoutError:
            states = {JobState.TODO, JobState.DOING}
            waiting = [str(job) for job in await self.stores.store.find_jobs(states=states)]
            said = [log.read_text(encoding="utf-8")[-3000:] for log in self.folder.glob("*/log.txt")]
            raise AssertionError("\n".join([*waiting, *said])) from None

    async def settled(self) -> bool:
        jobs = await self.stores.store.find_jobs(states={JobState.TODO, JobState.DOING})
        return not jobs and not await self.stores.store.find_runs(status=RunStatus.RUNNING)

    async def has_runs(self) -> bool:
        return bool(await self.stores.store.find_runs())


@pytest.fixture
async def ground(
    sandbox: Sandbox, neighbours: SampleSites, database: Database, tmp_path: Path
) -> AsyncIterator[Ground]:
    stores = open_stores(database.address)
    await stores.store.open()
    values = with_schedules(settings(sandbox, neighbours.targets), SCHEDULES)
    yield Ground(database=database, stores=stores, values=values, folder=tmp_path)
    await stores.store.close()


def with_schedules(values: Json, number: int) -> Json:
    (first,) = values["schedules"]
    values["schedules"] = [first | {"name": f"计划{each}"} for each in range(number)]
    return values


async def ask(chat: Chat, text: str) -> None:
    await chat.post("say", {"conversation": GROUP, "user": "user01", "text": text})


async def test_two_bots_killed_at_random_announce_every_run_once(chat: Chat, ground: Ground) -> None:
    chance = random.Random(7)  # noqa: S311 - the same kills every time
    await chat.post("settings", {"redeliver_after": 1, "redeliver_limit": 60, "qps": 0})
    bots = [ground.bot(name) for name in ("one", "two")]
    for bot in bots:
        await bot.start()
    await until(lambda: chat.opened(2))
    for number in range(SCHEDULES):
        await ask(chat, f"@DingRun 重跑 计划{number}")
    for number in range(KILLS):
        await ground.done(partial(chat.has, "card", number))
        victim = chance.choice(bots)
        await victim.kill()
        await victim.start()
    await ground.done(partial(chat.has, "card", SCHEDULES))
    await ground.done(ground.settled)
    for bot in bots:
        assert await bot.end() == 0
    titles = Counter(str(card["variables"]["title"]) for card in await chat.messages("card"))
    assert (len(titles), set(titles.values())) == (SCHEDULES, {1})
    unconfirmed = await ground.stores.store.find_jobs(kind="file", states={JobState.UNCONFIRMED})
    files = len(await chat.messages("file"))
    assert SCHEDULES - len(unconfirmed) <= files <= SCHEDULES
    assert len(await ground.stores.store.find_reports(limit=99)) == SCHEDULES


async def test_a_report_that_one_bot_made_is_sent_by_another(chat: Chat, ground: Ground) -> None:
    first, second = ground.bot("one"), ground.bot("two")
    await first.start()
    await until(chat.connected)
    await ask(chat, "@DingRun 重跑 计划0")
    await chat.wait("file", 1)
    await first.end()
    await second.start()
    await until(lambda: chat.opened(2))
    await ask(chat, "@DingRun 最近报告")
    *_, again = await chat.wait("file", 2)
    await second.end()
    assert sheets(await chat.download(again))
    assert len([*(ground.folder / "two/reports").glob("*/*.xlsx")]) == 1


def sheets(content: bytes) -> list[Any]:
    return list(CalamineWorkbook.from_filelike(BytesIO(content)).sheet_names)


async def test_a_database_that_is_away_for_a_while_loses_nothing(chat: Chat, ground: Ground) -> None:
    await chat.post("settings", {"redeliver_after": 1, "redeliver_limit": 60, "qps": 0})
    bot = ground.bot("one")
    await bot.start()
    await until(chat.connected)
    await ask(chat, "@DingRun 重跑 计划0")
    await until(ground.has_runs)
    ground.database.proxy.cut()
    await until(lambda: says(bot, "does not answer"))
    await ground.database.proxy.listen()
    await chat.wait("card", 1)
    await chat.wait("file", 1)
    await until(ground.settled)
    assert await bot.end() == 0
    assert len(await chat.messages("card")) == 1


async def says(bot: Service, words: str) -> bool:
    return words in bot.log.read_text(encoding="utf-8")
