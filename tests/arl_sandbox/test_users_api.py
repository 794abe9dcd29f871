"""Authentication of the fake ARL: the API key, or the token of a user."""

import pytest

from tests.arl_sandbox.conftest import Caller

ME = {"username": "admin", "password": "arlpass"}


async def login(caller: Caller) -> dict[str, str]:
    """Log in and return the token header."""
    return {"Token": (await caller.post("/user/login", **ME))["data"]["token"]}


async def code(caller: Caller, path: str = "/task/", **parts: dict[str, str]) -> int:
    return int((await (await caller.raw("GET", path, **parts)).json())["code"])


async def test_without_a_token_the_answer_is_http_200_and_not_login(caller: Caller) -> None:
    answer = await caller.raw("GET", "/task/", headers={})
    assert (answer.status, await answer.json()) == (200, {"message": "not login", "code": 401, "data": {}})


async def test_a_login_throws_out_whoever_was_in_before(caller: Caller) -> None:
    page, script = await login(caller), await login(caller)
    assert [await code(caller, headers=each) for each in (page, script)] == [401, 200]


async def test_the_token_may_stand_in_the_query(caller: Caller) -> None:
    token = (await login(caller))["Token"]
    assert await code(caller, headers={}, params={"token": token}) == 200


async def test_a_wrong_password_is_a_success_with_another_code(caller: Caller) -> None:
    answer = await caller.post("/user/login", **ME | {"password": "x"})
    assert answer == {"message": "success", "code": 401, "data": {}}


async def test_who_logs_out_is_out(caller: Caller) -> None:
    headers = await login(caller)
    assert await code(caller, "/user/logout", headers=headers) == 200
    assert await code(caller, headers=headers) == 401


@pytest.mark.parametrize(
    ("old", "new", "again", "told"),
    [("arlpass", "a", "b", 301), ("arlpass", "", "", 302), ("x", "a", "a", 303), ("arlpass", "a", "a", 200)],
)
async def test_a_password_is_changed(caller: Caller, old: str, new: str, again: str, told: int) -> None:
    answer = await caller.post("/user/change_pass", old_password=old, new_password=new, check_password=again)
    assert answer["code"] == told
    entered = (await caller.post("/user/login", **ME))["code"] == 200
    assert entered is (told != 200)


async def test_an_open_arl_asks_nobody(caller: Caller) -> None:
    caller.arl.no_auth = True
    assert await code(caller, headers={}) == 200
