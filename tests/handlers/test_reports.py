"""Test the command `报告列表` / `reports`."""

import pytest

from tests.conftest import CoreHarness


@pytest.mark.parametrize("words", ["报告列表", "reports", "报告列表 每日巡检"])
async def test_reports_are_listed_with_their_runs(core: CoreHarness, words: str) -> None:
    first = await core.finished_run()
    core.clock.turn(seconds=3600)
    second = await core.finished_run()
    answer = await core.say(words)
    assert answer.index(second.id) < answer.index(first.id)
    assert "11-24 12:00" in answer


async def test_a_report_that_is_gone_is_not_listed(core: CoreHarness) -> None:
    run = await core.finished_run()
    report = await core.reports.find(run_id=run.id)
    assert report is not None
    core.reports.path(report).unlink()
    assert run.id not in await core.say("报告列表")


async def test_without_a_report_it_says_what_to_do(core: CoreHarness) -> None:
    assert "重跑" in await core.say("报告列表")
    assert "每日巡检" in await core.say("报告列表 每日巡检")
