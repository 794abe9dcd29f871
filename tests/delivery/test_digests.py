"""Digests: several runs in one card."""

from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, JobState, PushStatus, QuotaKind, Run
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule

MANY = 15  # ten go alone in a minute
ROBOT = Destination.parse("webhook:ops")


async def end_together(desk: CoreHarness, count: int = MANY, **schedule: object) -> list[Run]:
    """So many runs of as many schedules that end in the same tick."""
    options = {"notify_enable": True, "send_to": (GROUP,), "export": False} | schedule
    runs = [
        await desk.trigger(make_schedule(id=f"s{n}", name=f"计划{n:02}", **options), cause=f"cron:{n}")
        for n in range(count)
    ]
    await desk.finish()
    return runs


async def later(desk: CoreHarness, seconds: float = 30) -> None:
    desk.clock.turn(seconds=seconds)
    await desk.do_jobs()
    desk.clock.turn(seconds=10)
    await desk.do_jobs()


def shown(desk: CoreHarness) -> str:
    """What all digest cards say together."""
    cards = desk.messenger.cards.items()
    return "".join(view.params["markdown"] for id_, view in cards if id_.startswith("digest-"))


async def spend(desk: CoreHarness, calls: int) -> None:
    desk.budget = Budget(limits={QuotaKind.API: 1_000, QuotaKind.STREAM: 1_000})
    desk.build()
    await SqliteQuotaStore(desk.store).add_usage(month_of(desk.clock()), QuotaKind.API, calls)


async def test_a_burst_is_ten_cards_and_one_digest_with_a_line_each(desk: CoreHarness) -> None:
    runs = await end_together(desk)
    await later(desk)
    assert len(desk.messenger.cards) == 11
    assert sum(run.id in shown(desk) for run in runs) == 5
    assert {(await desk.run(run.id)).push_status for run in runs} == {PushStatus.SUCCESS}


async def test_a_minute_later_runs_go_alone_again(desk: CoreHarness) -> None:
    await end_together(desk)
    await later(desk, 90)
    await desk.finished_run()
    assert len(desk.messenger.cards) == 12


async def test_each_place_has_a_digest_of_its_own(desk: CoreHarness) -> None:
    await end_together(desk, send_to=(GROUP, Destination.parse("group:cidB")))
    await later(desk)
    assert len([id_ for id_ in desk.messenger.cards if id_.startswith("digest-")]) == 2


async def test_a_burst_for_a_webhook_robot_is_one_message(desk: CoreHarness) -> None:
    runs = await end_together(desk, send_to=(ROBOT,))
    await later(desk)
    assert desk.messenger.verbs() == ["note"] * 11
    assert sum(run.id in desk.messenger.sent[-1][2] for run in runs) == 5


async def test_a_digest_that_is_refused_as_a_card_goes_as_a_message(desk: CoreHarness) -> None:
    runs = await end_together(desk)
    desk.messenger.trouble = [PermanentError("template gone")]
    await later(desk)
    assert desk.messenger.verbs() == ["card"] * 10 + ["note"]
    assert {(await desk.run(run.id)).push_status for run in runs} == {PushStatus.SUCCESS}


async def test_a_lost_answer_to_a_digest_shows_it_once(desk: CoreHarness) -> None:
    await end_together(desk)
    desk.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    await later(desk)
    await later(desk)
    assert len(desk.messenger.cards) == 11


async def test_a_digest_message_of_which_nobody_knows_leaves_its_runs_unconfirmed(desk: CoreHarness) -> None:
    runs = await end_together(desk)
    desk.messenger.trouble = [PermanentError("template gone"), TemporaryError("no answer", uncertain=True)]
    await later(desk)
    await later(desk)
    jobs = await desk.store.find_jobs(kind="card", states={JobState.UNCONFIRMED})
    assert len(jobs) == 5
    assert len({job.run_id for job in jobs} & {run.id for run in runs}) == 5


async def test_whoever_comes_too_late_stands_in_the_next_digest(desk: CoreHarness) -> None:
    await end_together(desk, 80)
    for _ in range(6):
        await later(desk, 15)
    digests = [id_ for id_ in desk.messenger.cards if id_.startswith("digest-")]
    assert len(digests) == 2
    assert sum(f"计划{n:02}" in shown(desk) for n in range(80)) == 70


async def test_digests_are_sent_without_files_while_the_quota_is_running_out(desk: CoreHarness) -> None:
    await spend(desk, 955)
    runs = await end_together(desk, 3, export=True)
    assert desk.messenger.verbs() == []
    await later(desk, 86_400)
    assert desk.messenger.verbs() == ["card"]
    assert all(run.id in shown(desk) for run in runs)


async def test_summaries_wait_for_the_next_month_once_the_quota_is_used_up(desk: CoreHarness) -> None:
    await spend(desk, 995)
    runs = await end_together(desk, 3)
    for _ in range(30):
        await later(desk, 6 * 3600)
    assert len(desk.messenger.cards) == 3
    assert {(await desk.run(run.id)).push_status for run in runs} == {PushStatus.SUCCESS}


async def test_near_the_end_of_the_month_the_robot_beside_speaks(desk: CoreHarness) -> None:
    desk.fallback_webhooks = {str(GROUP): ROBOT}
    await spend(desk, 955)
    await end_together(desk, 3)
    assert [where for _, where, _ in desk.messenger.sent] == [str(ROBOT)] * 3


async def test_a_thrifty_month_renews_no_card(desk: CoreHarness) -> None:
    await spend(desk, 810)
    run = await desk.finished_run()
    await desk.delivery.announce_rerun(run, "李雷")
    await desk.do_jobs()
    assert desk.messenger.verbs() == ["card", "upload", "file"]


async def test_without_files_the_card_says_how_to_get_it_and_asking_gets_it(desk: CoreHarness) -> None:
    await spend(desk, 900)
    await desk.finished_run()
    (view,) = desk.messenger.cards.values()
    assert "最近报告" in view.params["markdown"]
    await desk.say("最近报告")
    assert desk.messenger.verbs() == ["card", "reply", "upload", "file"]


async def test_an_unconfirmed_file_shows_on_the_digest(desk: CoreHarness) -> None:
    await end_together(desk, export=True)
    desk.messenger.trouble_with["file"] = [TemporaryError("no answer", uncertain=True)]
    await later(desk)
    await later(desk)
    assert shown(desk).count("未确认") == 1


async def test_the_digest_no_longer_says_so_once_the_file_came(desk: CoreHarness) -> None:
    await end_together(desk, export=True)
    desk.messenger.trouble_with["file"] = [TemporaryError("no answer", uncertain=True)]
    await later(desk)
    await later(desk)
    (job,) = await desk.store.find_jobs(kind="file", states={JobState.UNCONFIRMED})
    await desk.say(f"报告 {job.run_id}")
    await desk.do_jobs()
    assert "未确认" not in shown(desk)
