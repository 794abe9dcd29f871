"""Access tokens."""

from tests.dingtalk_sandbox.harness import KEY, SECRET, Client

CHATS = "/v1.0/im/chat/chatsandboxops/convertToOpenConversationId"


async def test_the_same_token_comes_back_while_it_is_valid(client: Client) -> None:
    answer = await client.post("/v1.0/oauth2/accessToken", {"appKey": KEY, "appSecret": SECRET})
    assert answer.body == {"accessToken": client.token, "expireIn": 7200}


async def test_asking_extends_the_token(client: Client) -> None:
    await client.later(7000)
    await client.post("/v1.0/oauth2/accessToken", {"appKey": KEY, "appSecret": SECRET})
    await client.later(7000)
    assert (await client.api(CHATS)).status == 200


async def test_a_token_ends_after_two_hours(client: Client) -> None:
    await client.later(7200)
    assert (await client.api(CHATS)).code == "InvalidAuthentication"
    answer = await client.post("/v1.0/oauth2/accessToken", {"appKey": KEY, "appSecret": SECRET})
    assert answer.body["accessToken"] != client.token


async def test_a_wrong_secret_is_refused(client: Client) -> None:
    answer = await client.post("/v1.0/oauth2/accessToken", {"appKey": KEY, "appSecret": "no"})
    assert (answer.status, answer.code) == (400, "invalidClientIdOrSecret")


async def test_the_three_forms_give_one_token(client: Client) -> None:
    body = {"client_id": KEY, "client_secret": SECRET, "grant_type": "client_credentials"}
    new = await client.post("/v1.0/oauth2/dingsandboxcorp/token", body)
    old = await client.call("GET", "/gettoken", params={"appkey": KEY, "appsecret": SECRET})
    assert new.body == {"access_token": client.token, "expires_in": 7200}
    assert old.body == {"errcode": 0, "errmsg": "ok", "access_token": client.token, "expires_in": 7200}


async def test_the_corp_form_has_its_own_errors(client: Client) -> None:
    path = "/v1.0/oauth2/dingsandboxcorp/token"
    assert (await client.post(path, {"grant_type": "x"})).code == "unsupported.grant.type"
    wrong = {"client_id": KEY, "client_secret": "no", "grant_type": "client_credentials"}
    assert (await client.post(path, wrong)).code == "invalid.client"


async def test_the_old_form_answers_200_to_a_wrong_secret(client: Client) -> None:
    answer = await client.call("GET", "/gettoken", params={"appkey": KEY, "appsecret": "no"})
    assert (answer.status, answer.code) == (200, 40089)


async def test_an_unknown_token_is_a_400_or_by_choice_a_401(client: Client) -> None:
    client.token = "unknown"  # noqa: S105 - opens nothing
    answer = await client.api(CHATS)
    assert (answer.status, answer.code) == (400, "InvalidAuthentication")
    await client.set(bad_token_status=401)
    assert (await client.api(CHATS)).status == 401


async def test_a_missing_token_is_a_401(client: Client) -> None:
    assert (await client.post(CHATS)).status == 401


async def test_the_old_api_tells_missing_unknown_and_expired_apart(client: Client) -> None:
    path = "/topapi/message/corpconversation/getsendprogress"
    assert (await client.post(path, {})).code == 41001
    assert (await client.post(path, {}, params={"access_token": "x"})).code == 40014
    await client.later(7200)
    assert (await client.oapi(path, {})).code == 42001


async def test_an_old_chat_id_is_converted(client: Client) -> None:
    assert (await client.api(CHATS)).body == {"openConversationId": "cidSandboxGroupOps=="}
    assert (await client.api(CHATS.replace("ops", "x"))).code == "invalideChatId"
