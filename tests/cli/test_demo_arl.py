"""The ARL of the demo: its first schedule fires at once, whenever that is, and its tasks find something."""

from datetime import timedelta

import pytest

from arl_sandbox import ArlScheduler, FakeArl, Timeline, Worker
from arl_sandbox.database import RESULT_TABLES
from bot.cli.demo.arl import AGAIN, DAILY, FLAKY_TARGET, TEMPO, plan, settings_for
from bot.config.settings import Settings
from tests.arl_sandbox.conftest import build_timeline
from tests.arl_sandbox.database import FakeClockDatabase
from tests.factories import NOW
from tests.fakes import FakeClock

STARTS = [timedelta(), timedelta(minutes=3, seconds=59), timedelta(hours=7, minutes=59, seconds=31)]


def living(world: FakeClockDatabase) -> Timeline:
    """The demo's ARL, with its processes as the demo starts them."""
    plan(world)
    worker = Worker(world, pace=TEMPO)
    worker.flaky_targets.add(FLAKY_TARGET)
    timeline = build_timeline(world)
    timeline.add(ArlScheduler(world).loop(), worker.slot(), worker.slot())
    return timeline


@pytest.mark.parametrize("start", STARTS)
async def test_the_first_trigger_is_over_within_a_second(start: timedelta) -> None:
    world = FakeClockDatabase(FakeClock(NOW.replace(second=0) + timedelta(seconds=1) + start))
    await living(world).run(1)
    assert [task["target"] for task in world.tasks(DAILY)] == [
        "192.0.2.16/30 192.0.2.10", "shop.yunshan.example.com", "yunshan.example.com",
    ]  # fmt: skip
    assert all(task["celery_id"] for task in world.tasks())


async def test_its_tasks_are_done_within_ten_seconds_and_find_every_kind(clock: FakeClock) -> None:
    world = FakeClockDatabase(clock)
    await living(world).run(10)
    assert {task["status"] for task in world.tasks(DAILY)} == {"done"}
    assert {kind for kind in RESULT_TABLES if world.tables[kind]} == set(RESULT_TABLES)


@pytest.mark.parametrize("start", STARTS)
async def test_the_second_schedule_comes_soon_and_fails_every_other_time(start: timedelta) -> None:
    world = FakeClockDatabase(FakeClock(NOW + timedelta(seconds=1) + start))
    timeline = living(world)
    await timeline.run(150)
    assert {task["target"]: task["status"] for task in world.tasks(AGAIN)} == {
        "203.0.113.8": "done", FLAKY_TARGET: "error",
    }  # fmt: skip
    await timeline.run(300)
    assert [task["status"] for task in world.tasks(AGAIN) if task["target"] == FLAKY_TARGET] == [
        "error",
        "done",
    ]


@pytest.mark.parametrize("uri", ["", "mongodb://127.0.0.1:1/x"])
async def test_its_settings_are_valid_and_turn_both_schedules_on(clock: FakeClock, uri: str) -> None:
    async with FakeArl(database=FakeClockDatabase(clock)) as arl:
        settings = Settings.model_validate(settings_for(arl, uri, "cidX=="))
    assert settings.engine.kind == "arl"
    assert (settings.engine.mongo_uri is None) is (not uri)
    assert set(settings.notify.routes) == {DAILY, AGAIN}
