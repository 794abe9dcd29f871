"""Test the command `重新生成` and its button."""

import pytest

from bot.delivery.plan import card_id
from bot.errors import PermanentError
from bot.models import CardTap, ExportStatus, Run
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule
from tests.handlers.test_last_report import almost_spent


async def failed(core: CoreHarness, times: int = 1) -> Run:
    """Return a run whose report failed this many times."""
    core.exporter.trouble = [PermanentError(f"disk {number}") for number in range(times)]
    return await core.finished_run()


def buttons(core: CoreHarness, run: Run) -> str:
    return "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())


async def press(core: CoreHarness, tap: CardTap) -> str:
    shown = await core.intake.receive_tap(tap)
    return shown["tips"]


async def test_a_failed_report_offers_to_be_made_again(core: CoreHarness) -> None:
    run = await failed(core)
    assert "报告生成失败" in buttons(core, run)
    assert '"regenerate"' in buttons(core, run)


@pytest.mark.parametrize("words", ["重新生成", "regenerate", "重新生成 {run}"])
async def test_the_command_makes_it_sends_it_and_renews_the_card(core: CoreHarness, words: str) -> None:
    run = await failed(core)
    core.messenger.sent.clear()
    assert run.id in await core.say(words.format(run=run.id))
    assert sorted(core.messenger.verbs()) == ["file", "reply", "update", "upload"]
    assert '"regenerate"' not in buttons(core, run)
    assert ".xlsx" in buttons(core, run)
    assert (await core.run(run.id)).export_status is ExportStatus.SUCCESS
    job = await core.store.find_job(f"export:{run.id}~2")
    assert job is not None
    assert job.payload["by"] == "user01"


async def test_the_button_does_the_same_where_the_card_is(core: CoreHarness) -> None:
    run = await failed(core)
    core.messenger.sent.clear()
    assert "重新生成" in await press(core, tap_on(run.id, "regenerate"))
    await core.do_jobs()
    assert sorted(core.messenger.verbs()) == ["file", "update", "upload"]
    assert (await core.run(run.id)).export_status is ExportStatus.SUCCESS


async def test_a_second_press_makes_nothing_twice(core: CoreHarness) -> None:
    run = await failed(core)
    for _ in range(3):
        await press(core, tap_on(run.id, "regenerate"))
    await core.do_jobs()
    assert core.exporter.made == [run.id]
    assert "报告已经有了" in await press(core, tap_on(run.id, "regenerate"))


async def test_what_fails_again_can_be_pressed_again(core: CoreHarness) -> None:
    run = await failed(core, times=2)
    for _ in range(2):
        await press(core, tap_on(run.id, "regenerate"))
        await core.do_jobs()
    assert core.exporter.made == [run.id]
    assert '"regenerate"' not in buttons(core, run)
    assert await core.store.find_job(f"export:{run.id}~3")


async def test_while_it_is_written_it_says_so(core: CoreHarness) -> None:
    run = await failed(core)
    await core.context.reports.exports.retry(run, by="user01", cause="another")
    assert "正在生成" in await press(core, tap_on(run.id, "regenerate"))
    assert (await core.run(run.id)).export_status is ExportStatus.PENDING


async def test_the_same_message_again_asks_once(core: CoreHarness) -> None:
    run = await failed(core)
    for _ in range(2):
        await core.context.reports.exports.retry(run, by="user01", cause="message1")
    assert await core.context.reports.exports.count(run) == 2


async def test_a_report_whose_time_is_over_can_be_made_again(core: CoreHarness) -> None:
    run = await core.finished_run()
    report = await core.reports.find(run_id=run.id)
    assert report is not None
    core.reports.path(report).unlink()
    await core.say(f"重新生成 {run.id}")
    assert await core.reports.find(run_id=run.id)


async def test_where_there_is_nothing_to_make_it_says_why(core: CoreHarness) -> None:
    assert "r0" in await core.say("重新生成 r0")
    run = await core.finished_run()
    assert "报告已经有了" in await core.say("重新生成")
    core.schedule = make_schedule(notify_enable=True, send_to=(GROUP,), export=False)
    core.clock.turn(seconds=60)
    unwanted = await core.finished_run()
    assert "export" in await core.say(f"重新生成 {unwanted.id}")
    running = await core.trigger(cause="another")
    assert "还没跑完" in await core.say(f"重新生成 {running.id}")
    assert core.exporter.made == [run.id]


async def test_as_the_month_runs_out_no_report_is_made_again(core: CoreHarness) -> None:
    run = await failed(core)
    await almost_spent(core, 95)
    answers = await core.say("重新生成"), await press(core, tap_on(run.id, "regenerate"))
    await core.do_jobs()
    assert all("额度" in answer for answer in answers)
    assert (await core.run(run.id)).export_status is ExportStatus.ERROR
