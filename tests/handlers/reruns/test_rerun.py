"""Test the command `重跑` and its button."""

from bot.delivery.plan import card_id
from bot.models import Expectation, Overlap, Person, RunStatus, Trigger
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule


async def test_rerun_runs_the_only_schedule(core: CoreHarness) -> None:
    assert "每日巡检" in await core.say("重跑")
    (run,) = await core.store.find_runs()
    assert run.asked_by is not None
    assert (run.trigger, run.asked_by.id, run.asked_in) == (Trigger.CHAT, "user01", GROUP)


async def test_rerun_takes_a_name_in_any_case(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="Weekly Scan"))
    assert "Weekly" in await core.say("rerun weekly scan")


async def test_rerun_takes_a_part_of_a_name_and_the_id_of_a_run(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.say(f"重跑 {run.id}")
    await core.finish()
    await core.say("重跑 巡检")
    assert len(await core.store.find_runs()) == 3


async def test_without_a_name_the_schedule_last_told_here_is_meant(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="Weekly"))
    await core.finished_run()
    assert "每日巡检" in await core.say("重跑")


async def test_with_several_schedules_it_asks_which(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="Weekly"))
    answer = await core.say("重跑")
    assert "Weekly" in answer
    assert await core.store.find_runs() == []


async def test_a_name_that_fits_two_schedules_asks_which(core: CoreHarness) -> None:
    core.engine.known += [make_schedule(id="s2", name="内网一"), make_schedule(id="s3", name="内网二")]
    answer = await core.say("重跑 内网")
    assert "内网一" in answer
    assert "内网二" in answer


async def test_an_unknown_name_gets_the_nearest(core: CoreHarness) -> None:
    assert "每日巡检" in await core.say("重跑 每日寻检")


async def test_without_schedules_it_says_so(core: CoreHarness) -> None:
    core.engine.known.clear()
    assert await core.say("重跑")


async def test_a_run_that_is_under_way_is_not_started_again(core: CoreHarness) -> None:
    await core.trigger()
    assert "0/1" in await core.say("重跑")
    assert len(await core.store.find_runs()) == 1


async def test_a_run_that_is_superseded_is_stopped_and_the_new_one_starts(core: CoreHarness) -> None:
    core.engine.known[:] = [make_schedule(expect=Expectation(overlap=Overlap.SUPERSEDE))]
    await core.trigger()
    await core.do_jobs()
    core.clock.turn(seconds=120)
    assert "每日巡检" in await core.say("重跑")
    await core.do_jobs()
    await core.watcher.tick()
    old, new = (await core.store.find_runs())[::-1]
    assert (old.status, old.well) == (RunStatus.FINISHED, None)  # stopped
    assert (new.status, new.trigger) == (RunStatus.RUNNING, Trigger.CHAT)


async def test_who_comes_right_after_a_short_run_is_told_when_it_can_run_again(core: CoreHarness) -> None:
    await core.say("重跑")
    await core.finish()
    core.clock.turn(seconds=10)
    assert "真要再跑，请过 20 秒" in await core.say("重跑", sender=Person(id="user02", name="赵强"))
    core.clock.turn(seconds=20)
    assert "开始重跑" in await core.say("重跑", sender=Person(id="user02", name="赵强"))


async def test_the_button_reruns_and_the_card_tells_everyone(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.say("状态", sender=Person(id="user01", name="李雷"))
    await core.intake.receive_tap(tap_on(run.id, user=Person(id="user01")))
    await core.do_jobs()
    (fresh, _) = await core.store.find_runs()
    assert fresh.trigger is Trigger.CARD
    shown = "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())
    assert "李雷" in shown
    assert '"rerun"' not in shown


async def test_a_button_of_a_schedule_that_is_gone_reruns_nothing(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.engine.known.clear()
    await core.intake.receive_tap(tap_on(run.id))
    await core.do_jobs()
    assert len(await core.store.find_runs()) == 1


async def test_two_schedules_of_one_name_are_offered_and_a_number_or_an_id_is_taken(
    core: CoreHarness,
) -> None:
    core.engine.known += [make_schedule(id=id_, name="重叠") for id_ in ("6" * 24, "7" * 24)]
    answer = await core.say("重跑 重叠")
    assert all(word in answer for word in ("6" * 24, "7" * 24, "03:00"))
    await core.say("重跑 2")
    await core.say(f"重跑 {'6' * 24}")
    assert {run.schedule_id for run in await core.store.find_runs()} == {"6" * 24, "7" * 24}
