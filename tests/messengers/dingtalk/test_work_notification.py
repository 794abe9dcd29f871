"""Work notifications, and what became of them."""

from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses

from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.work_notification import (
    RESULT,
    WorkNotificationMessenger,
    error_from_send_result,
)
from bot.models import Destination, MarkdownMessage
from bot.telemetry.rescues import Rescue
from dingtalk_sandbox import Sandbox
from tests.contract.test_messenger import at_once
from tests.fakes import FakeClock
from tests.messengers.dingtalk.conftest import APP, OAPI

WORK = Destination.parse("work:user01")
NOTE = MarkdownMessage(title="标题", text="**正文** [r1]")
ASYNC = f"{OAPI}/topapi/message/corpconversation/asyncsend_v2?access_token=token-1"
ASKED = f"{OAPI}{RESULT}?access_token=token-1"
RENEWED = "https://api.dingtalk.com/v1.0/oauth2/accessToken"


@pytest.fixture
def work(session: aiohttp.ClientSession, tokens: Tokens) -> WorkNotificationMessenger:
    return WorkNotificationMessenger(session, APP, tokens, sleep=at_once)


async def test_it_returns_its_task(wire: aioresponses, work: WorkNotificationMessenger) -> None:
    wire.post(ASYNC, payload={"errcode": 0, "task_id": 42}, repeat=True)
    wire.post(ASKED, payload={"errcode": 0, "send_result": {"unread_user_id_list": ["user01"]}}, repeat=True)
    assert (await work.send_message(WORK, NOTE, "k")).message_id == "42"
    assert (await work.send_file(WORK, "@media", "a.xlsx")).message_id == "42"


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ({}, None),
        ({"unread_user_id_list": ["user01"]}, None),
        (
            {"forbidden_list": [{"code": 143106, "userid": "user01"}], "forbidden_user_id_list": ["user01"]},
            None,
        ),
        ({"forbidden_list": [{"code": "143103", "userid": "user01"}]}, TemporaryError),
        ({"forbidden_list": [{"code": 143105, "userid": "user01"}]}, PermanentError),
        ({"forbidden_list": [{"code": 143105, "userid": "another"}, "x"]}, None),
        ({"forbidden_user_id_list": ["user01"]}, PermanentError),
        ({"invalid_user_id_list": ["user01"]}, PermanentError),
        ({"failed_user_id_list": ["user01"]}, TemporaryError),
        ({"failed_user_id_list": None, "forbidden_list": {}}, None),
    ],
)
def test_a_verdict_is_what_the_result_says(result: dict[str, Any], kind: type[DingRunError] | None) -> None:
    found = error_from_send_result(result, "user01")
    assert type(found) is (kind or type(None))


async def test_a_refusal_behind_an_acceptance_is_told(
    wire: aioresponses, work: WorkNotificationMessenger
) -> None:
    wire.post(ASYNC, payload={"errcode": 0, "task_id": 42})
    wire.post(ASKED, payload={"errcode": 0, "send_result": {"invalid_user_id_list": ["user01"]}})
    with pytest.raises(PermanentError, match="user01"):
        await work.send_message(WORK, NOTE, "k")


@pytest.mark.parametrize("answer", [{"errcode": -1}, {"errcode": 0}, {"errcode": 0, "send_result": 5}])
async def test_without_a_verdict_the_acceptance_counts(
    wire: aioresponses, work: WorkNotificationMessenger, answer: dict[str, Any]
) -> None:
    wire.post(ASYNC, payload={"errcode": 0, "task_id": 42})
    wire.post(ASKED, payload=answer)
    assert (await work.send_message(WORK, NOTE, "k")).message_id == "42"


async def test_an_answer_without_a_task_is_not_taken_for_a_success(
    wire: aioresponses, work: WorkNotificationMessenger
) -> None:
    wire.post(ASYNC, payload={"errcode": 0})
    with pytest.raises(TemporaryError, match="task_id"):
        await work.send_message(WORK, NOTE, "k")


@pytest.mark.rescue(Rescue.TEXT_KNOWN)
async def test_a_repeat_is_dropped_by_dingtalk_and_counts_as_there(
    sandbox: Sandbox, sandbox_app: DingTalkApp
) -> None:
    clock = sandbox.state.clock.now
    async with aiohttp.ClientSession() as session:
        work = WorkNotificationMessenger(
            session, sandbox_app, Tokens(session, sandbox_app, clock), sleep=at_once
        )
        for _ in range(2):
            await work.send_message(WORK, NOTE, "k")
    assert len(sandbox.state.conversations.messages("work-user01")) == 1


async def test_nobody_by_that_name_is_told(sandbox: Sandbox, sandbox_app: DingTalkApp) -> None:
    clock = sandbox.state.clock.now
    async with aiohttp.ClientSession() as session:
        work = WorkNotificationMessenger(
            session, sandbox_app, Tokens(session, sandbox_app, clock), sleep=at_once
        )
        with pytest.raises(PermanentError):
            await work.send_message(Destination.parse("work:nobody"), NOTE, "k")


async def test_what_is_over_the_limit_never_leaves(work: WorkNotificationMessenger) -> None:
    with pytest.raises(PermanentError, match="2048"):
        await work.send_message(WORK, MarkdownMessage(title="t", text="字" * 700), "k")


async def test_it_needs_an_agent(session: aiohttp.ClientSession, tokens: Tokens) -> None:
    app = DingTalkApp(app_key="k", app_secret="s", robot_code="k")  # noqa: S106
    with pytest.raises(ConfigError, match=r"DINGDING\.AGENT_ID"):
        await WorkNotificationMessenger(session, app, tokens).send_message(WORK, NOTE, "k")


async def test_an_old_token_is_renewed_for_the_old_api(
    wire: aioresponses, work: WorkNotificationMessenger, clock: FakeClock
) -> None:
    wire.post(ASYNC, payload={"errcode": 40014, "errmsg": "不合法的access_token"}, repeat=True)
    wire.post(RENEWED, payload={"accessToken": "token-1", "expireIn": 9})
    with pytest.raises(TemporaryError):
        await work.send_message(WORK, NOTE, "k")
