"""The status bar of work notifications, and notifications by a template."""

import json
from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import Answer, Client
from tests.dingtalk_sandbox.test_work_notifications import PATH, TEXT, oa, send

WEEK = 7 * 86_400
RUNNING = {"status_value": "进行中", "status_bg": "0xFFF65E5E"}
TEMPLATE = {"id": "t1", "title": "巡检", "text": "${name} 失败 ${count} ${more}"}


async def send_oa(client: Client, status: Any = RUNNING, **changes: Any) -> Answer:
    answer: Answer = await send(client, {"msgtype": "oa", "oa": oa(status_bar=status)}, **changes)
    return answer


async def update(client: Client, **body: Any) -> Answer:
    return await client.oapi(f"{PATH}/status_bar/update", {"agent_id": 3001, "status_value": "已完成"} | body)


async def shown(client: Client) -> Any:
    return (await client.last("work-user01"))["content"].get("statusBar")


async def test_a_status_bar_shows_and_changes(client: Client) -> None:
    task = (await send_oa(client)).body["task_id"]
    assert await shown(client) == {"text": "进行中", "color": "0xFFF65E5E"}
    assert (await update(client, task_id=task, status_bg="0xFF78C06E")).code == 0
    assert await shown(client) == {"text": "已完成", "color": "0xFF78C06E"}


async def test_a_status_bar_changes_for_a_week(client: Client) -> None:
    task = (await send_oa(client)).body["task_id"]
    await client.later(WEEK)
    await client.__aenter__()
    assert (await update(client, task_id=task)).code == 0
    await client.later(1)
    assert (await update(client, task_id=task)).code == 40035


@pytest.mark.parametrize(
    "receivers",
    [
        {"userid_list": "u1,u2,u3,u4,u5,u6"},
        {"userid_list": "user01", "dept_id_list": "1"},
        {"userid_list": "", "to_all_user": True},
    ],
)
async def test_a_status_bar_is_for_five_people(client: Client, receivers: dict[str, Any]) -> None:
    assert (await send_oa(client, **receivers)).code == 40035


async def test_wrong_updates_have_the_codes_of_the_page(client: Client) -> None:
    task = (await send_oa(client)).body["task_id"]
    text = (await send(client, TEXT)).body["task_id"]
    assert (await update(client, task_id=task, agent_id=1)).code == 40056
    for body in ({"task_id": task, "status_value": ""}, {"task_id": text}, {"task_id": "x"}):
        assert (await update(client, **body)).code == 40035


async def send_template(client: Client, **changes: Any) -> Answer:
    data = json.dumps({"name": "每日", "count": "2"})
    body = {"agent_id": 3001, "template_id": "t1", "userid_list": "user01", "data": data}
    return await client.oapi(f"{PATH}/sendbytemplate", body | changes)


async def test_a_template_is_filled(client: Client) -> None:
    await client.control("scene", {"notice_templates": [TEMPLATE]})
    assert (await send_template(client)).body.keys() == {"errcode", "errmsg", "task_id", "request_id"}
    content = (await client.last("work-user01"))["content"]
    assert content == {"msgtype": "markdown", "title": "巡检", "text": "每日 失败 2 ${more}"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agent_id": 1}, 400002),
        ({"template_id": "x"}, 885001),
        ({"template_id": "t2"}, 885006),
        ({"data": "{"}, 40035),
        ({"data": '{"name": 5}'}, 40035),
        ({"userid_list": ""}, 40035),
    ],
)
async def test_wrong_templates_have_the_codes_of_the_page(
    client: Client, changes: dict[str, Any], code: int
) -> None:
    waiting = TEMPLATE | {"id": "t2", "enabled": False}
    await client.control("scene", {"notice_templates": [TEMPLATE, waiting]})
    assert (await send_template(client, **changes)).code == code
