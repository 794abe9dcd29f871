"""The whole service beside an ARL that is read by its API alone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from arl_sandbox import API_KEY
from bot.runtime import utc_now
from dingtalk_sandbox import Sandbox
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.arl_sandbox.wait import has_looked
from tests.fakes import FakeClock
from tests.scenarios.conftest import Chat, Service, service_on, settings, until

NAME = "每日扫描"


@dataclass(frozen=True, kw_only=True)
class Asking:
    """An ARL with one schedule that tells nobody, and a group where people ask."""

    beside: ArlFixture
    chat: Chat
    service: Service

    async def refused(self, ask: str, number: int) -> str:
        """Ask for something, and read the card that says that it came to nothing."""
        await self.chat.say(ask)
        card = (await self.chat.wait("card", number))[-1]
        return str(card["variables"]["markdown"]).replace(
            "\u2060", ""
        )  # what keeps addresses from being links

    async def statuses(self) -> list[str]:
        return [task["status"] for task in self.beside.database.tasks()]


@pytest.fixture
async def asking(sandbox: Sandbox, chat: Chat, tmp_path: Path) -> AsyncIterator[Asking]:
    async with open_arl_fixture(FakeClock(utc_now()), None) as beside:
        beside.database.add_schedule(NAME, "1.1.1.1 a.example.com")
        engine = {"kind": "arl", "url": beside.arl.url, "api_key": API_KEY}
        service = service_on(settings(sandbox, []) | {"schedules": [], "engine": engine}, tmp_path)
        await service.start()
        await until(chat.connected)
        await until(lambda: has_looked(tmp_path))
        yield Asking(beside=beside, chat=chat, service=service)
        await service.end()


async def test_a_repeat_that_arl_refuses_is_answered_where_it_was_asked_in_its_words(
    asking: Asking,
) -> None:
    world = asking.beside.database
    world.blocked_addresses.add("1.1.1.1")
    said = await asking.refused("@DingRun 重跑", 1)
    assert "ARL 拒绝" in said
    assert "1.1.1.1 在黑名单IP中" in said
    world.blocked_addresses.clear()
    scope_id = world.insert("asset_scope", {"scope_array": ["b.example.com"]})
    world.tables["policy"][world.policy]["policy"]["scope_config"]["scope_id"] = scope_id
    assert "不在范围b.example.com中" in await asking.refused("@DingRun 重跑", 2)
    world.delete("policy", world.policy)
    assert "策略ID不存在" in await asking.refused("@DingRun 重跑", 3)
    assert world.tasks() == []


async def test_failed_tasks_that_arl_begins_in_no_way_again_are_said_in_its_words(asking: Asking) -> None:
    world = asking.beside.database
    await asking.chat.say("@DingRun 重跑")
    await until(lambda: _has(asking, 2))
    for task in world.tasks():
        world.end_task(task["_id"], "error")
        world.change("task", task["_id"], result_set_id="x")  # ARL restarts no such task
    await until(lambda: _over(asking))
    world.blocked_addresses.add("1.1.1.1")
    assert "在黑名单IP中" in await asking.refused("@DingRun 重跑失败", 1)
    world.blocked_addresses.clear()
    await asking.chat.say("@DingRun 重跑失败")
    await until(lambda: _has(asking, 4))


async def test_a_stop_says_of_each_task_how_it_took_it(asking: Asking) -> None:
    world = asking.beside.database
    await asking.chat.say("@DingRun 重跑")
    await until(lambda: _has(asking, 2))
    await until(lambda: _running(asking, "0/2"))
    world.change("task", world.tasks("重跑")[1]["_id"], celery_id="")
    await asking.chat.say("@DingRun 停止")
    said = await asking.chat.say("@DingRun 1")
    assert "有 1 个任务没有停下" in said
    assert "a.example.com：没有找到celery" in said
    assert await asking.statuses() == ["stop", "waiting"]


async def test_what_ran_while_the_service_was_dead_is_told_once(asking: Asking) -> None:
    world, chat = asking.beside.database, asking.chat
    await asking.service.kill()
    (schedule,) = world.tables["task_schedule"]
    world.change("task_schedule", schedule, notify_enable=True, notify_on="always")
    for id_ in asking.beside.scheduler.run(schedule):
        world.add_results(id_, "site", {"site": f"https://{id_}.example.com", "title": "首页", "status": 200})
        world.end_task(id_, "error")
    await asking.service.start()
    (card,) = await chat.wait("card", 1)
    assert NAME in card["variables"]["title"]
    await chat.wait("file", 1)
    await asking.service.kill()
    await asking.service.start()
    await until(lambda: chat.opened(3))
    assert "失败 2/2" in await chat.say("@DingRun 状态")
    assert len(await chat.messages("card")) == 1


async def _has(asking: Asking, number: int) -> bool:
    return len(asking.beside.database.tasks()) == number


async def _over(asking: Asking) -> bool:
    return "失败 2/2" in await asking.chat.say("@DingRun 状态")


async def _running(asking: Asking, progress: str) -> bool:
    return progress in await asking.chat.say("@DingRun 状态")
