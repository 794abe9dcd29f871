"""Test the button of a row, and the form of targets, on our own card template."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.chat.permissions import AccessPolicy
from bot.models import CardTap, Person, Run, RunStatus, TaskStatus, Trend, Trigger
from bot.runs.approvals import Protection
from tests.chat.test_audited import entries
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule

TARGETS = ("a.example", "b.example", "c.example")


async def failed_twice(core: CoreHarness) -> Run:
    """Return a run of three targets, of which the last two failed."""
    schedule = make_schedule(targets=TARGETS, notify_enable=True, send_to=(GROUP,))
    core.engine.known[:] = [schedule]
    run = await core.trigger(schedule)
    core.engine.end(run.task_ids[0])
    await core.finish(status=TaskStatus.ERROR)
    core.clock.turn(seconds=60)
    return await core.run(run.id)


def tap(run: Run, action: str, *chosen: str) -> CardTap:
    return replace(tap_on(run.id, action=action), chosen=chosen)


async def press(core: CoreHarness, pressed: CardTap) -> str:
    """Tap, and return what the person sees."""
    seen = "".join((await core.intake.receive_tap(pressed)).values())
    await core.do_jobs()
    return seen


async def started(core: CoreHarness, earlier: Run) -> Run | None:
    runs = await core.store.find_runs()
    return next((run for run in runs if run.id != earlier.id), None)


async def scanned(core: CoreHarness, earlier: Run) -> list[str]:
    run = await started(core, earlier)
    return [core.engine.all_tasks[id_].target for id_ in run.task_ids] if run else []


async def test_the_button_of_a_row_runs_only_that_task(core: CoreHarness) -> None:
    run = await failed_twice(core)
    assert "只重跑这一项" in await press(core, tap(run, "rerun_task", "3"))
    assert await scanned(core, run) == ["c.example"]
    again = await started(core, run)
    assert again
    assert (again.trigger, again.is_selection, again.asked_in) == (Trigger.CARD, True, GROUP)


async def test_a_row_that_did_not_fail_is_not_run(core: CoreHarness) -> None:
    run = await failed_twice(core)
    for row in ("1", "4", "0", "-1", "x", "", "3 "):
        assert "不能单独重跑" in await press(core, tap(run, "rerun_task", row))
    assert await scanned(core, run) == []


@pytest.mark.parametrize("chosen", [(), ("2", "3")])
async def test_a_tap_that_names_no_row_or_several_is_not_run(
    core: CoreHarness, chosen: tuple[str, ...]
) -> None:
    run = await failed_twice(core)
    assert "不能单独重跑" in await press(core, tap(run, "rerun_task", *chosen))
    assert await scanned(core, run) == []


async def test_two_taps_on_a_row_are_one_run(core: CoreHarness) -> None:
    run = await failed_twice(core)
    await core.intake.receive_tap(tap(run, "rerun_task", "2"))
    assert "不会跑第二次" in await press(core, tap(run, "rerun_task", "2"))
    assert len(await core.store.find_runs()) == 2


async def test_while_one_row_runs_another_one_waits(core: CoreHarness) -> None:
    run = await failed_twice(core)
    await press(core, tap(run, "rerun_task", "2"))
    assert "不会跑第二次" in await press(core, tap(run, "rerun_task", "3"))


async def test_the_form_runs_the_chosen_targets(core: CoreHarness) -> None:
    run = await failed_twice(core)
    assert "选中的目标" in await press(core, tap(run, "rerun_targets", "c.example", "a.example"))
    assert await scanned(core, run) == ["a.example", "c.example"]


async def test_a_target_that_the_schedule_does_not_name_is_refused(core: CoreHarness) -> None:
    run = await failed_twice(core)
    seen = await press(core, tap(run, "rerun_targets", "a.example", "evil.example"))
    assert "evil.example 不是 每日巡检 的目标" in seen
    assert await scanned(core, run) == []


async def test_a_form_without_a_target_is_asked_back(core: CoreHarness) -> None:
    run = await failed_twice(core)
    assert "请选" in await press(core, tap(run, "rerun_targets"))


async def test_a_target_that_was_taken_off_the_schedule_since_is_not_scanned(core: CoreHarness) -> None:
    run = await failed_twice(core)
    core.engine.known[:] = [make_schedule(targets=("a.example",), notify_enable=True, send_to=(GROUP,))]
    await press(core, tap(run, "rerun_targets", "a.example", "b.example"))
    assert await scanned(core, run) == ["a.example"]


async def test_a_run_whose_chosen_targets_are_all_gone_says_so(core: CoreHarness) -> None:
    run = await failed_twice(core)
    core.engine.known[:] = [make_schedule(targets=("z.example",), notify_enable=True, send_to=(GROUP,))]
    await press(core, tap(run, "rerun_targets", "a.example"))
    again = await started(core, run)
    assert again
    assert (again.status, again.error_msg) == (RunStatus.ERROR, "chosen_targets_gone")


async def test_after_a_later_run_the_tap_must_be_confirmed(core: CoreHarness) -> None:
    run = await failed_twice(core)
    await core.trigger(core.engine.known[0], cause="cron:s1:later")
    await core.finish()
    core.clock.turn(seconds=60)
    assert "取代" in await press(core, tap(run, "rerun_task", "3"))
    core.clock.turn(seconds=5)
    assert "取代" in await press(core, tap(run, "rerun_task", "2"))  # another row is another question
    core.clock.turn(seconds=5)
    assert "只重跑这一项" in await press(core, tap(run, "rerun_task", "2"))


async def test_an_old_card_is_refused(core: CoreHarness) -> None:
    run = await failed_twice(core)
    core.clock.turn(seconds=int(timedelta(days=60).total_seconds()))
    assert "过期" in await press(core, tap(run, "rerun_targets", "a.example"))


async def test_who_may_only_view_may_not_rerun(core: CoreHarness) -> None:
    core.access_policy = AccessPolicy(admins=("manager01",), viewers=("user01",), operators=("boss",))
    core.build()
    run = await failed_twice(core)
    await press(core, tap(run, "rerun_task", "3"))
    assert await scanned(core, run) == []


async def test_a_second_person_agrees_to_exactly_what_the_first_one_chose(core: CoreHarness) -> None:
    core.protected = {"*": Protection.TWO_PERSON}
    core.build()
    run = await failed_twice(core)
    await core.say("帮助", sender=Person(id="user02", name="李四"))
    await press(core, tap(run, "rerun_targets", "c.example"))
    assert await started(core, run) is None
    second = replace(tap(run, "rerun_targets", "a.example"), user=Person(id="user02"))
    await press(core, second)
    core.clock.turn(seconds=5)
    await press(core, second)
    assert await scanned(core, run) == ["c.example"]


async def test_a_selection_that_succeeds_is_no_recovery(core: CoreHarness) -> None:
    run = await failed_twice(core)
    await press(core, tap(run, "rerun_targets", "a.example"))
    await core.finish()
    part = await started(core, run)
    assert part
    ended = await core.run(part.id)
    assert ended.status is RunStatus.FINISHED
    assert ended.trend == Trend(streak=0)
    core.clock.turn(seconds=60)
    await core.trigger(core.engine.known[0], cause="cron:s1:later")
    await core.finish(status=TaskStatus.ERROR)
    later = max(await core.store.find_runs(), key=lambda each: each.start_time)
    assert later.trend
    assert (later.trend.was_well, later.trend.streak) == (False, 2)


async def test_the_audit_says_what_was_chosen(core: CoreHarness) -> None:
    run = await failed_twice(core)
    await press(core, tap(run, "rerun_targets", "a.example"))
    assert (await entries(core))[0].said == "选目标重跑 a.example"
