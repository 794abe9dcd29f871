"""The requests of one person per hour."""

import pytest

from bot.errors import PermanentError
from bot.models import Person, Run, TaskStatus
from tests.chat.test_dispatcher import tap_on
from tests.conftest import CoreHarness
from tests.factories import make_message

OTHER = Person(id="user02", name="韩梅梅")


async def some_runs(desk: CoreHarness, number: int) -> list[Run]:
    runs = []
    for _ in range(number):
        desk.clock.turn(seconds=60)
        runs.append(await desk.finished_run())
    desk.messenger.sent.clear()
    return runs


@pytest.fixture
def desk(desk: CoreHarness) -> CoreHarness:
    """Where two requests within an hour are the most."""
    desk.per_hour = 2
    desk.build()
    return desk


async def test_a_person_over_the_limit_is_told_when_to_try_again(desk: CoreHarness) -> None:
    runs = await some_runs(desk, 3)
    answers = [await desk.say(f"报告 {run.id}") for run in runs]
    assert desk.messenger.verbs().count("file") == 2
    assert "11-24 12:03 以后再来" in answers[-1]
    assert ".xlsx" in await desk.say(f"报告 {runs[2].id}", sender=OTHER)
    desk.clock.turn(seconds=3_601)
    assert ".xlsx" in await desk.say(f"报告 {runs[0].id}")


async def test_presses_count_like_words_and_those_that_are_refused_do_nothing(desk: CoreHarness) -> None:
    runs = await some_runs(desk, 3)
    for run in runs[:2]:
        await desk.intake.receive_tap(tap_on(run.id, "report"))
    refused = await desk.intake.receive_tap(tap_on(runs[2].id, "rerun"))
    await desk.do_jobs()
    assert "最多要 2 次" in refused["tips"]
    assert len(await desk.store.find_runs()) == 3


@pytest.mark.parametrize("words", ["重跑", "重跑失败", "重发", "重新生成"])
async def test_all_that_costs_calls_is_counted(desk: CoreHarness, words: str) -> None:
    desk.exporter.trouble = [PermanentError("disk")]
    desk.messenger.trouble = [PermanentError("no scope"), PermanentError("no robot")]
    run = await desk.trigger()
    await desk.finish(status=TaskStatus.ERROR)
    for _ in range(2):
        await desk.context.quota.requests.charge(Person(id="user01"))
    assert "最多要 2 次" in await desk.say(words)
    assert await desk.store.find_runs() == [await desk.run(run.id)]


async def test_commands_that_only_read_are_not_counted(desk: CoreHarness) -> None:
    (run,) = await some_runs(desk, 1)
    for words in ("状态", "历史", "报告列表", "报告 rzzzzzzzzzz", "凭据", "额度", "重发"):
        await desk.say(words)
    assert ".xlsx" in await desk.say(f"报告 {run.id}")


async def test_the_same_message_again_is_counted_once(desk: CoreHarness) -> None:
    (run,) = await some_runs(desk, 1)
    message = make_message(f"报告 {run.id}")
    for _ in range(4):
        await desk.hear(message)
    assert "以后再来" not in await desk.say("重跑")


async def test_none_is_no_limit(desk: CoreHarness) -> None:
    desk.per_hour = 0
    desk.build()
    for _ in range(50):
        await desk.context.quota.requests.charge(OTHER)
