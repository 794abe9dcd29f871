"""Guarantees of every Messenger, within the capabilities of its channel."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bot.errors import PermanentError
from bot.messengers.dingtalk.auth import Tokens
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.webhook import WebhookMessenger
from bot.messengers.dingtalk.work_notification import WorkNotificationMessenger
from bot.messengers.silent import SilentMessenger
from bot.models import Destination, MarkdownMessage, RenderedCard
from bot.ports import Messenger
from dingtalk_sandbox import Sandbox
from tests.factories import make_message, make_robot, make_sandbox_app
from tests.fakes import FakeMessenger

GROUP = "cidSandboxGroupOps=="
CARD = RenderedCard(
    template_id="1366a1eb-bc54-4859-ac88-517c56a9acb1.schema",
    params={"title": "标题", "markdown": "**正文**", "tips": "", "sys_full_json_obj": '{"msgButtons":[]}'},
    headline="标题",
)
NOTE = MarkdownMessage(title="标题", text="**正文** r1")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Messenger, its destination, its capabilities and its sandbox."""

    messenger: Messenger
    to: Destination
    can: frozenset[str]
    sandbox: Sandbox

    def shown(self) -> int:
        """Return the number of visible messages."""
        return sum(len(self.sandbox.state.conversations.messages(place)) for place in (GROUP, "work-user01"))


NO_LIMIT = frozenset({"card", "note", "file", "reply"})


async def at_once(seconds: float) -> None:
    """Do not wait for the outcome."""


def made(
    kind: str, session: aiohttp.ClientSession, sandbox: Sandbox
) -> tuple[Messenger, str, frozenset[str]]:
    clock = sandbox.state.clock.now
    app = make_sandbox_app(sandbox.url)
    tokens = Tokens(session, app, clock)
    robots = {"ops": make_robot()}
    table: dict[str, tuple[Messenger, str, frozenset[str]]] = {
        "openapi": (
            OpenApiMessenger(session, app, tokens, clock=clock),
            f"group:{GROUP}",
            NO_LIMIT - {"reply"},
        ),
        "person": (
            OpenApiMessenger(session, app, tokens, clock=clock),
            "user:user01",
            NO_LIMIT - {"reply"},
        ),
        "work": (
            WorkNotificationMessenger(session, app, tokens, sleep=at_once),
            "work:user01",
            frozenset({"note", "file"}),
        ),
        "webhook": (
            WebhookMessenger(session, robots, clock=clock, base=sandbox.url),
            "webhook:ops",
            frozenset({"note"}),
        ),
        "silent": (SilentMessenger(), f"group:{GROUP}", NO_LIMIT),
        "fake": (FakeMessenger(), f"group:{GROUP}", NO_LIMIT),
    }
    return table[kind]


@pytest.fixture(params=["openapi", "person", "work", "webhook", "silent", "fake"])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        messenger, to, can = made(request.param, session, sandbox)
        yield Case(messenger=messenger, to=Destination.parse(to), can=can, sandbox=sandbox)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "r.xlsx"
    path.write_bytes(b"PK\x03\x04 a workbook")
    return path


async def test_a_card_shows_once_however_often_it_is_sent(case: Case) -> None:
    if "card" not in case.can:
        with pytest.raises(PermanentError):
            await case.messenger.send_card(case.to, CARD, "card1")
        return
    for _ in range(2):
        await case.messenger.send_card(case.to, CARD, "card1")
    assert case.shown() <= 1


async def test_a_card_can_be_updated_repeatedly(case: Case) -> None:
    if "card" not in case.can:
        with pytest.raises(PermanentError):
            await case.messenger.update_card("card1", CARD)
        return
    await case.messenger.send_card(case.to, CARD, "card1")
    for _ in range(2):
        await case.messenger.update_card("card1", CARD)
    assert case.shown() <= 1


async def test_a_message_is_accepted_with_an_id(case: Case) -> None:
    result = await case.messenger.send_message(case.to, NOTE, "note:r1")
    assert result.silent or result.message_id


async def test_a_file_is_uploaded_then_sent(case: Case, report: Path) -> None:
    if "file" not in case.can:
        with pytest.raises(PermanentError):
            await case.messenger.upload(report, "巡检.xlsx")
        with pytest.raises(PermanentError):
            await case.messenger.send_file(case.to, "@media", "巡检.xlsx")
        return
    media_id = await case.messenger.upload(report, "巡检.xlsx")
    result = await case.messenger.send_file(case.to, media_id, "巡检.xlsx")
    assert result.silent or (media_id and result.message_id)


async def test_an_answer_without_a_session_is_refused_or_only_logged(case: Case) -> None:
    if "reply" in case.can:
        await case.messenger.reply(make_message(), NOTE)
        return
    with pytest.raises(PermanentError):
        await case.messenger.reply(make_message(), NOTE)


async def test_the_conversation_of_a_group_is_told_or_refused(case: Case) -> None:
    if case.to.takes_cards:
        assert await case.messenger.conversation_id("cidA") == "cidA"
        return
    with pytest.raises(PermanentError):
        await case.messenger.conversation_id("cidA")


async def test_its_capabilities_are_what_it_does(case: Case) -> None:
    declared = case.messenger.capabilities
    assert (declared.cards, declared.files) == ("card" in case.can, "file" in case.can)


async def test_a_message_of_the_declared_length_is_accepted(case: Case) -> None:
    text = "字" * (case.messenger.capabilities.text_bytes // 3)
    result = await case.messenger.send_message(case.to, MarkdownMessage(title="标题", text=text), "note:long")
    assert result.silent or result.message_id


async def test_its_checks_succeed(case: Case) -> None:
    for name, check in case.messenger.checks().items():
        assert await check(), name
