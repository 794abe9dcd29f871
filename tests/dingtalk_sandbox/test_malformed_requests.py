"""Malformed requests and frames always get a response, never a crash or a stack trace.

`SANDBOX_HOSTILE=100000` sends that many.
"""

import asyncio
import copy
import json
import logging
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from yarl import URL

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.clock import SandboxClock
from dingtalk_sandbox.errors import ApiError
from dingtalk_sandbox.scenario import parse_scenario
from dingtalk_sandbox.server import ENDPOINTS
from dingtalk_sandbox.state import SandboxState
from tests.dingtalk_sandbox.harness import BUTTONS, BY_KEY, GROUP, KEY, ROBOT, SECRET, Client, card, variables

COUNT = int(os.environ.get("SANDBOX_HOSTILE", "7500"))  # and a third as many frames: 10,000 in all
WORDS: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 10**40, "", " ", "x", "\x00", "\ud800", "字" * 3000, "../../etc/passwd",
    "' or 1=1 --", "{{7*7}}", "<script>", [], {}, [None], {"": ""}, [[[[]]]], KEY, SECRET, GROUP,
    {"cardParamMap": {"a": "\ud800"}}, BUTTONS, "run-1", "user01", ["user01"], "rerun", 3001,
    "sampleMarkdown", '{"title":"t","text":"\\ud800"}',
    f"dtv1.card//IM_GROUP.{GROUP}", {"supportForward": True}, {"robotCode": KEY}, "STREAM", "markdown",
    {"title": "t", "text": "x"}, {"content": "x"}, "text", "NaN", "@x", {"kind": "latency", "ms": -1},
)  # fmt: skip
HOSTILE: tuple[Any, ...] = (
    None, True, 1, 2, 3, -1, 1e308, 10**40, "", "x", "²", "\ud800", "[", "{}", '{"x": 1}', [], {}, [[]], [{}],
    [None], {"": []},
)  # fmt: skip
PERMISSIVE: dict[str, Any] = {
    "settings": {"paid_dings": True, "repeated_card": "ignore"},
    "groups": [{"id": GROUP, "chat_id": "chatsandboxops", "title": "x", "members": ["user01", "user02"],
                "robots": [KEY], "template": "sandbox-group-template"}],
    "notice_templates": [{"id": "x", "title": "x", "text": "${x}"}],
}  # fmt: skip
TEXT = {"msgtype": "markdown", "markdown": {"title": "t", "text": "x"}, "at": {"atUserIds": ["user01"]}}
BTNS = [{"title": "a", "actionURL": "u"}]
IN_GROUP = {"robotCode": KEY, "openConversationId": GROUP}
SAMPLE = {"msgKey": "sampleMarkdown", "msgParam": json.dumps({"title": "t", "text": "x"})}
CLIENT = {"client_id": KEY, "client_secret": SECRET, "grant_type": "client_credentials"}
VALID: dict[str, Any] = {  # what the noise starts from, so that it gets past the first check
    "/v1.0/card/instances/createAndDeliver": card(privateData={"user01": variables(a="b")}),
    "/v1.0/card/instances": card(cardUpdateOptions=BY_KEY),
    "/v1.0/card/instances/deliver": card(),
    "/v1.0/card/instances/spaces": card(**ROBOT),
    "/v1.0/card/streaming": {"outTrackId": "run-1", "guid": "g", "key": "k", "content": "c", "isFull": True},
    "/v1.0/robot/groupMessages/send": IN_GROUP | SAMPLE,
    "/v1.0/robot/oToMessages/batchSend": {"robotCode": KEY, "userIds": ["user01"]} | SAMPLE,
    "/v1.0/robot/groupMessages/recall": IN_GROUP | {"processQueryKeys": ["k"]},
    "/v1.0/robot/groupMessages/query": IN_GROUP | {"processQueryKey": "k"},
    "/v1.0/robot/otoMessages/batchRecall": {"robotCode": KEY, "processQueryKeys": ["k"]},
    "/v1.0/robot/groups/robots/query": {"openConversationId": GROUP},
    "/v1.0/robot/messageFiles/download": {"robotCode": KEY, "downloadCode": "x"},
    "/v1.0/oauth2/accessToken": {"appKey": KEY, "appSecret": SECRET},
    "/v1.0/oauth2/{corp}/token": CLIENT,
    "/v1.0/gateway/connections/open": {"clientId": KEY, "clientSecret": SECRET,
                                       "subscriptions": [{"type": "CALLBACK", "topic": "x"}]},
    "/topapi/message/corpconversation/asyncsend_v2": {
        "agent_id": 3001, "userid_list": "user01",
        "msg": {"msgtype": "action_card", "action_card": {"title": "t", "markdown": "x", "btn_json_list": [
            {"title": "t", "action_url": "u"}]}, "oa": {"head": {}, "body": {"form": [{"key": "k"}]}}},
    },
    "/topapi/message/corpconversation/getsendresult": {"agent_id": 3001, "task_id": 1},
    "/robot/send": TEXT | {"msgUuid": "u", "actionCard": {"title": "t", "text": "x", "btns": BTNS}},
    "/v1.0/robot/emotion/reply": IN_GROUP | {"openMsgId": "x", "textEmotion": {"text": "x"}},
    "/v1.0/robot/ding/send": {"robotCode": KEY, "remindType": 3, "receiverUserIdList": ["user01"],
                              "content": "x"},
    "/v1.0/robot/plugins/set": {"robotCode": KEY, "pluginInfoList": [{"name": "x", "icon": "@x"}]},
    "/v1.0/im/group/create": {"name": "x", "owner": "user01", "useridlist": ["user02"],
                              "managementOptions": {"searchable": 1}},
    "/v1.0/im/group/update": {"chatid": "chatsandboxops", "name": "x", "add_useridlist": ["user02"]},
    "/v1.0/im/subAdministrators": {"openConversationId": GROUP, "userIds": ["user02"], "role": 2},
    "/v1.0/im/sceneGroup/create": {"title": "x", "template_id": "sandbox-group-template",
                                   "owner_user_id": "user01", "user_ids": ["user02"], "uuid": "x"},
    "/v1.0/im/sceneGroup/member/add": {"open_conversation_id": GROUP, "user_ids": ["user02"]},
    "/v1.0/im/sceneGroups/members/batchQuery": {"openConversationId": GROUP, "maxResults": 5},
    "/v1.0/im/sceneGroups/muteMembers/set": {"openConversationId": GROUP, "userIdList": ["user02"],
                                             "muteStatus": 1, "muteDuration": 5},
    "/v2.0/im/topBoxes": {"outTrackId": "x", "cardTemplateId": "x", "cardData": variables(a="b"),
                          "conversationType": 2, "userId": "user01", "robotCode": KEY, "expiredTime": 1},
    "/topapi/im/chat/scenegroup/template/apply": {
        "owner_user_id": "manager01", "template_id": "sandbox-group-template", "open_conversation_id": GROUP,
    },
    "/topapi/im/chat/scencegroup/message/send_v2": {
        "target_open_conversation_id": GROUP, "robot_code": KEY, "msg_template_id": "inner_app_template_text",
        "msg_param_map": '{"content": "x"}', "at_users": "user01",
    },
    "/topapi/message/corpconversation/status_bar/update": {
        "agent_id": 3001, "task_id": 1, "status_value": "x",
    },
    "/topapi/message/corpconversation/sendbytemplate": {
        "agent_id": 3001, "template_id": "x", "userid_list": "user01", "data": '{"x": "y"}',
    },
    "/topapi/chat/updategroupnick": {"chatid": "chatsandboxops", "userid": "user01", "group_nick": "x"},
    "/topapi/chat/member/friendswitch/update": {"chatid": "chatsandboxops", "is_prohibit": True},
    "/v1.0/im/sceneGroup/update": {"open_conversation_id": GROUP, "title": "x"},
    "/v1.0/im/sceneGroups/query": {"openConversationId": GROUP},
    "/v1.0/im/sceneGroups/subAdmins": {"openConversationId": GROUP, "userIds": ["user02"], "role": 2},
    "/v1.0/im/sceneGroups/members/groupNicks": {"openConversationId": GROUP, "userId": "user01",
                                                "groupNick": "x"},
    "/v2.0/im/topBoxes/close": {"outTrackId": "x", "conversationType": 2, "userId": "user01",
                                "robotCode": KEY},
    "/topapi/v2/user/list": {"dept_id": 1, "cursor": 0, "size": 10},
    "/topapi/v2/user/getbymobile": {"mobile": "1"},
    "/v1.0/contact/users/search": {"queryWord": "x", "offset": 0, "size": 10},
    "/_sandbox/say": {"conversation": GROUP, "user": "user01", "text": "@DingRun hi", "msgtype": "richText",
                      "content": ["aGk="], "fileName": "a.png"},
    "/_sandbox/tap": {"card": "run-1", "user": "user01", "action": "rerun"},
    "/_sandbox/faults": [{"kind": "error", "match": "x", "times": 1, "code": "x", "status": 400}],
    "/_sandbox/stream": {"action": "ping", "connection": "x"},
    "/_sandbox/read": {"id": "x", "user": "user01"},
}  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key) inside a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def bent(dice: random.Random, path: str) -> bytes:
    """Return a valid body with one to three parts replaced, or sometimes random bytes."""
    if dice.randrange(10) == 0:
        noise = (
            dice.randbytes(dice.randrange(200)),
            b"[" * 5000,
            json.dumps(dice.choice(WORDS)).encode(),
            b"",
        )
        return dice.choice(noise)
    body = copy.deepcopy(VALID.get(path, {}))
    for _ in range(dice.randrange(1, 4)):
        added = (body, "extra" if isinstance(body, dict) else 0)
        container, key = dice.choice([*places(body), added])
        container[key] = copy.deepcopy(dice.choice(WORDS))
    return json.dumps(body).encode()


def requests(dice: random.Random, token: str) -> Iterator[tuple[str, str, dict[str, str], bytes]]:
    """Return (method, path with query, headers, body)."""
    form = "application/x-www-form-urlencoded"
    types = ("text/plain", "multipart/form-data; boundary=x", form, "application/json; charset=x")
    known = [(e.method, e.path) for e in ENDPOINTS]
    known += [("POST", path) for path in VALID if path.startswith("/_sandbox/")]
    for _ in range(COUNT):
        method, template = dice.choice(known)
        path = template.format(corp="dingsandboxcorp", chat="%00%FF")
        query = f"?access_token={'plain-token' if path == '/robot/send' else token}&type=file&task=%FF"
        headers = {"Content-Type": dice.choice(types) if dice.randrange(9) == 0 else "application/json"}
        headers["x-acs-dingtalk-access-token"] = token if dice.randrange(9) else "é"
        method = method if dice.randrange(9) else dice.choice(("GET", "PUT", "DELETE", "PATCH"))
        yield method, path + query, headers, bent(dice, template)


async def test_hostile_requests_are_answered_without_a_trace(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    await client.set(qps=0, api_limit=0, stream_limit=0, webhook_per_minute=0)
    await client.set(repeated_card="ignore", redeliver=False)
    for method, path, headers, body in requests(random.Random(7), client.token):  # noqa: S311 - repeatable noise
        await client.control("faults", [])
        url = URL(client.sandbox.url + path, encoded=True)
        async with client.http.request(method, url, headers=headers, data=body) as response:
            text = await response.text(errors="replace")
            assert response.status < 500 or response.status == 501, (method, path, body, text)
            assert "Traceback" not in text
    assert await client.messages(viewer="user01")
    assert caplog.records == []


class TracedBody(dict[str, Any]):
    """A body that keeps the names of the fields that were asked for."""

    def __init__(self, given: Any, asked: dict[str, None]) -> None:
        super().__init__(given)
        self._asked = asked

    def get(self, key: str, default: Any = None) -> Any:
        self._asked[key] = None
        return super().get(key, default)


def bent_in_one_place(path: str, asked: dict[str, None]) -> Iterator[Any]:
    """Yield valid bodies of a call with each hostile value in each field. `asked` may grow meanwhile."""
    whole = VALID.get(path, {})
    yield whole
    for name in whole:
        asked[name] = None
    done: set[str] = set()
    while left := [name for name in asked if name not in done]:
        done.add(left[0])
        yield from (copy.deepcopy(whole) | {left[0]: copy.deepcopy(value)} for value in HOSTILE)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_field_that_is_read_may_have_any_type(endpoint: Endpoint) -> None:
    state, asked = SandboxState(parse_scenario(PERMISSIVE), SandboxClock()), dict[str, None]()
    for given in bent_in_one_place(endpoint.path, asked):
        call = Call(
            path={"corp": "x", "chat": "x"}, query={}, headers={}, body=TracedBody(given, asked), raw=b"",
            _app=state.scenario.apps[0],
        )  # fmt: skip
        with suppress(ApiError):
            endpoint.measure_size(call)
            json.dumps(endpoint.handler(state, call))


async def test_hostile_frames_do_no_harm(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random(11)  # noqa: S311 - repeatable noise
    async with client.listen() as bot:
        for _ in range(COUNT // 3):
            if dice.randrange(2):
                await bot.socket.send_bytes(bent(dice, "/v1.0/card/instances"))
            else:
                await bot.socket.send_str(bent(dice, "/v1.0/card/instances").decode("utf-8", "replace"))
        await client.say("@DingRun still there?")
        assert (await bot.said())["text"]["content"] == " still there?"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_frame_that_is_too_big_ends_only_its_connection(client: Client) -> None:
    async with client.listen() as bot:
        await bot.socket.send_str("x" * (1024 * 1024 + 1))
        assert (await bot.socket.receive(timeout=5)).data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    assert (await client.say("hi"))["delivered"] is False


@pytest.mark.parametrize(
    "raw",
    [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
     b"POST /robot/send HTTP/1.1\r\nContent-Length: x\r\n\r\n",
     b"GET /connect?ticket=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_http_is_refused(client: Client, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.sandbox.port)
    writer.write(raw + b"\r\n")
    status = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert status.split()[1] in {b"400", b"401"}
    assert (await client.say("hi"))["id"]
