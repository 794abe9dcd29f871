"""The requests of one person per hour."""

import pytest

from bot.errors import PermanentError
from bot.models import Person, Run, TaskStatus
from tests.chat.test_dispatcher import tap_on
from tests.conftest import CoreHarness
from tests.factories import make_message

OTHER = Person(id="user02", name="韩梅梅")


async def some_runs(core: CoreHarness, number: int) -> list[Run]:
    runs = []
    for _ in range(number):
        core.clock.turn(seconds=60)
        runs.append(await core.finished_run())
    core.messenger.sent.clear()
    return runs


@pytest.fixture
def core(core: CoreHarness) -> CoreHarness:
    """Where two requests within an hour are the most."""
    core.per_hour = 2
    core.build()
    return core


async def test_a_person_over_the_limit_is_told_when_to_try_again(core: CoreHarness) -> None:
    runs = await some_runs(core, 3)
    answers = [await core.say(f"报告 {run.id}") for run in runs]
    assert core.messenger.verbs().count("file") == 2
    assert "今天 12:03 以后再来" in answers[-1]
    assert ".xlsx" in await core.say(f"报告 {runs[2].id}", sender=OTHER)
    core.clock.turn(seconds=3_601)
    assert ".xlsx" in await core.say(f"报告 {runs[0].id}")


async def test_presses_count_like_words_and_those_that_are_refused_do_nothing(core: CoreHarness) -> None:
    runs = await some_runs(core, 3)
    for run in runs[:2]:
        await core.intake.receive_tap(tap_on(run.id, "report"))
    refused = await core.intake.receive_tap(tap_on(runs[2].id, "rerun"))
    await core.do_jobs()
    assert "最多要 2 次" in refused["tips"]
    assert len(await core.store.find_runs()) == 3


@pytest.mark.parametrize("words", ["重跑", "重跑失败", "重发", "重新生成"])
async def test_all_that_costs_calls_is_counted(core: CoreHarness, words: str) -> None:
    core.exporter.trouble = [PermanentError("disk")]
    core.messenger.trouble = [PermanentError("no scope"), PermanentError("no robot")]
    run = await core.trigger()
    await core.finish(status=TaskStatus.ERROR)
    for _ in range(2):
        await core.context.quota.requests.charge(Person(id="user01"))
    assert "最多要 2 次" in await core.say(words)
    assert await core.store.find_runs() == [await core.run(run.id)]


async def test_commands_that_only_read_are_not_counted(core: CoreHarness) -> None:
    (run,) = await some_runs(core, 1)
    for words in ("状态", "历史", "报告列表", "报告 rzzzzzzzzzz", "凭据", "额度", "重发"):
        await core.say(words)
    assert ".xlsx" in await core.say(f"报告 {run.id}")


async def test_the_same_message_again_is_counted_once(core: CoreHarness) -> None:
    (run,) = await some_runs(core, 1)
    message = make_message(f"报告 {run.id}")
    for _ in range(4):
        await core.hear(message)
    assert "以后再来" not in await core.say("重跑")


async def test_none_is_no_limit(core: CoreHarness) -> None:
    core.per_hour = 0
    core.build()
    for _ in range(50):
        await core.context.quota.requests.charge(OTHER)
