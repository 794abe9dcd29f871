"""Conversion of legacy group ids ("0745")."""

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import SandboxState


def convert(state: SandboxState, call: Call) -> Json:
    group = next((g for g in state.scenario.groups if g.chat_id and g.chat_id == call.path["chat"]), None)
    if group is None:
        raise api_error("invalideChatId", "无效的chatId")  # DingTalk's spelling
    return {"openConversationId": group.id}


ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1.0/im/chat/{chat}/convertToOpenConversationId", handler=convert,
        scope="qyapi_chat_read", takes_body=False,
    ),
)  # fmt: skip
