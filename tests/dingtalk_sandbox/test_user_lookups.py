"""Look-ups of people."""

from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import KEY, Answer, Client

PEOPLE = [
    {"id": "u1", "name": "李雷", "mobile": "13800000001", "title": "值班"},
    {"id": "u2", "name": "李四", "role": "admin"},
    {"id": "guest", "name": "李客", "role": "outsider", "mobile": "13800000009"},
]


@pytest.fixture
async def org(client: Client) -> Client:
    """An organization of two, and a guest."""
    await client.control("scene", {"people": PEOPLE})
    return client


async def ask(client: Client, path: str, **body: Any) -> Answer:
    return await client.oapi(f"/topapi/{path}", body)


async def search(client: Client, **body: Any) -> Answer:
    return await client.api("/v1.0/contact/users/search", {"offset": 0, "size": 10} | body)


async def test_a_user_has_what_the_scene_says(org: Client) -> None:
    user = (await ask(org, "v2/user/get", userid="u1")).body["result"]
    assert (user["name"], user["unionid"], user["mobile"]) == ("李雷", "union-u1", "13800000001")
    assert (user["title"], user["admin"], user["dept_id_list"]) == ("值班", False, [1])


async def test_mobile_numbers_need_a_scope(org: Client) -> None:
    await org.control("scopes", {"app": KEY, "scopes": ["qyapi_get_member"]})
    assert "mobile" not in (await ask(org, "v2/user/get", userid="u1")).body["result"]
    assert (await ask(org, "v2/user/getbymobile", mobile="13800000001")).code == 60011


async def test_a_user_is_found_by_mobile_and_union_id(org: Client) -> None:
    by_mobile = await ask(org, "v2/user/getbymobile", mobile="13800000001")
    assert by_mobile.body["result"] == {"userid": "u1"}
    found = [await ask(org, "user/getbyunionid", unionid=f"union-{id_}") for id_ in ("u1", "guest")]
    assert [(a.body["result"]["userid"], a.body["result"]["contact_type"]) for a in found] == [
        ("u1", 0),
        ("guest", 1),
    ]


async def test_the_root_department_has_everyone_of_the_organization(org: Client) -> None:
    assert (await ask(org, "user/listid", dept_id=1)).body["result"] == {"userid_list": ["u1", "u2"]}
    assert (await ask(org, "user/count", only_active=False)).body["result"] == {"count": 2}


async def test_lists_come_by_the_page(org: Client) -> None:
    first = (await ask(org, "user/listsimple", dept_id=1, cursor=0, size=1)).body["result"]
    assert first == {"has_more": True, "next_cursor": 1, "list": [{"userid": "u1", "name": "李雷"}]}
    last = (await ask(org, "v2/user/list", dept_id=1, cursor=1, size=1)).body["result"]
    assert (last["has_more"], [user["userid"] for user in last["list"]]) == (False, ["u2"])


async def test_names_are_searched_in_part_or_as_a_whole(org: Client) -> None:
    assert (await search(org, queryWord="李")).body == {
        "hasMore": False,
        "totalCount": 2,
        "list": ["u1", "u2"],
    }
    assert (await search(org, queryWord="李", fullMatchField=1)).body["list"] == []
    assert (await search(org, queryWord="李", size=1)).body["hasMore"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("v2/user/get", {}, 400002),
        ("v2/user/get", {"userid": "guest"}, 33012),
        ("v2/user/getbymobile", {}, 400002),
        ("v2/user/getbymobile", {"mobile": "+86"}, 40104),
        ("v2/user/getbymobile", {"mobile": "13800000009"}, 60121),
        ("user/getbyunionid", {"unionid": "x"}, 60121),
        ("user/listid", {}, 400002),
        ("user/listid", {"dept_id": 2}, 60003),
        ("user/listsimple", {"dept_id": 1, "size": 1}, 40068),
        ("user/listsimple", {"dept_id": 1, "cursor": 0, "size": 101}, 40069),
        ("v2/user/list", {}, 400002),
        ("v2/user/list", {"dept_id": 2}, 60019),
        ("v2/user/list", {"dept_id": 1, "size": 1}, 40035),
        ("v2/user/list", {"dept_id": 1, "cursor": 0, "size": 101}, 40035),
        ("user/count", {}, 400002),
    ],
)
async def test_wrong_look_ups_have_the_codes_of_their_page(
    org: Client, path: str, body: dict[str, Any], code: int
) -> None:
    assert (await ask(org, path, **body)).code == code


async def test_a_search_needs_its_fields(org: Client) -> None:
    for wrong in ({"queryWord": ""}, {"size": "5"}, {"size": 0}, {"offset": -1}):
        assert (await search(org, **{"queryWord": "x"} | wrong)).code == "parameter.error"
