"""Runs that other systems report become runs like all others: one card each, at the right times."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.external.merge import MergeOutcome
from bot.external.models import ExternalRun, ExternalSchedule, ReportedStatus, ReportedTask
from bot.models import RunStatus, TaskStatus, Trigger
from bot.wiring.stores import sqlite_stores
from tests.cards.samples import HOSTILE
from tests.conftest import CoreHarness
from tests.external.harness import BACKUP, FAILED, RUNNING, SLUG, SUCCESS, Reported
from tests.factories import NOW


@pytest.fixture
def reported(core: CoreHarness) -> Reported:
    return Reported(core, sqlite_stores(core.store))


async def test_a_start_is_a_run_and_its_end_is_a_card(reported: Reported) -> None:
    assert (await reported.report(RUNNING)).created
    run = await reported.run()
    assert (run.schedule_name, run.trigger, run.status) == ("数据库备份", Trigger.API, RunStatus.RUNNING)
    reported.core.clock.turn(seconds=90)
    await reported.report(SUCCESS, exit_code=0)
    await reported.core.do_jobs()
    run = await reported.run()
    assert run.end_time == run.start_time + timedelta(seconds=90)
    assert (run.well, reported.core.messenger.verbs()) == (True, ["card"])


async def test_a_failure_names_its_reason_on_the_card(reported: Reported) -> None:
    await reported.report(FAILED, exit_code=3)
    await reported.core.do_jobs()
    (card,) = reported.core.messenger.cards.values()
    assert "退出码 3" in card.params["markdown"]
    assert "external/" not in card.params["markdown"]  # ids of tasks that no other system knows


async def test_doubled_and_swapped_reports_are_one_run_and_one_card(reported: Reported) -> None:
    for status in (SUCCESS, RUNNING, RUNNING, SUCCESS):
        await reported.report(status, key=status.value)
    await reported.core.do_jobs()
    assert (await reported.run()).status is RunStatus.FINISHED
    assert reported.core.messenger.verbs() == ["card"]


async def test_reports_of_several_bots_at_once_are_one_run(reported: Reported) -> None:
    both = (RUNNING, SUCCESS) * 4
    await asyncio.gather(*(reported.report(status, key=status.value) for status in both))
    await reported.core.do_jobs()
    assert (await reported.run()).status is RunStatus.FINISHED
    assert reported.core.messenger.verbs() == ["card"]


async def test_another_end_is_a_conflict_and_changes_nothing(reported: Reported) -> None:
    await reported.report(SUCCESS)
    assert (await reported.report(FAILED)).outcome is MergeOutcome.CONFLICT
    await reported.core.do_jobs()
    assert (await reported.run()).well


async def test_the_proof_shows_an_end_that_was_not_taken(reported: Reported) -> None:
    run = (await reported.report(SUCCESS)).run
    await reported.report(FAILED, exit_code=3)
    answer = await reported.core.say(f"凭据 {run.id}")
    assert "失败，exit 3（之前已经结束，没有采用）" in answer


async def test_markup_of_other_systems_is_neutral_on_the_card(core: CoreHarness) -> None:
    reported = Reported(core, sqlite_stores(core.store), replace(BACKUP, name=HOSTILE[:60]))
    tasks = [ReportedTask(id="a", name=HOSTILE, status=FAILED, reason=HOSTILE)]
    await reported.report(FAILED, error=HOSTILE, tasks=tasks, counts={HOSTILE[:40]: 3}, title=HOSTILE)
    await core.do_jobs()
    ((card,), shown) = core.messenger.cards.values(), await core.say("状态")
    for text in (card.params["markdown"], card.headline, shown):
        assert "](http" not in text
        assert "<a " not in text
        assert "\u202e" not in text


async def test_a_start_that_arrives_late_with_its_time_corrects_the_run(reported: Reported) -> None:
    await reported.report(SUCCESS)
    await reported.report(RUNNING, started_at=NOW - timedelta(minutes=5))
    assert (await reported.run()).start_time == NOW - timedelta(minutes=5)


async def test_tasks_are_counted_as_they_are_reported(reported: Reported) -> None:
    tasks = [ReportedTask(id="dump", status=SUCCESS), ReportedTask(id="copy")]
    await reported.report(RUNNING, tasks=tasks)
    run = await reported.run()
    counts = (await reported.core.runs.progress([run]))[run.id]
    assert (counts.ended, counts.total) == (1, 2)
    await reported.report(FAILED, tasks=[ReportedTask(id="copy", status=FAILED, reason="disk full")])
    (failure,) = (await reported.run()).failures
    assert (failure.target, failure.status, failure.reason) == ("copy", TaskStatus.ERROR, "disk full")


async def test_the_watcher_leaves_a_run_open_that_is_not_reported_as_ended(reported: Reported) -> None:
    await reported.report(RUNNING)
    assert await reported.core.watcher.tick() == 0
    assert (await reported.run()).status is RunStatus.RUNNING


@pytest.mark.parametrize("status", [RUNNING, SUCCESS])
async def test_what_a_dead_bot_left_is_repaired_once(
    reported: Reported, monkeypatch: pytest.MonkeyPatch, status: ReportedStatus
) -> None:
    async def die(external: ExternalRun) -> None:
        """Die before anything follows."""

    with monkeypatch.context() as dying:
        dying.setattr(reported.reports, "settle", die)
        await reported.report(status)
    assert await reported.runs() == []
    assert await reported.reports.repair() == 0
    reported.core.clock.turn(seconds=6)
    assert await reported.reports.repair() == 1
    assert await reported.reports.repair() == 0
    assert (await reported.run()).status is (RunStatus.FINISHED if status.ended else RunStatus.RUNNING)


async def test_the_watcher_waits_for_what_follows_from_an_end(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reported.report(RUNNING)

    async def die(external: ExternalRun) -> None:
        """Die before anything follows."""

    with monkeypatch.context() as dying:
        dying.setattr(reported.reports, "settle", die)
        await reported.report(FAILED, tasks=[ReportedTask(id="copy", status=FAILED)])
    assert await reported.core.watcher.tick() == 0
    reported.core.clock.turn(seconds=6)
    await reported.reports.repair()
    assert [each.target for each in (await reported.run()).failures] == ["copy"]


async def test_a_run_of_a_schedule_that_is_gone_is_recorded_without_recipients(reported: Reported) -> None:
    await reported.report(SUCCESS, slug="unknown")
    await reported.core.do_jobs()
    assert (await reported.run()).schedule_name == "unknown"
    assert reported.core.messenger.sent == []


async def test_a_run_is_found_by_each_of_its_ids(reported: Reported) -> None:
    external = (await reported.report(RUNNING, rid="build:7")).run
    for id_ in (external.id, "build:7", f"{SLUG}:build:7"):
        assert [each.id for each in await reported.reports.find(id_)] == [external.id]
    assert list(await reported.reports.find("build:8")) == []


async def test_the_newest_open_run_of_a_slug_is_found(reported: Reported) -> None:
    assert await reported.reports.find_open(SLUG) is None
    await reported.report(RUNNING, rid="old", started_at=NOW - timedelta(hours=1))
    await reported.report(RUNNING, rid="new")
    await reported.report(SUCCESS, rid="newest")
    found = await reported.reports.find_open(SLUG)
    assert found is not None
    assert found.client_id == "new"


async def test_a_rerun_is_asked_of_the_system_and_reported_as_the_same_run(reported: Reported) -> None:
    await reported.report(SUCCESS, labels={"host": "db1"})
    await reported.core.do_jobs()
    reported.core.clock.turn(seconds=60)
    await reported.core.say("重跑 数据库备份")
    (command,) = reported.sender.sent
    assert command.labels == {"host": "db1"}
    assert (command.kind, command.slug, command.rid) == ("run.rerun", SLUG, command.run_id)
    await reported.report(RUNNING, rid=command.rid)
    await reported.report(SUCCESS, rid=command.rid)
    await reported.core.do_jobs()
    again = (await reported.runs())[-1]
    assert (again.id, again.trigger, again.well) == (command.run_id, Trigger.CHAT, True)


async def test_a_rerun_that_nobody_started_is_stopped_at_once(reported: Reported) -> None:
    await reported.core.say("重跑 数据库备份")
    await reported.core.say("停止 数据库备份")
    await reported.core.say("1")
    await reported.core.watcher.tick()
    run = await reported.run()
    assert run.task_counts is not None
    assert (run.status, run.task_counts.stop) == (RunStatus.FINISHED, 1)
    assert [command.kind for command in reported.sender.sent] == ["run.rerun", "run.stop"]


async def test_a_stop_is_asked_of_the_system_that_runs_it(reported: Reported) -> None:
    await reported.report(RUNNING)
    await reported.core.say("停止 数据库备份")
    answer = await reported.core.say("1")
    assert "已请求停止" in answer
    assert [command.kind for command in reported.sender.sent] == ["run.stop"]
    await reported.report(ReportedStatus.STOPPED)
    assert (await reported.run()).status is RunStatus.FINISHED


async def test_a_schedule_that_cannot_be_run_from_here_says_so(core: CoreHarness) -> None:
    Reported(core, sqlite_stores(core.store), replace_rerun())
    assert "不能从这里启动" in await core.say("重跑 数据库备份")
    assert await core.store.find_runs() == []


async def test_its_card_has_no_button_that_starts_it(core: CoreHarness) -> None:
    reported = Reported(core, sqlite_stores(core.store), replace_rerun())
    await reported.report(FAILED)
    await core.do_jobs()
    (card,) = core.messenger.cards.values()
    assert '"rerun' not in str(card.params)
    assert "重跑" not in card.params["tips"]


def replace_rerun() -> ExternalSchedule:
    return replace(BACKUP, rerun=None)
