"""What does not work is told once, and once that it works again, by two bots together."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import TemporaryError
from bot.models import JobState
from tests.conftest import CoreHarness
from tests.delivery.incidents.harness import BOSS, Bots, away


@pytest.fixture
def bots(core: CoreHarness) -> Bots:
    return Bots(core)


Switch = Callable[[Bots, bool], Awaitable[None]]


async def break_stream(bots: Bots, broken: bool) -> None:
    bots.stream.connected.clear() if broken else bots.stream.connected.set()


async def break_key(bots: Bots, broken: bool) -> None:
    await break_stream(bots, broken)
    bots.stream.refusal = "无效的appKey或appSecret" if broken else ""


async def break_engine(bots: Bots, broken: bool) -> None:
    bots.engine.error = away("ARL does not answer") if broken else None


async def break_broker(bots: Bots, broken: bool) -> None:
    bots.broker.error = away("exporter.broker_url: redis://h does not answer") if broken else None


async def break_worker(bots: Bots, broken: bool) -> None:
    bots.worker.error = away("no worker is alive") if broken else None


async def break_disk(bots: Bots, broken: bool) -> None:
    full = {"folder": "/data/reports", "free_mb": 99, "percent": 1, "why": "/data/reports: 99 MB free"}
    bots.disk = full if broken else None


async def break_quota(bots: Bots, broken: bool) -> None:
    await bots.spend(900 if broken else -300)


async def break_store(bots: Bots, broken: bool) -> None:
    if not hasattr(bots, "set_value"):
        bots.set_value = bots.core.store.set_value  # type: ignore[attr-defined]

    async def fail(key: str, value: str) -> None:
        raise away("database or disk is full")

    bots.core.store.set_value = fail if broken else bots.set_value  # type: ignore[attr-defined,method-assign]


INCIDENTS = [
    (break_stream, 5, "**和钉钉的 Stream 连接断开超过 5 分钟**", "**和钉钉的 Stream 连接恢复了**"),
    (break_key, 2, "**钉钉不认应用的密钥**：", "**钉钉又接受应用的密钥了**"),
    (break_engine, 10, "**扫描引擎连不上**", "**扫描引擎恢复了**"),
    (break_broker, 5, "**消息队列连不上**", "**消息队列恢复了**"),
    (break_worker, 5, "**没有写报告的 worker**", "**又有写报告的 worker 了**"),
    (break_disk, 0, "**磁盘快满了**", "**磁盘空间又够了**"),
    (break_quota, 0, "**按现在的速度，本月接口调用撑不到月底**", "**接口调用又够用到月底了**"),
    (break_store, 2, "**数据库用不了**", "**数据库恢复了**"),
]


@pytest.mark.parametrize(
    ("switch", "minutes", "opened", "closed"), INCIDENTS, ids=lambda each: getattr(each, "__name__", None)
)
async def test_an_incident_and_its_end_are_told_once_each(
    bots: Bots, switch: Switch, minutes: int, opened: str, closed: str
) -> None:
    await bots.pass_minutes(1)
    await switch(bots, True)
    await bots.pass_minutes(minutes)
    assert bots.told() == []
    await bots.pass_minutes(30)
    (told,) = bots.told()
    assert told.startswith(opened)
    await switch(bots, False)
    await bots.pass_minutes(10)
    assert len(bots.told()) == 2
    assert bots.told()[1].startswith(closed)


@pytest.mark.parametrize(
    "switch", [break_stream, break_key, break_engine, break_broker, break_worker, break_store]
)
async def test_what_lasts_a_minute_only_is_not_told(bots: Bots, switch: Switch) -> None:
    for _ in range(4):
        await switch(bots, True)
        await bots.pass_minutes(1)
        await switch(bots, False)
        await bots.pass_minutes(2)
    assert bots.told() == []


async def test_a_refusal_after_an_outage_is_not_told_as_its_end(bots: Bots) -> None:
    """The network is back, but DingTalk rejects the keys now."""
    await break_stream(bots, True)
    await bots.pass_minutes(10)
    await break_key(bots, True)
    await bots.pass_minutes(10)
    down, refused = bots.told()
    assert ("连接断开" in down, "不认应用的密钥" in refused) == (True, True)
    await break_key(bots, False)
    await bots.pass_minutes(3)
    assert len(bots.told()) == 4


async def test_each_incident_of_a_part_is_told(bots: Bots) -> None:
    for _ in range(3):
        await break_disk(bots, True)
        await bots.pass_minutes(3)
        await break_disk(bots, False)
        await bots.pass_minutes(3)
    assert len(bots.told()) == 6


async def test_a_bot_that_alone_sees_an_incident_tells_it_once_and_its_end(bots: Bots) -> None:
    ill, well = bots.monitors
    await break_engine(bots, True)
    for _ in range(40):
        bots.core.clock.turn(seconds=60)
        await ill.check()
        bots.engine.error = None
        await well.check()
        await break_engine(bots, True)
        await bots.core.do_jobs()
    assert len(bots.told()) == 1
    await break_engine(bots, False)
    await bots.pass_minutes(2)
    assert len(bots.told()) == 2


async def test_the_incident_of_a_bot_that_died_ends_by_another_one(bots: Bots) -> None:
    await break_disk(bots, True)
    await bots.pass_minutes(2)
    await break_disk(bots, False)
    bots.monitors.pop()
    await bots.pass_minutes(8)
    assert len(bots.told()) == 2


async def test_a_bot_that_starts_anew_does_not_tell_an_open_incident_again(core: CoreHarness) -> None:
    before = Bots(core)
    await break_worker(before, True)
    await before.pass_minutes(10)
    after = Bots(core)
    await break_worker(after, True)
    await after.pass_minutes(10)
    assert len(after.told()) == 1
    await break_worker(after, False)
    await after.pass_minutes(10)
    assert len(after.told()) == 2


async def test_a_store_that_is_away_when_its_alert_should_be_sent_loses_nothing(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The incident is stored, and the process dies before its alert is."""
    await break_disk(bots, True)

    async def die(*args: object, **values: object) -> None:
        raise away()

    with monkeypatch.context() as patch:
        patch.setattr(bots.core.jobs, "add", die)
        for monitor in bots.monitors:
            with pytest.raises(TemporaryError):
                await monitor.check()
    await bots.pass_minutes(1)
    assert len(bots.told()) == 1


async def test_a_probe_with_a_bug_keeps_no_other_part_from_being_told(bots: Bots) -> None:
    bots.engine.error = RuntimeError("a bug")
    await break_disk(bots, True)
    await bots.pass_minutes(1)
    assert len(bots.told()) == 1


async def test_a_probe_with_a_bug_does_not_tell_that_its_part_works_again(bots: Bots) -> None:
    await break_engine(bots, True)
    await bots.pass_minutes(15)
    bots.engine.error = RuntimeError("a bug")
    await bots.pass_minutes(10)
    assert len(bots.told()) == 1
    await break_engine(bots, False)
    await bots.pass_minutes(2)
    assert len(bots.told()) == 2


async def test_the_state_of_every_part_is_known_at_once(bots: Bots) -> None:
    await break_engine(bots, True)
    await break_store(bots, True)
    await bots.pass_minutes(1)
    states = bots.monitors[0].states
    assert {part for part, state in states.items() if not state.works} == {"engine", "store"}
    assert states["engine"].why == "ARL does not answer"
    assert states["store"].why == "database or disk is full"


async def test_what_has_not_worked_for_so_long_is_known_with_its_reason(bots: Bots) -> None:
    (monitor, _), span = bots.monitors, timedelta(minutes=5)
    await break_engine(bots, True)
    await bots.pass_minutes(5)
    assert monitor.lasting(span) == {}
    await bots.pass_minutes(1)
    assert monitor.lasting(span) == {"engine": "ARL does not answer"}
    await break_engine(bots, False)
    await bots.pass_minutes(1)
    assert monitor.lasting(timedelta()) == {}


async def test_the_parts_are_checked_again_and_again(bots: Bots) -> None:
    asked: asyncio.Queue[bool] = asyncio.Queue()

    async def count(is_open: bool) -> None:
        asked.put_nowait(is_open)

    monitor = bots.monitors[0]
    monitor.probes = [replace(each, check=count) for each in monitor.probes if each.part == "engine"]
    running = asyncio.create_task(monitor.run(0.0))
    assert [await asked.get() for _ in range(3)] == [False] * 3
    running.cancel()


async def test_while_the_store_fails_only_one_of_two_bots_tells(bots: Bots) -> None:
    await bots.pass_minutes(1)
    await break_store(bots, True)
    bots.monitors.reverse()
    await bots.pass_minutes(20)
    assert len(bots.told()) == 1


async def test_the_other_bot_tells_of_the_store_when_the_first_one_is_gone(bots: Bots) -> None:
    await bots.pass_minutes(1)
    bots.monitors.pop(0)
    await bots.pass_minutes(10)
    await break_store(bots, True)
    await bots.pass_minutes(5)
    assert len(bots.told()) == 1


async def test_a_store_alert_that_reaches_nobody_is_tried_again(bots: Bots) -> None:
    await bots.pass_minutes(1)
    await break_store(bots, True)
    bots.core.messenger.trouble = [away(), away()]
    await bots.pass_minutes(10)
    assert len(bots.told()) == 1


async def test_a_store_that_fails_needs_no_job_for_its_alert(bots: Bots) -> None:
    await bots.pass_minutes(1)
    await break_store(bots, True)
    await bots.pass_minutes(5)
    assert await bots.core.store.find_jobs(kind="notice") == []
    await break_store(bots, False)
    await bots.pass_minutes(1)
    (job,) = await bots.core.store.find_jobs(kind="notice")
    assert (job.state, job.payload["destination"]) == (JobState.DONE, str(BOSS))
