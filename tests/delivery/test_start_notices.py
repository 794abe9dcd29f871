"""The card that is sent when a run starts, and becomes its summary."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.plan import card_id
from bot.delivery.policy.start_notices import start_recipients
from bot.errors import PermanentError, TemporaryError
from bot.models import (
    CardTap,
    Destination,
    Mute,
    NotifyOn,
    Person,
    PushStatus,
    RecipientOptions,
    RunStatus,
    TaskStatus,
)
from tests.conftest import GROUP, CoreHarness
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
