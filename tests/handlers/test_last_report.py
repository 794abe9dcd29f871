"""Test the command `最近报告` and its button."""

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.models import ExportStatus, Person, QuotaKind
from bot.quota.budget import Budget, month_of
from bot.reports.link_tokens import LinkPolicy
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.chat.test_dispatcher import tap_on
from tests.conftest import CoreHarness
from tests.factories import make_run, make_schedule


@pytest.mark.parametrize("words", ["最近报告", "last report", "报告 每日巡检"])
async def test_the_newest_report_comes_as_a_file_without_a_second_upload(
    core: CoreHarness, words: str
) -> None:
    await core.finished_run()
    core.messenger.sent.clear()
    assert ".xlsx" in await core.say(words)
    assert core.messenger.verbs() == ["reply", "file"]


async def test_in_a_one_to_one_conversation_it_comes_there(core: CoreHarness) -> None:
    await core.finished_run()
    await core.say("最近报告", group=False, conversation_id="cidOto")
    assert core.messenger.sent[-1][:2] == ("file", "user:user01")


@pytest.mark.parametrize("status", [*ExportStatus, None])
async def test_without_a_report_it_says_why(core: CoreHarness, status: ExportStatus | None) -> None:
    if status:
        run = await core.trigger()
        await core.store.update_run(run.id, {"export_status": status})
    assert "每日巡检" in await core.say("最近报告")
    assert core.messenger.verbs() == ["reply"]


async def test_a_run_that_is_not_kept_any_more_is_not_taken_for_a_schedule(core: CoreHarness) -> None:
    """Of a run that is hidden here, the answer is the same."""
    await core.finished_run()
    assert "没有编号为「roljbbkzhmu」的执行" in await core.say("报告 roljbbkzhmu")


async def test_a_schedule_without_export_says_so(core: CoreHarness) -> None:
    core.engine.known[0] = make_schedule(export=False)
    await core.trigger()
    assert "每日巡检" in await core.say("最近报告")


async def test_the_button_sends_the_file_where_the_card_is(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.messenger.sent.clear()
    await core.intake.receive_tap(tap_on(run.id, "report"))
    await core.do_jobs()
    assert [sent[:2] for sent in core.messenger.sent] == [("file", "group:cidA")]


async def test_each_person_may_press_once(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.messenger.sent.clear()
    for user in ("user01", "user01", "user02"):
        await core.intake.receive_tap(tap_on(run.id, "report", Person(id=user)))
        await core.do_jobs()
        core.clock.turn(seconds=601)
    assert core.messenger.verbs() == ["file", "file"]


async def test_the_same_report_at_the_same_place_is_answered_in_words_for_ten_minutes(
    core: CoreHarness,
) -> None:
    run = await core.finished_run()
    core.messenger.sent.clear()
    await core.say(f"报告 {run.id}")
    assert "往上翻" in await core.say("最近报告", sender=Person(id="user02"))
    pressed = await core.intake.receive_tap(tap_on(run.id, "report"))
    assert "往上翻" in pressed["tips"]
    await core.say("最近报告", group=False, conversation_id="cidOto")
    core.clock.turn(seconds=601)
    await core.say("最近报告")
    places = [where for verb, where, _ in core.messenger.sent if verb == "file"]
    assert places == ["group:cidA", "user:user01", "group:cidA"]


async def test_the_button_of_a_card_whose_report_has_expired_says_so_and_sends_nothing(
    core: CoreHarness,
) -> None:
    run = await core.finished_run()
    core.clock.turn(seconds=40 * 86_400)
    await core.reports.purge_expired()
    core.messenger.sent.clear()
    pressed = await core.intake.receive_tap(tap_on(run.id, "report"))
    await core.do_jobs()
    assert "过了保存期" in pressed["tips"]
    assert core.messenger.verbs() == []


async def test_two_who_press_at_the_same_moment_get_one_file(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.messenger.sent.clear()
    for user in ("user01", "user02"):
        await core.intake.receive_tap(tap_on(run.id, "report", Person(id=user)))
    await core.do_jobs()
    assert core.messenger.verbs() == ["file"]


async def test_a_file_that_did_not_arrive_for_sure_can_be_asked_for_at_once(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.messenger.trouble_with["file"] = [TemporaryError("no answer", uncertain=True)]
    await core.say(f"报告 {run.id}")
    core.messenger.sent.clear()
    await core.say(f"报告 {run.id}")
    assert core.messenger.verbs() == ["reply", "file", "update"]


async def almost_spent(core: CoreHarness, percent: int) -> None:
    core.budget = Budget(limits={QuotaKind.API: 1_000})
    core.build()
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), QuotaKind.API, percent * 10)


@pytest.mark.parametrize(("percent", "files"), [(94, 1), (95, 0)])
async def test_as_the_month_runs_out_what_people_ask_for_stops_before_the_summaries(
    core: CoreHarness, percent: int, files: int
) -> None:
    run = await core.finished_run()
    core.messenger.sent.clear()
    await almost_spent(core, percent)
    answers = await core.say("最近报告"), (await core.intake.receive_tap(tap_on(run.id, "report")))["tips"]
    await core.do_jobs()
    assert core.messenger.verbs().count("file") == files
    assert ["额度" in answer for answer in answers] == [not files, not files]


async def test_then_a_link_stands_in_the_answer_where_people_reach_it(core: CoreHarness) -> None:
    core.terms = LinkPolicy(public_url="https://run.example.com")
    await core.finished_run()
    await almost_spent(core, 97)
    assert "https://run.example.com/reports/" in await core.say("最近报告")


async def test_the_report_of_one_run_is_had_by_its_number(core: CoreHarness) -> None:
    first = await core.finished_run()
    core.clock.turn(seconds=3600)
    await core.finished_run()
    assert first.id in await core.say(f"报告 {first.id.upper()}")
    await core.do_jobs()
    verb, _, name = core.messenger.sent[-1]
    assert (verb, first.id in name) == ("file", True)


@pytest.mark.parametrize("ask", ["状态", "历史", "报告列表"])
async def test_the_report_of_a_run_is_had_by_its_place_in_the_last_list(core: CoreHarness, ask: str) -> None:
    first = await core.finished_run()
    core.clock.turn(seconds=3600)
    await core.finished_run()
    assert first.id in await core.say(ask)
    await core.say("报告 2")
    await core.do_jobs()
    verb, _, name = core.messenger.sent[-1]
    assert (verb, first.id in name) == ("file", True)


async def test_the_first_letters_of_a_run_are_enough(core: CoreHarness) -> None:
    run = await core.finished_run()
    assert run.id in await core.say(f"报告 {run.id[:6].upper()}")


async def test_letters_that_begin_several_runs_offer_them(core: CoreHarness) -> None:
    for id_ in ("rabcdaaaaaa", "rabcdbbbbbb"):
        await core.store.add_run(make_run(id=id_, idempotency_key=id_))
    answer = await core.say("报告 rabcd")
    assert all(id_ in answer for id_ in ("rabcdaaaaaa", "rabcdbbbbbb"))
    assert await core.say("凭据 rab")
    assert "rabcdbbbbbb" in await core.say("凭据 rabcdb")


async def test_a_run_without_a_report_says_why(core: CoreHarness) -> None:
    core.exporter.trouble = [PermanentError("disk")]
    run = await core.finished_run()
    assert "重新生成" in await core.say(f"报告 {run.id}")


async def test_what_is_too_big_comes_as_a_link_in_the_answer(core: CoreHarness) -> None:
    core.max_bytes, core.terms = 10, LinkPolicy(public_url="https://run.example.com")
    core.build()
    run = await core.finished_run()
    core.messenger.sent.clear()
    answer = await core.say("最近报告")
    assert "](https://run.example.com/reports/l" in answer
    assert all(word in answer for word in (run.id, "23 B", "11-24 11:00:00 生成", "11-25 11:00:00 前有效"))
    assert core.messenger.verbs() == ["reply"]
