"""`python -m bot demo --engine arl` as a newcomer meets it: ARL fires by itself, people go on by chat."""

import asyncio
import io
from pathlib import Path

import aiohttp
from python_calamine import CalamineWorkbook

from arl_sandbox.results import TITLES
from bot.cli.demo.arl import DAILY
from bot.mongo import Mongo
from tests.mongo_server import Database
from tests.scenarios.conftest import Chat
from tests.scenarios.demos import STARTS_WITHIN, running, started


async def test_a_run_that_arl_began_is_told_and_can_be_repeated(tmp_path: Path) -> None:
    async with running(tmp_path, "--engine", "arl") as demo, aiohttp.ClientSession() as session:
        chat = Chat(demo, session)
        await chat.wait("file", 1)
        (card,) = await chat.messages("card")
        assert DAILY in card["variables"]["title"]
        assert "扫描引擎触发" in card["variables"]["acts"]
        assert DAILY in await chat.say(f"@DingRun 重跑 {DAILY}")
        file = (await chat.wait("file", 2))[-1]
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(await chat.download(file)))
        titles = {row[1] for row in workbook.get_sheet_by_name("站点").to_python()[1:]}
        assert titles <= set(TITLES)
        assert len(titles) > 1
        assert await demo.terminated() == 0


async def test_beside_a_database_it_is_read_there_and_left_empty(
    tmp_path: Path, database: Database, mongo: Mongo
) -> None:
    words = ("--engine", "arl", "--arl-mongo", database.address)
    async with running(tmp_path, *words) as demo, aiohttp.ClientSession() as session:
        chat = Chat(demo, session)
        await chat.wait("file", 1)
        assert await mongo.collection("site").count()
        assert DAILY in await chat.say(f"@DingRun 最近报告 {DAILY}")
        assert await demo.terminated() == 0
    assert [await mongo.collection(table).count() for table in ("task", "site", "policy")] == [0, 0, 0]


async def test_a_database_where_an_arl_lives_is_not_touched(
    tmp_path: Path, database: Database, mongo: Mongo
) -> None:
    await mongo.collection("task").insert({"name": "somebody's"})
    async with started(tmp_path, "--engine", "arl", "--arl-mongo", database.address) as demo:
        assert await asyncio.wait_for(demo.process.wait(), STARTS_WITHIN) == 2
    assert "name an empty one" in (tmp_path / "log").read_text()
    assert await mongo.collection("task").count() == 1
