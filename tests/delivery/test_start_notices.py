"""The card that is sent when a run starts, and becomes its summary."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.payload import DeliveryResult
from bot.delivery.plan import card_id, job_id
from bot.delivery.policy.start_notices import start_recipients
from bot.errors import PermanentError, TemporaryError
from bot.models import (
    CardTap,
    Destination,
    JobState,
    Mute,
    NotifyChange,
    NotifyOn,
    Person,
    PushStatus,
    QuotaKind,
    RecipientOptions,
    RunStatus,
    TaskStatus,
)
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from cards.card_template import BUTTONS
from tests.conftest import GROUP, CoreHarness
from tests.delivery.test_card_templates import OWN
from tests.factories import make_run, make_schedule

LI = Person(id="user01", name="李雷")


@pytest.fixture
def started(core: CoreHarness) -> CoreHarness:
    """Return the core with a schedule that sends a card when it starts."""
    core.schedule = replace(core.schedule, start_notice=True)
    core.engine.known[:] = [core.schedule]
    return core


def shown(core: CoreHarness, run_id: str) -> str:
    return " ".join(core.messenger.cards[card_id(run_id, GROUP)].params.values())


async def test_the_card_of_a_start_has_the_chart_of_the_runs_before(started: CoreHarness) -> None:
    started.template_id = OWN
    started.build()
    for _ in range(3):
        await started.finished_run()
        started.clock.turn(seconds=60)
    run = await started.trigger()
    assert started.messenger.cards[card_id(run.id, GROUP)].params["has_history"] == "true"


async def test_one_card_is_sent_at_the_start_and_updated_at_the_end(started: CoreHarness) -> None:
    run = await started.trigger()
    assert "执行中" in shown(started, run.id)
    await started.finish()
    assert started.messenger.verbs() == ["card", "update", "upload", "file"]
    assert "执行中" not in shown(started, run.id)
    assert (await started.run(run.id)).push_status is PushStatus.SUCCESS


async def test_without_the_setting_nothing_is_sent_at_the_start(core: CoreHarness) -> None:
    await core.trigger()
    assert core.messenger.verbs() == []


async def test_the_running_card_stops_the_run(started: CoreHarness) -> None:
    run = await started.trigger()
    tap = CardTap(card_id=card_id(run.id, GROUP), action="stop", user=LI, conversation_id=GROUP.id)
    assert "再按一次" in "".join((await started.intake.receive_tap(tap)).values())
    started.clock.turn(seconds=2)
    assert "正在停止" in "".join((await started.intake.receive_tap(tap)).values())
    await started.do_jobs()
    await started.watcher.tick()
    await started.do_jobs()
    assert "停止了这次执行" in shown(started, run.id)


@pytest.mark.parametrize("trouble", [PermanentError("no such template"), TemporaryError("down")])
async def test_a_start_card_that_fails_costs_no_summary(started: CoreHarness, trouble: Exception) -> None:
    started.messenger.trouble_with["card"] = [trouble]
    run = await started.trigger()
    (job,) = await started.store.find_jobs(run_id=run.id, kind="start")
    assert str(trouble) in (job.error, DeliveryResult.of(job).skipped)
    await started.finish()
    started.clock.turn(seconds=10)
    await started.do_jobs()
    assert started.messenger.verbs().count("card") == 1
    assert "执行中" not in shown(started, run.id)
    assert (await started.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_card_that_cannot_be_updated_is_followed_by_a_message(started: CoreHarness) -> None:
    run = await started.trigger()
    started.messenger.trouble_with["update"] = [PermanentError("card.notExist")]
    await started.finish()
    assert started.messenger.verbs() == ["card", "note", "upload", "file"]
    assert (await started.run(run.id)).push_status is PushStatus.SUCCESS
    (card,) = await started.store.find_jobs(run_id=run.id, kind="card")
    assert DeliveryResult.of(card).fallback_reason == "card.notExist"


async def test_a_card_is_updated_by_the_template_that_it_was_sent_with(started: CoreHarness) -> None:
    started.template_id = OWN
    started.build()
    started.messenger.unknown_templates = {OWN}
    run = await started.trigger()
    await started.finish()
    assert started.messenger.cards[card_id(run.id, GROUP)].template_id == BUTTONS.id
    (card,) = await started.store.find_jobs(run_id=run.id, kind="card")
    (export,) = await started.store.find_jobs(run_id=run.id, kind="export")
    result = DeliveryResult.of(card)
    assert (result.card_id, result.template, result.exports) == (
        card_id(run.id, GROUP),
        BUTTONS.id,
        (export.id,),
    )


async def test_a_death_between_start_and_end_leaves_one_card(started: CoreHarness) -> None:
    run = await started.trigger()
    started.engine.end_all()
    started.build()  # a new process on the same store
    await started.watcher.tick()
    await started.do_jobs()
    assert started.messenger.verbs() == ["card", "update", "upload", "file"]
    assert list(started.messenger.cards) == [card_id(run.id, GROUP)]


async def test_a_run_that_could_not_be_submitted_shows_its_error_only(started: CoreHarness) -> None:
    started.engine.refusal = PermanentError("no target")
    run = await started.trigger()
    assert started.messenger.verbs() == ["card"]
    assert (await started.run(run.id)).status is RunStatus.ERROR


async def test_a_muted_schedule_starts_silently(started: CoreHarness) -> None:
    until = started.clock() + timedelta(hours=1)
    mute = Mute(by=LI, at=started.clock(), until=until, cause="m1")
    await started.context.delivery.overrides.change("s1", lambda each: replace(each, mute=mute))
    await started.trigger()
    await started.finish()
    assert started.messenger.verbs() == []


async def test_a_mute_while_it_runs_does_not_leave_the_card_running(started: CoreHarness) -> None:
    run = await started.trigger()
    until = started.clock() + timedelta(hours=1)
    mute = Mute(by=LI, at=started.clock(), until=until, cause="m1")
    await started.context.delivery.overrides.change("s1", lambda each: replace(each, mute=mute))
    await started.finish(status=TaskStatus.ERROR)
    assert "执行中" not in shown(started, run.id)
    assert started.messenger.verbs() == ["card", "update"]


async def start_of(core: CoreHarness) -> object:
    """Return why a run that starts now gets no card, or None if it gets one."""
    run = await core.trigger(cause=f"cron:s1:{core.clock().isoformat()}")
    job = await core.store.find_job(job_id("start", run.id, GROUP))
    assert job is not None
    assert job.state is JobState.DONE
    return job.result.get("skipped")


async def end(core: CoreHarness) -> list[str]:
    """Let the runs end, and return what is sent."""
    core.messenger.sent.clear()
    await core.finish()
    return [verb for verb in core.messenger.verbs() if verb in {"card", "update", "note"}]


async def test_no_card_is_sent_at_the_start_where_cards_were_rejected(started: CoreHarness) -> None:
    started.messenger.trouble_with["card"] = [PermanentError("no scope")] * 2  # at the start, and at the end
    await started.finished_run()
    started.clock.turn(seconds=60)
    assert await start_of(started) == "cards are rejected here"
    assert await end(started) == ["note"]


async def test_no_card_is_sent_at_the_start_if_its_update_would_be_saved(started: CoreHarness) -> None:
    started.budget = Budget(limits={QuotaKind.API: 1_000})
    started.build()
    quota = SqliteQuotaStore(started.store)
    await quota.add_usage(month_of(started.clock()), QuotaKind.API, 799)
    assert await start_of(started) is None
    await quota.add_usage(month_of(started.clock()), QuotaKind.API, 1)
    started.clock.turn(seconds=60)
    assert await start_of(started) == "the monthly quota is running out"
    assert sorted(await end(started)) == ["card", "update"]


async def test_a_start_takes_one_of_the_cards_of_a_minute(started: CoreHarness) -> None:
    started.notify = {"cards_per_minute": 1}
    started.build()
    assert await start_of(started) is None
    started.clock.turn(seconds=1)
    assert await start_of(started) == "there are too many cards this minute"


async def test_in_quiet_hours_a_run_starts_silently(started: CoreHarness) -> None:
    started.notify = {"quiet_hours": "10:00-12:00"}  # it is 11:00
    started.build()
    assert await start_of(started) == "the schedule is silent now"
    started.clock.turn(seconds=3_600)
    assert await start_of(started) is None


async def test_notifications_that_were_turned_off_meanwhile_count_at_the_start(started: CoreHarness) -> None:
    off = NotifyChange(by=LI, at=started.clock(), notify_enable=False)
    await started.context.delivery.overrides.change("s1", lambda each: replace(each, notify=off))
    assert await start_of(started) == "the schedule is silent now"
    assert await end(started) == []


async def test_where_messages_are_only_logged_nothing_is_sent_at_the_start(started: CoreHarness) -> None:
    elsewhere = Destination.parse("group:cidA#gone")
    started.schedule = replace(started.schedule, send_to=(elsewhere,))
    run = await started.trigger()
    job = await started.store.find_job(job_id("start", run.id, elsewhere))
    assert job is not None
    assert job.result == {"skipped": "the channel has no cards"}


async def test_the_card_waits_until_the_engine_has_taken_the_run(started: CoreHarness) -> None:
    started.engine.refusal = TemporaryError("ARL is busy")
    run = await started.trigger()
    assert started.messenger.verbs() == []
    started.engine.refusal = None
    started.clock.turn(seconds=10)
    await started.do_jobs()
    started.clock.turn(seconds=2)
    await started.do_jobs()
    assert "执行中" in shown(started, run.id)


async def test_the_summary_of_a_started_run_waits_while_no_calls_are_left(started: CoreHarness) -> None:
    started.budget = Budget(limits={QuotaKind.API: 1_000})
    started.build()
    run = await started.trigger()
    quota = SqliteQuotaStore(started.store)
    await quota.add_usage(month_of(started.clock()), QuotaKind.API, 1_000)
    assert await end(started) == []
    await quota.add_usage(month_of(started.clock()), QuotaKind.API, -900)  # more calls were bought
    started.clock.turn(seconds=6 * 3_600)
    await started.do_jobs()
    assert "执行中" not in shown(started, run.id)


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 1),
        ({"notify_enable": False}, 0),
        ({"notify_on": NotifyOn.FAILED}, 0),
        ({"notify_on": NotifyOn.CHANGE}, 0),
        ({"send_to": (Destination.parse("work:user01"),)}, 0),
        ({"recipient_options": (RecipientOptions(to=GROUP, mention=("user01",)),)}, 0),
        ({"start_notice": False}, 0),
    ],
)
def test_a_card_is_sent_where_the_summary_follows_however_it_ends(
    changes: dict[str, object], count: int
) -> None:
    values = {"notify_enable": True, "send_to": (GROUP,), "start_notice": True} | changes
    assert len(start_recipients(make_run(schedule=make_schedule(**values)))) == count
