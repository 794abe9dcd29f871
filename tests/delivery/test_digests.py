"""Digests: several runs in one card."""

from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, JobState, PushStatus, QuotaKind, Run
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule
from tests.fakes import AnswerLost

MANY = 15  # ten go alone in a minute
ROBOT = Destination.parse("webhook:ops")


async def end_together(core: CoreHarness, count: int = MANY, **schedule: object) -> list[Run]:
    """So many runs of as many schedules that end in the same tick."""
    options = {"notify_enable": True, "send_to": (GROUP,), "export": False} | schedule
    runs = [
        await core.trigger(make_schedule(id=f"s{n}", name=f"计划{n:02}", **options), cause=f"cron:{n}")
        for n in range(count)
    ]
    await core.finish()
    return runs


async def later(core: CoreHarness, seconds: float = 30) -> None:
    core.clock.turn(seconds=seconds)
    await core.do_jobs()
    core.clock.turn(seconds=10)
    await core.do_jobs()


def shown(core: CoreHarness) -> str:
    """What all digest cards say together."""
    cards = core.messenger.cards.items()
    return "".join(view.params["markdown"] for id_, view in cards if id_.startswith("digest-"))


async def spend(core: CoreHarness, calls: int) -> None:
    core.budget = Budget(limits={QuotaKind.API: 1_000, QuotaKind.STREAM: 1_000})
    core.build()
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), QuotaKind.API, calls)


async def test_a_burst_is_ten_cards_and_one_digest_with_a_line_each(core: CoreHarness) -> None:
    runs = await end_together(core)
    await later(core)
    assert len(core.messenger.cards) == 11
    assert sum(run.id in shown(core) for run in runs) == 5
    assert {(await core.run(run.id)).push_status for run in runs} == {PushStatus.SUCCESS}


async def test_a_minute_later_runs_go_alone_again(core: CoreHarness) -> None:
    await end_together(core)
    await later(core, 90)
    await core.finished_run()
    assert len(core.messenger.cards) == 12


async def test_each_place_has_a_digest_of_its_own(core: CoreHarness) -> None:
    await end_together(core, send_to=(GROUP, Destination.parse("group:cidB")))
    await later(core)
    assert len([id_ for id_ in core.messenger.cards if id_.startswith("digest-")]) == 2


async def test_a_burst_for_a_webhook_robot_is_one_message(core: CoreHarness) -> None:
    runs = await end_together(core, send_to=(ROBOT,))
    await later(core)
    assert core.messenger.verbs() == ["note"] * 11
    assert sum(run.id in core.messenger.sent[-1][2] for run in runs) == 5


async def test_a_digest_that_is_refused_as_a_card_goes_as_a_message(core: CoreHarness) -> None:
    runs = await end_together(core)
    core.messenger.trouble = [PermanentError("template gone")]
    await later(core)
    assert core.messenger.verbs() == ["card"] * 10 + ["note"]
    assert {(await core.run(run.id)).push_status for run in runs} == {PushStatus.SUCCESS}


async def test_a_lost_answer_to_a_digest_shows_it_once(core: CoreHarness) -> None:
    await end_together(core)
    core.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    await later(core)
    await later(core)
    assert len(core.messenger.cards) == 11


async def test_a_digest_message_of_which_nobody_knows_leaves_its_runs_unconfirmed(core: CoreHarness) -> None:
    runs = await end_together(core)
    core.messenger.trouble = [PermanentError("template gone"), TemporaryError("no answer", uncertain=True)]
    await later(core)
    await later(core)
    jobs = await core.store.find_jobs(kind="card", states={JobState.UNCONFIRMED})
    assert len(jobs) == 5
    assert len({job.run_id for job in jobs} & {run.id for run in runs}) == 5


async def test_a_digest_whose_answer_was_lost_is_repeated_word_for_word(core: CoreHarness) -> None:
    """Of a work notification, DingTalk drops the same words only."""
    person = Destination.parse("work:user01")
    runs = await end_together(core, send_to=(person,))
    core.messenger.trouble_with["note"] = [AnswerLost()]
    core.clock.turn(seconds=30)
    await core.do_jobs()
    for run in runs:
        await core.store.update_run(run.id, {"end_time": core.clock()})
    core.clock.turn(seconds=10)
    await core.do_jobs()
    first, second = [what for _, what in core.messenger.shown[str(person)] if "次执行结束" in what]
    assert first == second


async def test_a_digest_names_each_of_its_runs_and_the_next_one_names_the_rest(core: CoreHarness) -> None:
    """A work notification has room for 1,700 bytes."""
    person = Destination.parse("work:user01")
    runs = await end_together(core, 70, send_to=(person,))
    for _ in range(4):
        await later(core)
    digests = [what for _, what in core.messenger.shown[str(person)] if "次执行结束" in what]
    assert len(digests) > 1
    shown = "".join(what for _, what in core.messenger.shown[str(person)])
    assert [run.id for run in runs if run.id not in shown] == []


async def test_whoever_comes_too_late_stands_in_the_next_digest(core: CoreHarness) -> None:
    await end_together(core, 80)
    for _ in range(6):
        await later(core, 15)
    digests = [id_ for id_ in core.messenger.cards if id_.startswith("digest-")]
    assert len(digests) == 2
    assert sum(f"计划{n:02}" in shown(core) for n in range(80)) == 70


async def test_digests_are_sent_without_files_while_the_quota_is_running_out(core: CoreHarness) -> None:
    await spend(core, 955)
    runs = await end_together(core, 3, export=True)
    assert core.messenger.verbs() == []
    await later(core, 86_400)
    assert core.messenger.verbs() == ["card"]
    assert all(run.id in shown(core) for run in runs)


async def test_summaries_wait_for_the_next_month_once_the_quota_is_used_up(core: CoreHarness) -> None:
    await spend(core, 995)
    runs = await end_together(core, 3)
    for _ in range(30):
        await later(core, 6 * 3600)
    assert len(core.messenger.cards) == 3
    assert {(await core.run(run.id)).push_status for run in runs} == {PushStatus.SUCCESS}


async def test_near_the_end_of_the_month_the_robot_beside_speaks(core: CoreHarness) -> None:
    core.fallback_webhooks = {str(GROUP): ROBOT}
    await spend(core, 955)
    await end_together(core, 3)
    assert [where for _, where, _ in core.messenger.sent] == [str(ROBOT)] * 3


async def test_a_burst_for_the_robot_beside_is_a_digest_that_does_not_save_its_calls(
    core: CoreHarness,
) -> None:
    core.fallback_webhooks = {str(GROUP): ROBOT}
    await spend(core, 955)
    runs = await end_together(core)
    await later(core)
    assert core.messenger.verbs() == ["note"] * 11
    assert {where for _, where, _ in core.messenger.sent} == {str(ROBOT)}
    assert sum(run.id in core.messenger.sent[-1][2] for run in runs) == 5


async def test_a_thrifty_month_renews_no_card(core: CoreHarness) -> None:
    await spend(core, 810)
    run = await core.finished_run()
    await core.rerun(run)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_without_files_the_card_says_how_to_get_it_and_asking_gets_it(core: CoreHarness) -> None:
    await spend(core, 900)
    await core.finished_run()
    (view,) = core.messenger.cards.values()
    assert "最近报告" in view.params["markdown"]
    await core.say("最近报告")
    assert core.messenger.verbs() == ["card", "reply", "upload", "file"]


async def test_an_unconfirmed_file_shows_on_the_digest(core: CoreHarness) -> None:
    await end_together(core, export=True)
    core.messenger.trouble_with["file"] = [TemporaryError("no answer", uncertain=True)]
    await later(core)
    await later(core)
    assert shown(core).count("未确认") == 1


async def test_the_digest_no_longer_says_so_once_the_file_came(core: CoreHarness) -> None:
    await end_together(core, export=True)
    core.messenger.trouble_with["file"] = [TemporaryError("no answer", uncertain=True)]
    await later(core)
    await later(core)
    (job,) = await core.store.find_jobs(kind="file", states={JobState.UNCONFIRMED})
    await core.say(f"报告 {job.run_id}")
    await core.do_jobs()
    assert "未确认" not in shown(core)
