"""Test the command `重新生成` and its button."""

import pytest

from bot.delivery.plan import card_id
from bot.errors import PermanentError
from bot.models import CardTap, ExportStatus, Run
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule


async def failed(desk: CoreHarness, times: int = 1) -> Run:
    """Return a run whose report failed this many times."""
    desk.exporter.trouble = [PermanentError(f"disk {number}") for number in range(times)]
    return await desk.finished_run()


def buttons(desk: CoreHarness, run: Run) -> str:
    return "".join(desk.messenger.cards[card_id(run.id, GROUP)].params.values())


async def press(desk: CoreHarness, tap: CardTap) -> str:
    shown = await desk.intake.receive_tap(tap)
    return shown["tips"]


async def test_a_failed_report_offers_to_be_made_again(desk: CoreHarness) -> None:
    run = await failed(desk)
    assert "报告生成失败" in buttons(desk, run)
    assert '"regenerate"' in buttons(desk, run)


@pytest.mark.parametrize("words", ["重新生成", "regenerate", "重新生成 {run}"])
async def test_the_command_makes_it_sends_it_and_renews_the_card(desk: CoreHarness, words: str) -> None:
    run = await failed(desk)
    desk.messenger.sent.clear()
    assert run.id in await desk.say(words.format(run=run.id))
    assert sorted(desk.messenger.verbs()) == ["file", "reply", "update", "upload"]
    assert '"regenerate"' not in buttons(desk, run)
    assert ".xlsx" in buttons(desk, run)
    assert (await desk.run(run.id)).export_status is ExportStatus.SUCCESS
    job = await desk.store.find_job(f"export:{run.id}~2")
    assert job is not None
    assert job.payload["by"] == "user01"


async def test_the_button_does_the_same_where_the_card_is(desk: CoreHarness) -> None:
    run = await failed(desk)
    desk.messenger.sent.clear()
    assert "重新生成" in await press(desk, tap_on(run.id, "regenerate"))
    await desk.do_jobs()
    assert sorted(desk.messenger.verbs()) == ["file", "update", "upload"]
    assert (await desk.run(run.id)).export_status is ExportStatus.SUCCESS


async def test_a_second_press_makes_nothing_twice(desk: CoreHarness) -> None:
    run = await failed(desk)
    for _ in range(3):
        await press(desk, tap_on(run.id, "regenerate"))
    await desk.do_jobs()
    assert desk.exporter.made == [run.id]
    assert "报告已经有了" in await press(desk, tap_on(run.id, "regenerate"))


async def test_what_fails_again_can_be_pressed_again(desk: CoreHarness) -> None:
    run = await failed(desk, times=2)
    for _ in range(2):
        await press(desk, tap_on(run.id, "regenerate"))
        await desk.do_jobs()
    assert desk.exporter.made == [run.id]
    assert '"regenerate"' not in buttons(desk, run)
    assert await desk.store.find_job(f"export:{run.id}~3")


async def test_while_it_is_written_it_says_so(desk: CoreHarness) -> None:
    run = await failed(desk)
    await desk.context.reports.exports.retry(run, by="user01", cause="another")
    assert "正在生成" in await press(desk, tap_on(run.id, "regenerate"))
    assert (await desk.run(run.id)).export_status is ExportStatus.PENDING


async def test_the_same_message_again_asks_once(desk: CoreHarness) -> None:
    run = await failed(desk)
    for _ in range(2):
        await desk.context.reports.exports.retry(run, by="user01", cause="message1")
    assert await desk.context.reports.exports.count(run) == 2


async def test_a_report_whose_time_is_over_can_be_made_again(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    report = await desk.reports.find(run_id=run.id)
    assert report is not None
    desk.reports.path(report).unlink()
    await desk.say(f"重新生成 {run.id}")
    assert await desk.reports.find(run_id=run.id)


async def test_where_there_is_nothing_to_make_it_says_why(desk: CoreHarness) -> None:
    assert "r0" in await desk.say("重新生成 r0")
    run = await desk.finished_run()
    assert "报告已经有了" in await desk.say("重新生成")
    desk.schedule = make_schedule(notify_enable=True, send_to=(GROUP,), export=False)
    desk.clock.turn(seconds=60)
    unwanted = await desk.finished_run()
    assert "export" in await desk.say(f"重新生成 {unwanted.id}")
    running = await desk.trigger(cause="another")
    assert "还没跑完" in await desk.say(f"重新生成 {running.id}")
    assert desk.exporter.made == [run.id]
