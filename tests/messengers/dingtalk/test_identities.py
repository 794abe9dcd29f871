"""Who opened a page inside DingTalk."""

from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses

from bot.errors import PermanentError
from bot.messengers.dingtalk.auth import Tokens
from bot.messengers.dingtalk.identities import GET_USER, DingTalkIdentities
from bot.models import Person
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.api.contacts.logins import issue_auth_code
from tests.factories import make_sandbox_app
from tests.fakes import FakeClock
from tests.messengers.dingtalk.conftest import APP, OAPI, TOKEN_URL

ASKED = f"{OAPI}{GET_USER}?access_token="


async def test_a_code_names_a_member_once(
    session: aiohttp.ClientSession, clock: FakeClock, sandbox: Sandbox
) -> None:
    app = make_sandbox_app(sandbox.url)
    identities = DingTalkIdentities(session, app, Tokens(session, app, clock))
    code = issue_auth_code(sandbox.state, "manager01")["code"]
    assert await identities.identify(code) == Person(id="manager01", name="王敏")
    with pytest.raises(PermanentError):
        await identities.identify(code)


@pytest.mark.parametrize("result", [None, [], {}, {"userid": ""}, {"userid": 7}, {"name": "x"}])
async def test_an_answer_without_a_user_logs_nobody_in(
    wire: aioresponses, session: aiohttp.ClientSession, tokens: Tokens, result: Any
) -> None:
    wire.post(f"{ASKED}token-1", payload={"errcode": 0, "result": result})
    with pytest.raises(PermanentError):
        await DingTalkIdentities(session, APP, tokens).identify("code")


async def test_a_token_that_is_refused_is_renewed(
    wire: aioresponses, session: aiohttp.ClientSession, tokens: Tokens
) -> None:
    wire.post(f"{ASKED}token-1", payload={"errcode": 40014, "errmsg": "不合法的access_token"})
    wire.post(TOKEN_URL, payload={"accessToken": "token-2", "expireIn": 7200})
    wire.post(f"{ASKED}token-2", payload={"errcode": 0, "result": {"userid": "user01"}})
    assert (await DingTalkIdentities(session, APP, tokens).identify("code")).id == "user01"
