"""Work notifications."""

import json
from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import Client

PATH = "/topapi/message/corpconversation"
TEXT = {"msgtype": "text", "text": {"content": "run 1"}}
BTN = {"title": "a", "action_url": "u"}


def oa(**changes: Any) -> dict[str, Any]:
    head = {"bgcolor": "FFBBBBBB", "text": "DingRun"}
    return {"message_url": "u", "head": head, "body": {"title": "每日巡检"}} | changes


WRONG_OA: list[dict[str, Any]] = [
    {"message_url": ""},
    {"head": None},
    {"head": {"text": "h"}},
    {"head": {"bgcolor": "FFBBBBBB"}},
    {"body": []},
    {"status_bar": "进行中"},
    {"status_bar": {"status_value": 5}},
]
ACTION_CARD = {"markdown": "x", "btn_orientation": "1"}
WRONG_ACTION_CARDS: list[dict[str, Any]] = [
    {"title": "t", "markdown": "x"},
    {"title": "t", "single_title": "a", "single_url": "u"},
    {"markdown": "x", "single_title": "a"},
    {"markdown": "x", "single_title": "a" * 21, "single_url": "u"},
    {"markdown": "x", "single_title": "a", "single_url": "u" * 501},
    {"markdown": "x", "btn_json_list": [BTN]},
    ACTION_CARD | {"btn_json_list": [{"title": "a"}]},
    ACTION_CARD | {"btn_json_list": [BTN | {"title": "a" * 21}]},
    ACTION_CARD | {"btn_json_list": [BTN | {"action_url": "u" * 701}]},
    ACTION_CARD | {"btn_json_list": [BTN] * 40},
]


async def send(client: Client, msg: Any = TEXT, **changes: Any) -> Any:
    body = {"agent_id": 3001, "userid_list": "user01", "msg": msg} | changes
    return await client.oapi(f"{PATH}/asyncsend_v2", body)


async def result(client: Client, task: int) -> Any:
    answer = await client.oapi(f"{PATH}/getsendresult", {"agent_id": 3001, "task_id": task})
    return answer.body["send_result"]


async def test_a_notice_shows_in_that_persons_conversation(client: Client) -> None:
    answer = await send(client)
    assert answer.body.keys() == {"errcode", "task_id", "request_id"}
    message = await client.last("work-user01")
    assert (message["kind"], message["content"]["text"]) == ("work_notice", "run 1")


async def test_the_same_text_on_the_same_day_is_dropped_without_a_word(client: Client) -> None:
    first, second = (await send(client)).body, (await send(client)).body
    assert (first["errcode"], second["errcode"]) == (0, 0)
    assert len(await client.messages("work-user01")) == 1
    rows = [{"code": "143106", "count": 1, "userid": "user01"}]
    assert (await result(client, second["task_id"]))["forbidden_list"] == rows
    assert (await result(client, first["task_id"]))["unread_user_id_list"] == ["user01"]


async def test_the_same_text_is_new_on_the_next_day(client: Client) -> None:
    await send(client)
    await client.later(86_400)
    await client.__aenter__()
    await send(client)
    assert len(await client.messages("work-user01")) == 2


async def test_500_a_day_are_enough_for_anyone(client: Client) -> None:
    await client.set(qps=0)
    answers = [await send(client, {"msgtype": "text", "text": {"content": str(i)}}) for i in range(501)]
    assert len(await client.messages("work-user01")) == 500
    rows = (await result(client, answers[-1].body["task_id"]))["forbidden_list"]
    assert [row["code"] for row in rows] == ["143105"]


async def test_unknown_people_are_in_the_result(client: Client) -> None:
    task = (await send(client, userid_list="user01,nobody")).body["task_id"]
    assert (await result(client, task))["invalid_user_id_list"] == ["nobody"]
    assert (await send(client, userid_list="nobody,outsider01")).code == 33012


async def test_everybody_three_times_a_day(client: Client) -> None:
    texts = [{"msgtype": "text", "text": {"content": str(i)}} for i in range(4)]
    answers = [await send(client, text, userid_list="", to_all_user=True) for text in texts]
    assert [answer.code for answer in answers] == [0, 0, 0, 41045]
    assert len(await client.messages("work-manager01")) == 3


async def test_a_department_is_everybody(client: Client) -> None:
    assert (await send(client, userid_list="", dept_id_list="1")).code == 0
    assert len(await client.messages("work-user02")) == 1


@pytest.mark.parametrize(
    ("msg", "looks"),
    [
        ({"msgtype": "markdown", "markdown": {"title": "t", "text": "x"}}, {"title": "t", "text": "x"}),
        ({"msgtype": "link", "link": {"title": "t", "text": "x", "messageUrl": "u", "picUrl": "p"}},
         {"title": "t"}),
        ({"msgtype": "action_card", "action_card": {"title": "t", "markdown": "x", "single_title": "a",
         "single_url": "u"}}, {"buttons": [{"text": "a", "url": "u"}]}),
        ({"msgtype": "action_card", "action_card": {"title": "t", "markdown": "x", "btn_orientation": "0",
         "btn_json_list": [BTN]}},
         {"buttons": [{"text": "a", "url": "u"}]}),
        ({"msgtype": "oa", "oa": {"message_url": "u", "head": {"text": "h", "bgcolor": "FFBBBBBB"},
         "body": {"form": [{"key": "k"}]}}},
         {"title": "h", "text": "- k"}),
    ],
)  # fmt: skip
async def test_each_format_shows(client: Client, msg: Any, looks: dict[str, Any]) -> None:
    assert (await send(client, msg)).code == 0
    content = (await client.last("work-user01"))["content"]
    assert looks.items() <= content.items()


async def test_a_file_shows_under_its_uploaded_name(client: Client) -> None:
    media = (await client.upload("日报.xlsx", b"PK")).body["media_id"]
    await send(client, {"msgtype": "file", "file": {"media_id": media}})
    message = await client.last("work-user01")
    assert (message["fileName"], message["size"]) == ("日报.xlsx", 2)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agent_id": 1}, 400002),
        ({"userid_list": ""}, 40035),
        ({"userid_list": ",".join(f"u{i}" for i in range(101))}, 40035),
        ({"msg": "{"}, 40035),
        ({"msg": []}, 40035),
        ({"msg": {"msgtype": "text", "text": {"content": "x" * 2048}}}, 34016),
        ({"msg": {"msgtype": "x", "x": {}}}, 40035),
        ({"msg": {"msgtype": "text"}}, 40035),
        ({"msg": {"msgtype": "text", "text": {}}}, 40035),
        ({"msg": {"msgtype": "file", "file": {"media_id": "@x"}}}, 40007),
        ({"msg": {"msgtype": "oa", "oa": {}}}, 40035),
        *[({"msg": {"msgtype": "oa", "oa": oa(**changes)}}, 40035) for changes in WRONG_OA],
        *[({"msg": {"msgtype": "action_card", "action_card": card}}, 40035) for card in WRONG_ACTION_CARDS],
        *[({"msg": {"msgtype": "voice", "voice": {"media_id": "@x", "duration": d}}}, 40035)
          for d in ("0", "60", 10, None)],
    ],
)  # fmt: skip
async def test_wrong_calls_are_refused_with_a_200(client: Client, changes: dict[str, Any], code: int) -> None:
    answer = await send(client, **{"msg": TEXT} | changes)
    assert (answer.status, answer.code) == (200, code)


async def test_a_form_body_is_taken_as_well(client: Client) -> None:
    data = {"agent_id": "3001", "userid_list": "user01", "msg": json.dumps(TEXT)}
    params = {"access_token": client.token}
    answer = await client.call("POST", f"{PATH}/asyncsend_v2", data=data, params=params)
    assert answer.code == 0


async def test_progress_and_recall(client: Client) -> None:
    task = (await send(client)).body["task_id"]
    progress = await client.oapi(f"{PATH}/getsendprogress", {"agent_id": 3001, "task_id": task})
    assert progress.body["progress"] == {"progress_in_percent": 100, "status": 2}
    assert (await client.oapi(f"{PATH}/recall", {"agent_id": 3001, "msg_task_id": task})).code == 0
    assert (await client.last("work-user01"))["recalled"]


async def test_results_and_recalls_end_after_a_day(client: Client) -> None:
    task = (await send(client)).body["task_id"]
    await client.later(86_401)
    await client.__aenter__()
    for name, field in (("getsendresult", "task_id"), ("recall", "msg_task_id")):
        assert (await client.oapi(f"{PATH}/{name}", {"agent_id": 3001, field: task})).code == 400002


async def test_progress_ends_after_a_day_with_the_code_of_its_page(client: Client) -> None:
    task = (await send(client)).body["task_id"]
    await client.later(86_401)
    await client.__aenter__()
    assert (await client.oapi(f"{PATH}/getsendprogress", {"agent_id": 3001, "task_id": task})).code == 40035


async def test_a_file_of_a_notification_has_ten_megabytes_at_most(client: Client) -> None:
    media = (await client.upload("a.zip", b"x" * (10 * 1024 * 1024 + 1))).body["media_id"]
    assert (await send(client, {"msgtype": "file", "file": {"media_id": media}})).code == 40006


async def test_an_unknown_task_is_refused(client: Client) -> None:
    for task in ("x", 1, "9" * 30, None):
        body = {"agent_id": 3001, "task_id": task}
        assert (await client.oapi(f"{PATH}/getsendresult", body)).code == 400002
