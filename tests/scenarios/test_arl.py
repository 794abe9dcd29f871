"""The whole service beside an ARL that fires by itself: told once, also of what ran while it was down."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from arl_sandbox import API_KEY
from bot.runtime import utc_now
from dingtalk_sandbox import Sandbox
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.arl_sandbox.wait import has_looked
from tests.fakes import FakeClock
from tests.scenarios.conftest import GROUP, Chat, Service, service_on, settings, until

NAME = "每日扫描"


@dataclass(frozen=True, kw_only=True)
class Both:
    """An ARL with one schedule, and the service beside it."""

    beside: ArlFixture
    service: Service
    chat: Chat

    async def scan(self, *statuses: str) -> None:
        """ARL's own trigger, with one site found by each task."""
        world = self.beside.database
        (schedule,) = world.tables["task_schedule"]
        ids = self.beside.scheduler.run(schedule)
        for id_, status in zip(ids, statuses, strict=True):
            world.add_results(
                id_, "site", {"site": f"https://{id_}.example.com", "title": "=1+1", "status": 200}
            )
            world.end_task(id_, status)
        await world.flush()


@pytest.fixture
async def both(
    request: pytest.FixtureRequest, sandbox: Sandbox, chat: Chat, tmp_path: Path
) -> AsyncIterator[Both]:
    async with open_arl_fixture(FakeClock(utc_now()), request.config) as beside:
        beside.database.add_schedule(NAME, "1.1.1.1 a.example.com")
        await beside.database.flush()
        arl = {"kind": "arl", "url": beside.arl.url, "api_key": API_KEY, "mongo_uri": beside.address}
        values = settings(sandbox, []) | {
            "schedules": [],
            "engine": arl,
            "notify": {"routes": {NAME: [f"group:{GROUP}"]}},
        }
        service = service_on(values, tmp_path)
        await service.start()
        await until(chat.connected)
        await until(lambda: has_looked(tmp_path))
        yield Both(beside=beside, service=service, chat=chat)
        await service.end()


async def test_a_run_that_arl_began_has_its_card_and_its_report(both: Both) -> None:
    await both.scan("done", "error")
    (file,) = await both.chat.wait("file", 1)
    (card,) = await both.chat.messages("card")
    assert NAME in card["variables"]["title"]
    assert "扫描引擎触发" in card["variables"]["markdown"]
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(await both.chat.download(file)))
    titles = [row[1] for row in workbook.get_sheet_by_name("站点").to_python()[1:]]
    assert titles == ["=1+1", "=1+1"]


async def test_what_ran_while_the_service_was_dead_is_told_once(both: Both) -> None:
    await both.service.kill()
    await both.scan("done", "done")
    await both.service.start()
    await both.chat.wait("file", 1)
    await both.service.kill()
    await both.service.start()
    await until(lambda: both.chat.opened(3))
    assert NAME in await both.chat.say("@DingRun 状态")
    assert len(await both.chat.messages("card")) == 1


async def test_people_work_with_arl_from_the_chat(both: Both) -> None:
    world = both.beside.database
    await both.scan("done", "error")
    await both.chat.wait("card", 1)
    assert "1 个任务开始重跑" in await both.chat.say("@DingRun 重跑失败")
    await until(lambda: _has(both, "重新运行-"))
    assert "回复 1 确认" in await both.chat.say("@DingRun 停止")
    assert "停止 1 个" in await both.chat.say("@DingRun 1")
    await both.chat.wait("card", 2)
    world.blocked_addresses.add("1.1.1.1")
    await both.chat.say("@DingRun 重跑")
    refused = (await both.chat.wait("card", 3))[-1]
    assert "黑名单" in refused["variables"]["markdown"]


async def _has(both: Both, name: str) -> bool:
    """Whether the run that repeats such tasks is under way."""
    return bool(both.beside.database.tasks(name)) and "0/1" in await both.chat.say("@DingRun 状态")
