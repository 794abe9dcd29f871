"""Users of login codes."""

from tests.dingtalk_sandbox.harness import Client

PATH = "/topapi/v2/user/getuserinfo"


async def ask(client: Client, code: str) -> dict[str, object]:
    return dict((await client.oapi(PATH, {"code": code})).body)


async def code_of(client: Client, user: str) -> str:
    return str((await client.control("auth_code", {"user": user}))["code"])


async def test_a_code_names_its_user_once(client: Client) -> None:
    code = await code_of(client, "user01")
    result = (await ask(client, code))["result"]
    assert isinstance(result, dict)
    assert result["userid"] == "user01"
    assert (await ask(client, code))["errcode"] == 40078


async def test_a_code_ends_after_five_minutes(client: Client) -> None:
    code = await code_of(client, "user01")
    await client.later(300)
    assert (await ask(client, code))["errcode"] == 40078


async def test_outsiders_and_guesses_get_nothing(client: Client) -> None:
    assert (await client.post("/_sandbox/auth_code", {"user": "outsider01"})).status == 400
    assert (await ask(client, "guess"))["errcode"] == 40078


async def test_a_login_costs_no_call(client: Client) -> None:
    before = (await client.call("GET", "/_sandbox/counters")).body["buckets"]
    await ask(client, await code_of(client, "user01"))
    assert (await client.call("GET", "/_sandbox/counters")).body["buckets"] == before
