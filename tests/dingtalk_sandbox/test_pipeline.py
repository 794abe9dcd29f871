"""The request pipeline: scopes, limits, quotas, faults, closed and unknown endpoints."""

import logging
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from dingtalk_sandbox import Sandbox
from tests.dingtalk_sandbox.harness import BOTH, GROUP, KEY, SAY_HI, Client, card

FORBIDDEN = "Forbidden.AccessDenied."
NOTICE = "/topapi/message/corpconversation/asyncsend_v2"


async def send(client: Client) -> Any:
    return await client.group_send("sampleText", {"content": "x"})


async def fault(client: Client, **rule: Any) -> None:
    await client.control("faults", [rule])


async def test_a_missing_scope_names_what_is_required(client: Client) -> None:
    await client.control("scopes", {"app": KEY, "scopes": ["qyapi_base"]})
    answer = await client.api(BOTH, card())
    assert (answer.status, answer.code) == (403, f"{FORBIDDEN}AccessTokenPermissionDenied")
    assert answer.body["accessdenieddetail"] == {"requiredScopes": ["Card.Instance.Write"]}


async def test_a_missing_scope_of_the_old_api_is_a_60011(client: Client) -> None:
    await client.control("scopes", {"app": KEY, "scopes": []})
    assert (await client.oapi(NOTICE, {})).code == 60011


async def test_an_address_that_the_app_does_not_allow_is_refused(sandbox: Sandbox, client: Client) -> None:
    app = replace(sandbox.state.scenario.apps[0], allowed_ips=("203.0.113.9",))
    sandbox.state.scenario = replace(sandbox.state.scenario, apps=(app,))
    answer = await client.api(BOTH, card())
    assert (answer.status, answer.code) == (403, f"{FORBIDDEN}IpNotInWhiteList")
    assert (await client.oapi(NOTICE, {})).code == 60020


async def test_answers_tell_the_time_of_the_sandbox(sandbox: Sandbox, client: Client) -> None:
    await client.later(3_600)
    async with aiohttp.ClientSession() as session, session.get(sandbox.url) as answer:
        told = parsedate_to_datetime(answer.headers["Date"])
    assert told == sandbox.state.clock.now().replace(microsecond=0)


async def test_the_21st_call_in_a_second_is_refused(client: Client) -> None:
    answers = [await send(client) for _ in range(21)]
    assert [a.status for a in answers] == [200] * 20 + [403]
    assert answers[-1].code == f"{FORBIDDEN}QpsLimitForAppkeyAndApi"
    assert (await client.api(BOTH, card())).status == 200  # each API has its own second
    await client.later(1)
    assert (await send(client)).status == 200


async def test_refused_calls_do_not_count_for_the_month(client: Client) -> None:
    for _ in range(21):
        await send(client)
    counters = await client.counters()
    assert counters["buckets"]["api"] == 20
    assert counters["refused"]["POST /v1.0/robot/groupMessages/send"] == 1


async def test_the_old_api_has_its_own_numbers_for_limits(client: Client) -> None:
    await client.set(qps=1)
    assert [(await client.oapi(NOTICE, {})).code for _ in range(2)] == [400002, 90018]
    await client.set(qps=0, api_limit=1)
    assert (await client.oapi(NOTICE, {})).code == 90020


async def test_a_used_up_month_refuses_until_the_next_one(client: Client) -> None:
    await client.set(api_limit=2)
    answers = [await send(client) for _ in range(3)]
    assert answers[-1].code == f"{FORBIDDEN}ApiCountLimitForOrg"
    await client.control("clock", {"set": "2026-12-01T00:00:00+08:00"})
    await client.__aenter__()
    assert (await send(client)).status == 200
    months = (await client.counters())["months"]
    assert (months["2026-11"], months["2026-12"]) == ({"api": 2}, {"api": 1})


async def test_each_act_has_its_price(client: Client) -> None:
    await client.upload()
    await send(client)
    await client.api(BOTH, card())
    await client.webhook(SAY_HI)
    async with client.listen() as bot:
        await client.say("@DingRun hi")
        await bot.said()
    assert (await client.counters())["buckets"] == {"api": 3, "stream_webhook": 2}


async def test_calls_are_counted_by_endpoint(client: Client) -> None:
    await send(client)
    calls = (await client.counters())["calls"]
    assert calls == {"POST /v1.0/oauth2/accessToken": 1, "POST /v1.0/robot/groupMessages/send": 1}


@pytest.mark.parametrize("kind", ["lose_answer", "drop"])
async def test_a_cut_connection_did_or_did_not_act(client: Client, kind: str) -> None:
    await fault(client, kind=kind, match="groupMessages/send", times=1)
    with pytest.raises(aiohttp.ClientError):
        await send(client)
    assert len(await client.messages()) == (1 if kind == "lose_answer" else 0)
    assert (await send(client)).status == 200


async def test_a_fault_can_be_dingtalks_own_error(client: Client) -> None:
    await fault(client, kind="error", code="system.busy", status=500)
    answer = await send(client)
    assert (answer.status, answer.code) == (500, "system.busy")
    await fault(client, kind="error", code=-1)
    assert (await client.webhook(SAY_HI)).body == {"errcode": -1, "errmsg": "系统繁忙"}
    await fault(client, kind="error", code="x", message="no")
    assert (await client.oapi(NOTICE, {})).body == {"errcode": -1, "errmsg": "no"}


async def test_a_fault_can_be_any_status_with_any_body(client: Client) -> None:
    await fault(client, kind="status", status=429, body={"a": 1})
    answer = await send(client)
    assert (answer.status, answer.body) == (429, {"a": 1})


async def test_a_fault_can_be_a_page(client: Client) -> None:
    await fault(client, kind="html")
    async with client.http.post(client.sandbox.url + "/v1.0/oauth2/accessToken") as response:
        assert (response.status, response.content_type) == (502, "text/html")


async def test_latency_goes_on_to_the_act(client: Client) -> None:
    await fault(client, kind="latency", ms=1)
    assert (await send(client)).status == 200


async def test_a_fault_ends_after_its_times_or_when_the_list_is_emptied(client: Client) -> None:
    await fault(client, kind="status", times=1)
    assert [(await send(client)).status for _ in range(2)] == [503, 200]
    await fault(client, kind="status")
    await client.control("faults", [])
    assert (await send(client)).status == 200


@pytest.mark.parametrize(
    "rules",
    [5, {}, {"rules": 1}, [5], [{}], [{"kind": "x"}], [{"kind": "drop", "times": "x"}],
     [{"kind": "drop", "x": 1}],
     [{"kind": "status", "status": 999}], [{"kind": "status", "status": 100}],
     [{"kind": "drop", "times": True}]],
)  # fmt: skip
async def test_wrong_faults_are_refused_with_what_is_taken(client: Client, rules: Any) -> None:
    answer = await client.post("/_sandbox/faults", rules)
    assert answer.status == 400
    assert answer.body["error"]


async def test_apis_that_are_closed_to_new_apps_are_refused(client: Client) -> None:
    answer = await client.api("/v1.0/im/v1.0/robot/interactiveCards/send", {})
    assert (answer.status, answer.code) == (403, f"{FORBIDDEN}AccessTokenPermissionDenied")
    assert (await client.oapi("/chat/send", {})).code == 60011


async def test_what_is_not_emulated_says_so_loudly(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    answer = await client.api("/v1.0/calendar/users", {})
    assert (answer.status, answer.code) == (501, "sandbox.notEmulated")
    assert "not emulated: POST /v1.0/calendar/users" in caplog.text


async def test_the_latest_calls_can_be_looked_at_without_secrets(client: Client) -> None:
    await send(client)
    await client.oapi(NOTICE, {})
    calls = (await client.call("GET", "/_sandbox/calls", params={"endpoint": "groupMessages"})).body
    assert [(c["request"]["openConversationId"], c["status"]) for c in calls] == [(GROUP, 200)]
    everything = str((await client.call("GET", "/_sandbox/calls")).body)
    assert client.token not in everything
    assert "sandbox-app-secret" not in everything


async def test_a_taken_port_is_an_os_error(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="address"):
        await Sandbox(port=sandbox.port).start()


async def test_a_stopped_sandbox_can_be_stopped_again(sandbox: Sandbox) -> None:
    await sandbox.stop()
    await sandbox.stop()
