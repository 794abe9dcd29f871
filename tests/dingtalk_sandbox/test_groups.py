"""Groups of an organization: create, query, update."""

from tests.dingtalk_sandbox.harness import GROUP, Client


async def test_a_legacy_chat_id_is_converted(client: Client) -> None:
    path = "/v1.0/im/chat/{}/convertToOpenConversationId"
    assert (await client.api(path.format("chatsandboxops"))).body == {"openConversationId": GROUP}
    assert (await client.api(path.format("chatx"))).code == "invalideChatId"
