"""Test the modes of sending the report as a file: always, after failures, on request, or never."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.plan import card_id
from bot.models import FileMode, RecipientOptions, Run, TaskStatus
from bot.reports.link_tokens import LinkPolicy
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness

URL = "https://run.example.com"


def choose(core: CoreHarness, mode: FileMode, *, links: bool = False) -> None:
    options = (RecipientOptions(to=GROUP, file=mode),)
    core.schedule = replace(core.schedule, recipient_options=options)
    core.engine.known[:] = [core.schedule]
    if links:
        core.terms = LinkPolicy(public_url=URL, ttl=timedelta(hours=1))
        core.build()


async def ended(core: CoreHarness, status: TaskStatus = TaskStatus.DONE) -> Run:
    run = await core.trigger()
    await core.finish(status=status)
    return run


def body(core: CoreHarness, run: Run) -> str:
    return core.messenger.cards[card_id(run.id, GROUP)].params["markdown"]


def buttons(core: CoreHarness, run: Run) -> str:
    return core.messenger.cards[card_id(run.id, GROUP)].params["sys_full_json_obj"]


FILE = ["card", "upload", "file"]


@pytest.mark.parametrize(
    ("mode", "status", "sent"),
    [
        (FileMode.ALWAYS, TaskStatus.DONE, FILE),
        (FileMode.FAILED, TaskStatus.DONE, ["card"]),
        (FileMode.FAILED, TaskStatus.ERROR, FILE),
        (FileMode.ASK, TaskStatus.ERROR, ["card"]),
        (FileMode.NEVER, TaskStatus.ERROR, ["card"]),
    ],
)
async def test_a_destination_says_when_it_gets_files(
    core: CoreHarness, mode: FileMode, status: TaskStatus, sent: list[str]
) -> None:
    choose(core, mode)
    await ended(core, status)
    assert core.messenger.verbs() == sent


async def test_a_report_on_request_costs_nothing_but_the_card(core: CoreHarness) -> None:
    choose(core, FileMode.ASK, links=True)
    run = await ended(core)
    assert core.messenger.verbs() == ["card"]
    assert f"({URL}/reports/" in body(core, run)
    assert "最近报告" in body(core, run)


async def test_the_link_stays_when_the_card_is_updated(core: CoreHarness) -> None:
    choose(core, FileMode.ASK, links=True)
    run = await ended(core)
    before = body(core, run)
    await core.context.delivery.requests.refresh_cards(run, "again")
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "update"]
    assert body(core, run) == before


async def test_a_report_that_is_asked_for_comes_as_a_file(core: CoreHarness) -> None:
    choose(core, FileMode.ASK)
    await ended(core)
    await core.say("最近报告")
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "reply", "upload", "file"]


async def test_where_no_report_goes_a_request_is_refused(core: CoreHarness) -> None:
    choose(core, FileMode.NEVER, links=True)
    run = await ended(core)
    assert URL not in body(core, run)
    assert '"report"' not in buttons(core, run)
    assert "不发到这里" in await core.say("最近报告")
    await core.intake.receive_tap(tap_on(run.id, "report"))
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "reply"]


async def test_in_a_one_to_one_chat_the_same_report_is_sent(core: CoreHarness) -> None:
    choose(core, FileMode.NEVER)
    await ended(core)
    await core.say("最近报告", group=False, conversation_id="cidOto")
    await core.do_jobs()
    assert core.messenger.sent[-1][:2] == ("file", "user:user01")
