"""Test that summaries wait in quiet hours and come as one digest."""

import pytest

from bot.models import Destination, JobState, Person, PushStatus, Run, TaskStatus, Trigger
from bot.runs.lifecycle import TriggerRequest
from bot.telemetry.rescues import Rescue
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule

QUIET = {"quiet_hours": "10:00-20:00"}  # it is 11:00 in the configured zone
HOURS = 3_600


def be_quiet(core: CoreHarness, **settings: object) -> None:
    core.notify = {**QUIET, **settings}
    core.build()


async def ended(core: CoreHarness, number: int, status: TaskStatus = TaskStatus.DONE) -> Run:
    options = {"notify_enable": True, "send_to": (GROUP,)}
    run = await core.trigger(
        make_schedule(id=f"s{number}", name=f"计划{number}", **options), cause=f"cron:{number}"
    )
    await core.finish(status=status)
    return await core.run(run.id)


async def until_eight_in_the_evening(core: CoreHarness) -> None:
    core.clock.turn(seconds=9 * HOURS)
    await core.do_jobs()
    core.clock.turn(seconds=10)
    await core.do_jobs()


async def test_all_summaries_of_quiet_hours_are_one_card_at_their_end(core: CoreHarness) -> None:
    be_quiet(core)
    runs = [await ended(core, number) for number in range(3)]
    assert core.messenger.sent == []
    await until_eight_in_the_evening(core)
    assert core.messenger.verbs() == ["card"]
    (card,) = core.messenger.cards.values()
    assert all(run.id in card.params["markdown"] for run in runs)
    assert "免打扰" in card.params["markdown"]
    assert {(await core.run(run.id)).push_status for run in runs} == {PushStatus.SUCCESS}


async def test_the_card_of_quiet_hours_still_says_so_after_an_update(core: CoreHarness) -> None:
    be_quiet(core)
    runs = [await ended(core, number) for number in range(2)]
    await until_eight_in_the_evening(core)
    (before,) = core.messenger.cards.values()
    await core.delivery.refresh_cards(runs[0], "test")
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "update"]
    assert list(core.messenger.cards.values()) == [before]


async def test_files_of_quiet_hours_are_sent_on_request(core: CoreHarness) -> None:
    be_quiet(core)
    await ended(core, 0)
    await until_eight_in_the_evening(core)
    (file,) = await core.store.find_jobs(kind="file")
    assert file.state is JobState.DONE
    core.engine.known[:] = [make_schedule(id="s0", name="计划0")]
    await core.say("最近报告 计划0")
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "reply", "upload", "file"]


async def test_outside_of_quiet_hours_nothing_waits(core: CoreHarness) -> None:
    be_quiet(core, quiet_hours="22:00-08:00")
    await ended(core, 0)
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_failures_may_pass_and_do_not_join_the_digest(core: CoreHarness) -> None:
    be_quiet(core, quiet_hours_except="failed", cards_per_minute=1)
    well = await ended(core, 0)
    failed = [await ended(core, number, TaskStatus.ERROR) for number in (1, 2)]
    core.clock.turn(seconds=30)
    await core.do_jobs()
    core.clock.turn(seconds=30)
    await core.do_jobs()
    shown = "".join(card.params["markdown"] for card in core.messenger.cards.values())
    assert [run.id in shown for run in (well, *failed)] == [False, True, True]


async def test_whoever_asked_for_a_run_does_not_wait(core: CoreHarness) -> None:
    be_quiet(core)
    asked = TriggerRequest(
        idempotency_key="m1", trigger=Trigger.CHAT, asked_by=Person(id="user01"), asked_in=GROUP
    )
    other = Destination.parse("group:cidB")
    await core.runs.trigger(make_schedule(notify_enable=True, send_to=(GROUP, other)), asked)
    await core.do_jobs()
    await core.finish()
    assert [where for verb, where, _ in core.messenger.sent if verb == "card"] == [str(GROUP)]


async def test_a_restart_in_quiet_hours_changes_nothing(core: CoreHarness) -> None:
    be_quiet(core)
    await ended(core, 0)
    core.build()
    core.clock.turn(seconds=5 * HOURS)
    await core.reconciler.run()
    await core.do_jobs()
    assert core.messenger.sent == []
    core.clock.turn(seconds=-5 * HOURS)
    await until_eight_in_the_evening(core)
    assert core.messenger.verbs() == ["card"]


async def test_a_webhook_robot_gets_one_message(core: CoreHarness) -> None:
    be_quiet(core)
    robot = Destination.parse("webhook:ops")
    for number in range(2):
        await core.trigger(
            make_schedule(id=f"s{number}", notify_enable=True, send_to=(robot,), export=False),
            cause=f"c{number}",
        )
    await core.finish()
    await until_eight_in_the_evening(core)
    assert core.messenger.verbs() == ["note"]


@pytest.mark.rescue(Rescue.DIGEST_MISSED)
async def test_a_summary_that_comes_too_late_for_the_digest_goes_alone_with_its_file(
    core: CoreHarness,
) -> None:
    be_quiet(core)
    for number in range(61):  # one more than a digest shows
        await ended(core, number)
    await until_eight_in_the_evening(core)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "card", "upload", "file"]


async def test_quiet_hours_that_are_turned_off_still_send_what_waits(core: CoreHarness) -> None:
    be_quiet(core)
    await ended(core, 0)
    core.notify = {}
    core.build()
    await until_eight_in_the_evening(core)
    assert core.messenger.verbs() == ["card"]


async def test_the_status_says_when_the_digest_comes(core: CoreHarness) -> None:
    be_quiet(core)
    await ended(core, 0)
    assert "免打扰，今天 20:00 汇总推送" in await core.say("状态")
