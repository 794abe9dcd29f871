"""Test how overrides decide whether an ended run is notified of, also over crashes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.models import (
    ExportStatus,
    Mute,
    NotifyChange,
    NotifyOn,
    Person,
    PushStatus,
    Run,
    RunStatus,
    TaskStatus,
    Trigger,
)
from bot.runs.lifecycle import TriggerRequest
from tests.conftest import GROUP, CoreHarness
from tests.factories import NOW, make_schedule

WHO = Person(id="user01", name="李雷")
FOREVER = Mute(by=WHO, at=NOW, until=NOW + timedelta(days=30))
NEXT = Mute(by=WHO, at=NOW)
WITHOUT_EXPORT = make_schedule(notify_enable=True, send_to=(GROUP,), export=False)


async def mute(core: CoreHarness, value: Mute | None) -> None:
    await core.context.delivery.overrides.change("s1", lambda each: replace(each, mute=value))


async def change(core: CoreHarness, **values: object) -> None:
    changed = NotifyChange(by=WHO, at=NOW, **values)  # type: ignore[arg-type]
    await core.context.delivery.overrides.change("s1", lambda each: replace(each, notify=changed))


async def again(core: CoreHarness) -> Run:
    """Trigger and finish another run."""
    core.clock.turn(seconds=1)
    return await core.finished_run()


async def reopen(core: CoreHarness, run: Run) -> None:
    """Leave the store as a crash right before the final status does."""
    changes = {"status": RunStatus.RUNNING, "push_status": PushStatus.PENDING}
    await core.store.update_run(run.id, changes)


async def test_a_muted_run_is_recorded_and_nobody_is_notified(core: CoreHarness) -> None:
    await mute(core, FOREVER)
    run = await core.finished_run()
    assert core.messenger.sent == []
    assert (run.push_status, run.export_status) == (PushStatus.SKIPPED, ExportStatus.SUCCESS)
    assert run.muted == FOREVER


async def test_a_mute_that_is_set_while_the_run_is_going_counts(core: CoreHarness) -> None:
    await core.trigger()
    await mute(core, FOREVER)
    await core.finish()
    assert core.messenger.sent == []


async def test_what_was_muted_is_not_sent_when_the_mute_ends(core: CoreHarness) -> None:
    await mute(core, replace(FOREVER, until=NOW + timedelta(hours=1)))
    await core.finished_run()
    core.clock.turn(seconds=7200)
    await core.reconciler.run()
    await core.do_jobs()
    assert core.messenger.sent == []


async def test_a_mute_of_the_next_run_silences_exactly_one(core: CoreHarness) -> None:
    await mute(core, NEXT)
    muted, loud = await core.finished_run(), await again(core)
    assert (muted.push_status, loud.push_status) == (PushStatus.SKIPPED, PushStatus.SUCCESS)
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_whoever_asked_for_a_run_is_answered_although_it_is_muted(core: CoreHarness) -> None:
    await mute(core, FOREVER)
    asked = TriggerRequest(idempotency_key="m1", trigger=Trigger.CHAT, asked_by=WHO, asked_in=GROUP)
    await core.runs.trigger(make_schedule(notify_enable=True, send_to=(GROUP,)), asked)
    await core.do_jobs()
    await core.finish()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_notifications_can_be_turned_off_and_on(core: CoreHarness) -> None:
    await change(core, notify_enable=False)
    assert (await core.finished_run()).push_status is PushStatus.SKIPPED
    core.schedule = make_schedule(notify_enable=False, send_to=(GROUP,))
    await change(core, notify_enable=True)
    assert (await again(core)).push_status is PushStatus.SUCCESS


async def test_only_failures_can_be_asked_for(core: CoreHarness) -> None:
    await change(core, notify_on=NotifyOn.FAILED)
    assert (await core.finished_run()).push_status is PushStatus.SKIPPED
    core.clock.turn(seconds=1)
    run = await core.trigger(cause="cron:s1:2")
    await core.finish(status=TaskStatus.ERROR)
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_mute_after_the_first_job_was_stored_comes_too_late(core: CoreHarness) -> None:
    run = await core.finished_run()
    await reopen(core, run)
    await mute(core, FOREVER)
    core.build()
    await core.finish()
    await core.reconciler.run()
    assert core.messenger.verbs() == ["card", "upload", "file"]
    ended = await core.run(run.id)
    assert (ended.push_status, ended.muted) == (PushStatus.SUCCESS, None)


@pytest.mark.parametrize("value", [FOREVER, NEXT])
async def test_a_muted_run_stays_muted_over_a_crash(core: CoreHarness, value: Mute) -> None:
    await mute(core, value)
    run = await core.finished_run()
    await reopen(core, run)
    await mute(core, None)
    core.build()
    await core.finish()
    assert core.messenger.sent == []
    assert (await core.run(run.id)).push_status is PushStatus.SKIPPED


async def test_a_crash_after_the_mute_was_used_up_silences_the_same_run(core: CoreHarness) -> None:
    core.schedule = WITHOUT_EXPORT
    await mute(core, NEXT)
    run = await core.finished_run()
    await reopen(core, run)
    await core.store.update_run(run.id, {"muted": None})
    await core.finish()
    assert (await core.run(run.id)).push_status is PushStatus.SKIPPED
    assert (await again(core)).push_status is PushStatus.SUCCESS


async def test_a_run_that_another_bot_mutes_at_the_same_moment_is_not_sent(core: CoreHarness) -> None:
    run = await core.trigger()
    core.engine.end_all()
    await core.watcher.tick()  # this bot stores the jobs
    await core.store.update_run(run.id, {"muted": FOREVER})  # the other one ends the run
    await core.do_jobs()
    assert core.messenger.sent == []
    assert (await core.run(run.id)).push_status is PushStatus.SKIPPED


async def test_a_run_without_jobs_so_far_follows_the_latest_change(core: CoreHarness) -> None:
    core.schedule = WITHOUT_EXPORT
    await change(core, notify_enable=False)
    run = await core.finished_run()
    await reopen(core, run)
    await change(core, notify_enable=True)
    await core.finish()
    assert core.messenger.verbs() == ["card"]


async def test_the_next_summary_says_how_many_runs_were_muted(core: CoreHarness) -> None:
    await mute(core, FOREVER)
    for _ in range(3):
        await again(core)
    await mute(core, None)
    first, second = await again(core), await again(core)
    assert (first.muted_before, second.muted_before) == (3, 0)
    shown = ["静默的执行：3 次" in card.params["markdown"] for card in core.messenger.cards.values()]
    assert shown == [True, False]
