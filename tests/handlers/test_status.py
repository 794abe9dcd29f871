"""Test the command `状态` / `status`."""

from datetime import timedelta

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, ExportStatus, LapseKind, TaskStatus
from bot.stores.sqlite.lapses import SqliteLapses
from tests.conftest import CoreHarness
from tests.factories import NOW, make_job, make_lapse, make_schedule


async def test_status_shows_what_runs_and_how_far_it_is(core: CoreHarness) -> None:
    await core.trigger()
    assert "每日巡检  0/1" in await core.say("状态")


async def test_status_shows_how_the_last_runs_ended(core: CoreHarness) -> None:
    await core.trigger()
    await core.finish(status=TaskStatus.ERROR, reason="连接被拒绝")
    core.engine.refusal = PermanentError("gone")
    await core.trigger(cause="cron:s1:2")
    answer = await core.say("status")
    assert "⚠️" in answer
    assert "❌" in answer


@pytest.mark.parametrize("ask", ["状态", "状态 每日巡检"])
async def test_status_says_that_the_engine_does_not_answer_and_shows_what_is_known(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    await core.trigger()
    monkeypatch.setattr(core.engine, "schedules", _down)
    answer = await core.say(ask)
    assert "扫描引擎响应异常" in answer
    assert "ARL 没有响应" in answer
    assert "进度未知" in answer


async def _down() -> object:
    raise TemporaryError("ARL does not answer (ClientConnectorError)")


async def test_status_of_one_schedule(core: CoreHarness) -> None:
    await core.finished_run()
    assert "每日巡检" in await core.say("状态 每日巡检")


async def test_status_with_nothing_yet(core: CoreHarness) -> None:
    assert await core.say("状态")


async def test_status_shows_how_far_a_report_is(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.store.update_run(run.id, {"export_status": ExportStatus.RUNNING})
    core.exporter.under_way[run.id] = 12_345
    assert "报告生成中，已处理 12,345 条" in await core.say("状态")


async def test_status_shows_what_a_report_waits_for(core: CoreHarness) -> None:
    core.exporter.trouble = [TemporaryError("the broker does not answer")]
    run = await core.finished_run()
    assert (run.export_status, run.export_error) == (ExportStatus.RUNNING, "the broker does not answer")
    assert "报告生成中（the broker does not answer）" in await core.say("状态")


async def test_status_tells_the_ids_of_what_runs_and_of_what_has_ended(core: CoreHarness) -> None:
    ended = await core.finished_run()
    core.clock.turn(seconds=60)
    running = await core.trigger(cause="cron:s1:2")
    answer = await core.say("状态")
    assert answer.index(running.id) < answer.index(ended.id)


async def test_status_says_how_far_the_reports_lag_behind(core: CoreHarness) -> None:
    later = NOW + timedelta(hours=1)
    for number in range(3):
        await core.store.add_job(make_job(id=f"export:r{number}", kind="export", due_at=later))
    assert "报告在排队" not in await core.say("状态")
    core.clock.turn(seconds=4 * 60)
    assert "**报告在排队**：3 份还没出，最早的已等 4 分" in await core.say("状态")


async def test_reports_that_are_made_lag_no_more(core: CoreHarness) -> None:
    await core.finished_run()
    core.clock.turn(seconds=4 * 60)
    assert (await core.exports.backlog()).waiting == 0


async def test_status_shows_what_did_not_start_and_what_is_overdue(core: CoreHarness) -> None:
    run = await core.trigger()
    lapses = SqliteLapses(core.store)
    await lapses.add_lapse(make_lapse(schedule=core.schedule))
    await lapses.add_lapse(
        make_lapse(id=f"overdue:{run.id}", kind=LapseKind.OVERDUE, run_id=run.id, schedule=core.schedule)
    )
    answer = await core.say("状态")
    assert "- 🔴 每日巡检（应该开始的时间：今天 11:00）" in answer
    assert "今天 11:00 开始，**超时**，执行" in answer


async def test_status_of_one_schedule_shows_no_lapse_of_another(core: CoreHarness) -> None:
    other = make_schedule(id="s2", name="别的", send_to=(Destination.parse("group:cidA"),))
    await SqliteLapses(core.store).add_lapse(make_lapse(schedule=other))
    assert "没有按时开始" not in await core.say("状态 每日巡检")
