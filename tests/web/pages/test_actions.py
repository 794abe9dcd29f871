"""What people do on the pages: the rights, the questions and the audit of the chat."""

from collections.abc import AsyncIterator

import pytest

from bot.delivery.policy.effective import active_mute
from bot.errors import TemporaryError
from bot.models import AuditChannel, AuditEntry, AuditOutcome, Run, TaskStatus, Trigger
from bot.runs.approvals import Protection
from bot.web.pages.actions import ACTIONS, ActionRequest
from cards.environment import LANGUAGES
from handlers import router
from tests.conftest import CoreHarness
from tests.factories import make_schedule
from tests.web.web_harness import PageHarness, page_client, token_in

VALID = {"do": "rerun", "what": "s1", "key": "12345678", "back": "/status"}


@pytest.fixture
async def site(core: CoreHarness) -> AsyncIterator[PageHarness]:
    async with page_client(core) as site:
        await site.log_in()
        yield site


async def last_entry(core: CoreHarness) -> AuditEntry:
    return (await core.context.audit.find())[0]


async def runs(core: CoreHarness) -> list[Run]:
    return list(await core.store.find_runs())


async def test_a_schedule_is_run_again_as_in_the_chat(site: PageHarness) -> None:
    assert "已受理" in await site.say_on_page("/status", "rerun")
    (run,) = await runs(site.core)
    assert (run.trigger, run.asked_by and run.asked_by.id, run.schedule_id) == (Trigger.CHAT, "user01", "s1")


async def test_what_is_asked_for_on_a_page_is_told_to_nobody_else(site: PageHarness) -> None:
    page = await site.say_on_page("/status", "rerun")
    (run,) = await runs(site.core)
    assert run.asked_in is None
    assert all(word in page for word in ("看这次执行的页面", f'href="/status/runs/{run.id}"'))


async def test_it_is_in_the_audit_with_the_rule_and_the_address(site: PageHarness) -> None:
    await site.press("/status", "rerun")
    entry, (run,) = await last_entry(site.core), await runs(site.core)
    assert (entry.channel, entry.actor.id, entry.address) == (AuditChannel.WEB, "user01", "127.0.0.1")
    assert (entry.outcome, entry.run_id, entry.rule) == (AuditOutcome.ACCEPTED, run.id, "access.admins")


async def test_a_form_that_is_sent_twice_is_one_request(site: PageHarness) -> None:
    form = await site.form("/status", "rerun")
    for _ in range(2):
        assert "已受理" in await (await site.client.post("/status/act", data=form)).text()
    assert len(await runs(site.core)) == 1
    assert len(await site.core.context.audit.find()) == 1


async def test_the_cooldown_of_the_chat_holds(site: PageHarness) -> None:
    form = await site.form("/status", "rerun")
    await site.press("/status", "rerun")
    await site.core.do_jobs()
    assert "没有执行" in await (await site.client.post("/status/act", data=form)).text()
    assert len(await runs(site.core)) == 1


async def test_stopping_asks_first(site: PageHarness) -> None:
    run = await site.core.trigger()
    page = await site.say_on_page("/status", "stop")
    assert "请确认" in page
    assert (await site.core.run(run.id)).stopped_by is None
    await _answer(site, page, "yes")
    stopped = (await site.core.run(run.id)).stopped_by
    assert stopped is not None
    assert stopped.id == "user01"


async def test_a_question_may_be_answered_with_no(site: PageHarness) -> None:
    run = await site.core.trigger()
    await _answer(site, await site.say_on_page("/status", "stop"), "no")
    assert (await site.core.run(run.id)).stopped_by is None


async def _answer(site: PageHarness, page: str, do: str) -> None:
    form = token_in(page)
    values = {"form": form, "do": do, "what": "", "key": f"answer-{do}", "back": "/status"}
    assert (await site.client.post("/status/act", data=values)).status == 200


async def test_a_question_of_one_session_is_not_answered_in_another(site: PageHarness) -> None:
    run = await site.core.trigger()
    await site.press("/status", "stop")
    await site.log_in()
    await _answer(site, await site.get("/status"), "yes")
    assert (await site.core.run(run.id)).stopped_by is None


@pytest.mark.parametrize("span", ["hour", "today", "next"])
async def test_a_schedule_is_muted_and_unmuted(site: PageHarness, span: str) -> None:
    await site.press("/status", "mute", span=span)
    override = await site.core.context.delivery.overrides.find("s1")
    assert active_mute(override, site.core.clock()) is not None
    await site.press("/status/schedules/s1", "unmute")
    assert active_mute(await site.core.context.delivery.overrides.find("s1"), site.core.clock()) is None


async def test_what_did_not_arrive_is_sent_again(site: PageHarness) -> None:
    site.core.messenger.trouble = [None, None, TemporaryError("answer lost", uncertain=True)]
    await site.core.finished_run()
    await site.press("/status/deliveries", "resend")
    await site.core.do_jobs()
    assert site.core.messenger.verbs()[-2:] == ["file", "update"]


async def test_failed_tasks_are_run_again(site: PageHarness) -> None:
    run = await site.core.trigger()
    await site.core.finish(status=TaskStatus.ERROR)
    await site.press(f"/status/runs/{run.id}", "rerun_failed")
    assert [each.is_retry for each in await runs(site.core)] == [True, False]


async def test_what_a_person_may_not_do_is_refused_and_recorded(site: PageHarness) -> None:
    run = await site.core.finished_run()
    site.core.access_policy = type(site.core.access_policy)(viewers=("user03",), conversations=("cidA",))
    site.core.build()
    async with page_client(site.core) as theirs:
        await theirs.log_in("user03")
        form = await theirs.form_token()
        answer = await theirs.client.post("/status/act", data=VALID | {"form": form})
        assert "没有执行" in await answer.text()
    assert [each.id for each in await runs(site.core)] == [run.id]
    entry = await last_entry(site.core)
    assert (entry.outcome, entry.rule) == (AuditOutcome.REFUSED, "needs_operator")


@pytest.mark.parametrize("form", ["", "guess"])
async def test_a_form_that_no_page_of_the_session_has_does_nothing(site: PageHarness, form: str) -> None:
    answer = await site.client.post("/status/act", data=VALID | {"form": form})
    assert answer.status == 403
    assert not await runs(site.core)


async def test_a_form_of_another_session_does_nothing(site: PageHarness) -> None:
    theirs = await site.form_token()
    await site.log_in()
    assert (await site.client.post("/status/act", data=VALID | {"form": theirs})).status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_page_of_another_site_does_nothing(site: PageHarness, origin: str) -> None:
    form = await site.form_token()
    answer = await site.client.post("/status/act", data=VALID | {"form": form}, headers={"Origin": origin})
    assert answer.status == 403
    assert not await runs(site.core)


async def test_it_says_so_while_the_engine_is_away(site: PageHarness) -> None:
    form = await site.form_token()
    site.core.engine.schedule_trouble = TemporaryError("no route to ARL")
    answer = await site.client.post("/status/act", data=VALID | {"form": form})
    assert (answer.status, "过一会儿再试" in await answer.text()) == (503, True)


async def test_answers_and_the_audit_are_in_the_language_of_the_page(site: PageHarness) -> None:
    await site.get("/status?lang=en")
    assert "Accepted" in await site.say_on_page("/status", "rerun")
    assert (await last_entry(site.core)).said == "rerun s1"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("action", [name for name in ACTIONS if name not in {"yes", "no"}])
def test_every_action_is_a_command(action: str, lang: str) -> None:
    asked = ActionRequest.of(VALID | {"do": action, "what": "s1"}, lang)
    assert asked is not None
    command = router.find(asked.text.partition(" s1")[0])
    assert command is not None
    assert command.handler.__name__ == action


@pytest.mark.parametrize("id_", ["x:nightly-backup_2", "6650f0c2a1b2c3d4e5f60718", "今天", "2h", "1"])
async def test_any_id_of_a_schedule_means_that_schedule(core: CoreHarness, id_: str) -> None:
    core.engine.known[:] = [make_schedule(id=id_, name=f"计划 {name}") for name in ("a", "b")]
    core.engine.known[1] = make_schedule(id="other", name="其他")
    async with page_client(core) as site:
        await site.log_in()
        await site.press(f"/status/schedules/{id_}", "rerun")
        await site.press(f"/status/schedules/{id_}", "mute", span="hour")
    assert [run.schedule_id for run in await runs(core)] == [id_]
    assert (await core.context.delivery.overrides.find(id_)).mute is not None


async def test_a_protected_schedule_asks_on_the_page(core: CoreHarness) -> None:
    core.protected = {"s1": Protection.CONFIRM}
    core.build()
    async with page_client(core) as site:
        await site.log_in()
        page = await site.say_on_page("/status", "rerun")
        assert not await runs(core)
        await _answer(site, page, "yes")
    assert len(await runs(core)) == 1


async def test_a_second_person_agrees_on_the_page(core: CoreHarness) -> None:
    core.protected = {"s1": Protection.TWO_PERSON}
    core.build()
    async with page_client(core) as site:
        await site.log_in()
        await site.press("/status", "rerun")
        assert not await runs(core)
        await site.log_in("user02")
        assert "等另一个人同意" in await site.get("/status/schedules/s1")
        await site.press("/status/schedules/s1", "approve")
    (run,) = await runs(core)
    assert (run.asked_by and run.asked_by.id, run.approved_by and run.approved_by.id) == ("user01", "user02")


@pytest.mark.parametrize(
    "changes",
    [
        {"do": "audit"},
        {"do": ""},
        {"what": "s1 2h"},
        {"what": "s1\n停止"},
        {"key": ""},
        {"key": "short"},
        {"span": "forever"},
    ],
)
def test_other_forms_are_no_wish(changes: dict[str, str]) -> None:
    assert ActionRequest.of(VALID, "en") is not None
    assert ActionRequest.of(VALID | changes, "en") is None


@pytest.mark.parametrize(
    "back", ["", "https://evil.example", "//evil.example", "/statusx", "/status/\n", "javascript:1"]
)
def test_only_pages_of_ours_are_led_back_to(back: str) -> None:
    asked = ActionRequest.of(VALID | {"back": back}, "zh-CN")
    assert asked is not None
    assert asked.back == "/status"
