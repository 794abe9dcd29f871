"""How much is asked of ARL: little, however many tasks and runs there are; no more is held than is read."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pymongo.monitoring
import pytest

from bot.engines.arl.api_reader import MAX_NAMES_PER_POLL, TASK_LIST_MAX_AGE, TASK_MAX_AGE
from bot.engines.arl.assets import FINDINGS
from bot.models import TaskStatus
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.factories import NOW
from tests.fakes import FakeClock

SINCE = NOW - timedelta(hours=1)


@pytest.fixture
async def beside(clock: FakeClock) -> AsyncIterator[ArlFixture]:
    """By the API alone, where each question counts."""
    async with open_arl_fixture(clock, None, fork=True) as beside:
        yield beside


def run_of(beside: ArlFixture, number: int, *, tasks: int = 50) -> list[str]:
    """The tasks of one run, which share a name."""
    return [
        beside.database.add_task(f"周期任务-计划{number}-2", "domain", f"{each}.example.com")
        for each in range(tasks)
    ]


def later(beside: ArlFixture, wait: timedelta = TASK_MAX_AGE) -> None:
    beside.clock.turn(seconds=wait.total_seconds())
    beside.arl.requests.clear()


async def test_the_tasks_of_a_run_are_read_by_their_shared_name(beside: ArlFixture) -> None:
    ids = run_of(beside, 1)
    assert list(await beside.engine.tasks(ids)) == ids
    assert len(beside.arl.requests) == 2  # the first by its id, which tells the name
    later(beside)
    assert await beside.engine.open_tasks(ids) == set(ids)
    assert len(beside.arl.requests) == 1


async def test_a_poll_refreshes_a_few_names_and_the_next_polls_the_others(beside: ArlFixture) -> None:
    ids = [id_ for number in range(MAX_NAMES_PER_POLL * 2) for id_ in run_of(beside, number, tasks=2)]
    await beside.engine.tasks(ids)
    for id_ in ids:
        beside.database.end_task(id_)
    later(beside)
    left = [len(await beside.engine.open_tasks(ids)) for _ in range(2)]
    assert left == [MAX_NAMES_PER_POLL * 2, 0]
    assert len(beside.arl.requests) == MAX_NAMES_PER_POLL * 2


async def test_what_has_ended_is_not_asked_for_again(beside: ArlFixture) -> None:
    ids = run_of(beside, 1)
    for id_ in ids:
        beside.database.end_task(id_)
    await beside.engine.tasks(ids)
    later(beside)
    assert await beside.engine.open_tasks(ids) == set()
    assert beside.arl.requests == []


async def test_a_deleted_task_is_missing_among_those_of_its_name(beside: ArlFixture) -> None:
    ids = run_of(beside, 1)
    await beside.engine.tasks(ids)
    beside.database.delete("task", ids[0])
    later(beside)
    assert list(await beside.engine.tasks(ids)) == ids[1:]


async def test_tasks_read_in_a_list_need_no_request_of_their_own(beside: ArlFixture) -> None:
    id_ = beside.database.add_schedule(target="a.example.com b.example.com")
    beside.scheduler.run(id_)
    (started,) = await beside.engine.external_runs(SINCE)
    beside.arl.requests.clear()
    assert len(await beside.engine.tasks(started.task_ids)) == 2
    assert beside.arl.requests == []


async def test_of_all_tasks_ever_only_the_newest_pages_are_read(beside: ArlFixture) -> None:
    run_of(beside, 1, tasks=1500)
    beside.clock.turn(seconds=30 * 86_400)
    beside.scheduler.run(beside.database.add_schedule())
    (started,) = await beside.engine.external_runs(beside.clock() - timedelta(hours=1))
    assert len(started.task_ids) == 2
    assert len([path for path in beside.arl.requests if path == "GET /api/task/"]) == 2  # of the two kinds


async def test_a_cached_list_does_not_answer_for_an_earlier_time(beside: ArlFixture) -> None:
    beside.scheduler.run(beside.database.add_schedule())
    beside.clock.turn(seconds=2 * 86_400)
    assert await beside.engine.external_runs(beside.clock()) == []
    assert len(await beside.engine.external_runs(SINCE)) == 1


async def test_lists_of_tasks_are_read_once_a_minute_and_bypass_the_cache(beside: ArlFixture) -> None:
    schedule = beside.database.add_schedule()
    found = []
    for _ in range(3):
        beside.scheduler.run(schedule)
        later(beside, TASK_LIST_MAX_AGE)
        found.append(len(await beside.engine.external_runs(SINCE)))
    assert found == [1, 2, 3]


async def test_lists_are_read_again_once_before_an_incomplete_run_is_reported(beside: ArlFixture) -> None:
    beside.database.blocked_addresses.add("1.1.1.1")
    id_ = beside.database.add_schedule()
    await beside.engine.external_runs(SINCE)
    later(beside, TASK_LIST_MAX_AGE / 2)
    beside.scheduler.run(id_)
    asked = {}
    for seconds in range(0, 131, 5):
        found = len(await beside.engine.external_runs(SINCE))
        asked[seconds] = (found, beside.arl.requests.count("GET /api/task/"))
        later(beside, timedelta(seconds=5))
    assert [asked[seconds] for seconds in (115, 120, 125)] == [(0, 0), (1, 2), (1, 0)]


async def test_nothing_of_a_task_is_held_but_what_is_read(beside: ArlFixture) -> None:
    beside.database.add_task("周期任务-每日扫描-2", "domain", "a.example.com")
    (task,) = await beside.engine._reader.scheduled_tasks(SINCE)
    assert task["options"] == {"policy_name": "默认策略"}
    assert "service" not in task


class Questions(pymongo.monitoring.CommandListener):
    """Counts the questions that go to any MongoDB, by command, while it listens."""

    def __init__(self) -> None:
        self.asked: list[str] | None = None

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if self.asked is not None and event.command_name != "endSessions":
            self.asked.append(event.command_name)

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        """Its start was counted."""

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Its start was counted."""


QUESTIONS = Questions()


async def test_assets_of_many_tasks_are_counted_with_one_query_per_kind(
    request: pytest.FixtureRequest, clock: FakeClock
) -> None:
    pymongo.monitoring.register(QUESTIONS)
    async with open_arl_fixture(clock, request.config) as beside:
        ids = run_of(beside, 1)
        for id_ in ids:
            beside.database.add_results(id_, "cip", {"cidr_ip": "1.1.1.0/24"}, {"cidr_ip": "2.2.2.0/24"})
            beside.database.end_task(id_, "stop")
        await beside.database.flush()
        QUESTIONS.asked = []
        tasks = await beside.engine.tasks(ids)
        asked, QUESTIONS.asked = QUESTIONS.asked, None
    assert {(task.status, task.found["cip"]) for task in tasks.values()} == {(TaskStatus.STOP, 2)}
    assert (asked.count("find"), asked.count("aggregate")) == (1, len(FINDINGS))


async def test_what_was_counted_is_not_counted_again(beside: ArlFixture) -> None:
    (id_,) = run_of(beside, 1, tasks=1)
    beside.database.add_results(id_, "vuln", {"target": "a.example.com"})
    beside.database.end_task(id_, "error")
    first = await beside.engine.tasks([id_])
    beside.arl.requests.clear()
    assert await beside.engine.tasks([id_]) == first
    assert beside.arl.requests == []


async def test_a_stop_counts_nothing_that_nobody_reads(beside: ArlFixture) -> None:
    (id_,) = run_of(beside, 1, tasks=1)
    beside.database.change("task", id_, celery_id="c")
    await beside.engine.stop([id_])
    assert [path for path in beside.arl.requests if "/task/" not in path] == []
