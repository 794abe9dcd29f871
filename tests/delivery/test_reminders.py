"""Test that a destination is reminded, once, of a failed run that nobody takes care of."""

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.models import (
    Destination,
    JobState,
    PushStatus,
    QuotaKind,
    RecipientOptions,
    Run,
    RunStatus,
    TaskStatus,
)
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule, make_task
from tests.fakes import AnswerLost

MINUTE = 60


@pytest.fixture
async def reminding(core: CoreHarness) -> CoreHarness:
    core.notify = {"remind_after": 30}
    core.build()
    return core


async def failed_run(core: CoreHarness, cause: str = "cron:s1:now") -> Run:
    run = await core.trigger(cause=cause)
    await core.finish(status=TaskStatus.ERROR)
    return await core.run(run.id)


async def pass_minutes(core: CoreHarness, minutes: float) -> None:
    core.clock.turn(seconds=minutes * MINUTE)
    await core.do_jobs()


def reminders(core: CoreHarness) -> list[str]:
    return [what for verb, _, what in core.messenger.sent if verb == "note"]


async def test_nobody_is_reminded_unless_it_is_set(core: CoreHarness) -> None:
    await failed_run(core)
    assert await core.store.find_jobs(kind="reminder") == []


async def test_a_failed_run_is_reminded_of_once(reminding: CoreHarness) -> None:
    run = await failed_run(reminding)
    await pass_minutes(reminding, 29)
    assert reminders(reminding) == []
    await pass_minutes(reminding, 1)
    await pass_minutes(reminding, 600)
    (reminder,) = reminders(reminding)
    assert "还没有人处理" in reminder
    assert run.id in reminder


async def test_a_reminder_whose_answer_was_lost_is_repeated_word_for_word(reminding: CoreHarness) -> None:
    """Of a work notification, DingTalk drops the same words only. A corrected time would be a second one."""
    person = Destination.parse("work:user01")
    reminding.schedule = make_schedule(notify_enable=True, export=False, send_to=(person,))
    run = await failed_run(reminding)
    reminding.messenger.trouble_with["note"] = [AnswerLost()]
    await pass_minutes(reminding, 31)
    await reminding.store.update_run(run.id, {"end_time": reminding.clock()})
    await pass_minutes(reminding, 2)
    first, second = [what for _, what in reminding.messenger.shown[str(person)] if "还没有人处理" in what]
    assert first == second


async def test_a_reminder_that_may_have_come_is_unconfirmed_and_not_repeated(reminding: CoreHarness) -> None:
    await failed_run(reminding)
    reminding.messenger.trouble_with["note"] = [TemporaryError("no answer", uncertain=True)]
    await pass_minutes(reminding, 31)
    (job,) = await reminding.store.find_jobs(kind="reminder")
    assert (job.state, reminders(reminding)) == (JobState.UNCONFIRMED, [])


async def test_a_newer_run_of_another_schedule_changes_nothing(reminding: CoreHarness) -> None:
    await failed_run(reminding)
    reminding.clock.turn(seconds=1)
    await reminding.trigger(make_schedule(id="s2", name="另一个"), cause="cron:s2")
    await pass_minutes(reminding, 31)
    assert len(reminders(reminding)) == 1


async def test_a_reminder_says_what_failed_when_and_mentions_the_same_people(reminding: CoreHarness) -> None:
    options = (RecipientOptions(to=GROUP, mention=("user07",), only_failed=True),)
    reminding.schedule = make_schedule(
        notify_enable=True, send_to=(GROUP,), recipient_options=options, targets=("192.0.2.1", "192.0.2.2")
    )
    run = await reminding.trigger()
    reminding.clock.turn(seconds=5 * MINUTE)
    await reminding.finish(status=TaskStatus.ERROR)
    await pass_minutes(reminding, 31)
    (reminder,) = reminders(reminding)
    first = f"**每日巡检** 失败了，还没有人处理：11-24 周二 11:05 结束，2/2 个任务未成功，执行 {run.id}"
    assert reminder.split("\n")[0] == first
    assert reminding.messenger.mentioned[-1] == ("user07",)


async def test_a_run_that_never_started_is_reminded_of_as_such(reminding: CoreHarness) -> None:
    reminding.engine.refusal = PermanentError("no target")
    await reminding.trigger(cause="cron:s1:now")
    await pass_minutes(reminding, 31)
    (reminder,) = reminders(reminding)
    assert "没能执行" in reminder


async def skipped(core: CoreHarness) -> object:
    """Return why nobody was reminded of a run that failed an hour ago."""
    await failed_run(core)
    await pass_minutes(core, 60)
    (job,) = await core.store.find_jobs(kind="reminder")
    assert job.state is JobState.DONE
    return job.result.get("skipped")


async def test_who_did_not_get_the_summary_is_not_reminded(reminding: CoreHarness) -> None:
    reminding.messenger.trouble = [PermanentError("no card"), PermanentError("no robot")]
    assert await skipped(reminding) == "the summary was not sent"


async def test_nobody_is_reminded_while_calls_run_out(reminding: CoreHarness) -> None:
    reminding.budget = Budget(limits={QuotaKind.API: 1_000})
    reminding.build()
    await SqliteQuotaStore(reminding.store).add_usage(month_of(reminding.clock()), QuotaKind.API, 850)
    assert await skipped(reminding) == "the monthly quota is running out"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("确认", "somebody takes care"),
        ("重跑 每日巡检", "the schedule has run again"),
        ("静默 每日巡检 2h", "the schedule is muted"),
    ],
)
async def test_the_job_says_why_nobody_was_reminded(reminding: CoreHarness, said: str, why: str) -> None:
    await failed_run(reminding)
    reminding.clock.turn(seconds=1)
    await reminding.say(said)
    await pass_minutes(reminding, 60)
    (job,) = await reminding.store.find_jobs(kind="reminder")
    assert job.result == {"skipped": why}


async def test_a_reminder_waits_for_the_end_of_quiet_hours(reminding: CoreHarness) -> None:
    reminding.notify = {"remind_after": 30, "quiet_hours": "11:20-14:00"}  # it is 11:00
    reminding.build()
    await failed_run(reminding)
    await pass_minutes(reminding, 179)
    assert reminders(reminding) == []
    await pass_minutes(reminding, 1)
    assert len(reminders(reminding)) == 1


async def test_a_run_that_succeeded_is_not(reminding: CoreHarness) -> None:
    await reminding.finished_run()
    assert await reminding.store.find_jobs(kind="reminder") == []


async def test_a_run_that_somebody_stopped_is_not(reminding: CoreHarness) -> None:
    await reminding.trigger(cause="cron:s1:now")
    await reminding.say("停止")
    await reminding.say("1")
    await reminding.finish(status=TaskStatus.STOP)
    assert await reminding.store.find_jobs(kind="reminder") == []


@pytest.mark.parametrize("said", ["确认", "重跑 每日巡检", "静默 每日巡检 2h"])
async def test_whoever_takes_care_prevents_it(reminding: CoreHarness, said: str) -> None:
    await failed_run(reminding)
    reminding.clock.turn(seconds=1)
    await reminding.say(said)
    await pass_minutes(reminding, 60)
    assert reminders(reminding) == []


async def test_a_later_run_prevents_it(reminding: CoreHarness) -> None:
    await failed_run(reminding)
    await pass_minutes(reminding, 10)
    await reminding.finished_run()
    await pass_minutes(reminding, 60)
    assert reminders(reminding) == []


async def test_a_run_that_turned_out_well_after_all_is_not(reminding: CoreHarness) -> None:
    run = await failed_run(reminding)  # its end was only presumed
    tasks = {id_: make_task(id=id_, status=TaskStatus.DONE) for id_ in run.task_ids}
    await reminding.runs.correct(run, tasks)
    await pass_minutes(reminding, 60)
    assert reminders(reminding) == []


async def test_a_crash_before_the_status_is_stored_reminds_once(reminding: CoreHarness) -> None:
    run = await failed_run(reminding)
    changes = {"status": RunStatus.RUNNING, "push_status": PushStatus.PENDING}
    await reminding.store.update_run(run.id, changes)
    reminding.build()
    await reminding.finish()
    await pass_minutes(reminding, 31)
    assert len(reminders(reminding)) == 1


async def test_a_summary_that_comes_late_delays_it(reminding: CoreHarness) -> None:
    reminding.notify = {"remind_after": 30, "quiet_hours": "10:00-12:00"}  # it is 11:00
    reminding.build()
    await failed_run(reminding)
    await pass_minutes(reminding, 61)
    await pass_minutes(reminding, 1)
    assert (reminding.messenger.verbs(), reminders(reminding)) == (["card"], [])
    await pass_minutes(reminding, 31)
    assert len(reminders(reminding)) == 1


async def test_the_proof_says_why_nobody_was_reminded(reminding: CoreHarness) -> None:
    run = await failed_run(reminding)
    await reminding.say("确认")
    await pass_minutes(reminding, 31)
    assert "已有人处理" in await reminding.say(f"凭据 {run.id}")


async def test_the_proof_shows_it(reminding: CoreHarness) -> None:
    run = await failed_run(reminding)
    await pass_minutes(reminding, 31)
    (job,) = await reminding.store.find_jobs(kind="reminder")
    assert job.state is JobState.DONE
    assert "提醒" in await reminding.say(f"凭据 {run.id}")
