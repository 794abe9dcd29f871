"""The `data` of robot messages and card callbacks ("0699", card "02/0003"). Pure functions."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.scenario import App, Person, Scenario
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.stream.contents import message_content, quote_content

MESSAGE_TOPIC = "/v1.0/im/bot/messages/get"
CARD_TOPIC = "/v1.0/card/instances/callback"


def encrypted_id(id_: str) -> str:
    """Return an opaque id as DingTalk sends it for people and robots. It is not a userId."""
    return "$:LWCP_v1:$" + base64.b64encode(hashlib.sha256(id_.encode()).digest()[:24]).decode()


def mention_pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"@{re.escape(name)}(?![A-Za-z0-9_])", re.IGNORECASE)


def is_mentioned(name: str, text: str) -> bool:
    return bool(mention_pattern(name).search(text))


def strip_mention(name: str, text: str) -> str:
    """Remove the robot's mention from a text. As in DingTalk, the spaces around it stay."""
    return mention_pattern(name).sub("", text)


@dataclass(frozen=True, kw_only=True)
class RobotMessage:
    """A message from a person to the robot."""

    scenario: Scenario
    app: App
    person: Person
    message: Message
    quoted: Message | None = None  # the message it replies to
    codes: Mapping[str, str] = field(default_factory=dict)  # downloadCodes by media_id
    group: Group | None  # None = one-to-one
    session_webhook: str  # URL
    session_expires: datetime
    exhausted: bool = False  # the monthly Stream quota is exhausted

    @property
    def text(self) -> str:
        return str(self.message.content["text"])


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def robot_message_data(said: RobotMessage) -> Json:
    """Build the decoded `data` of a robot message."""
    scenario, person = said.scenario, said.person
    data: Json = {
        "senderPlatform": "Mac",
        "conversationId": said.message.conversation,
        "chatbotCorpId": scenario.corp_id,
        "chatbotUserId": encrypted_id(said.app.robot),
        "msgId": said.message.id,
        "senderNick": person.name,
        "isAdmin": person.role == "admin" and said.app.published,
        "senderId": encrypted_id(person.id),
        "sessionWebhookExpiredTime": _ms(said.session_expires),
        "createAt": _ms(said.message.at),
        "conversationType": "2" if said.group else "1",
        "sessionWebhook": said.session_webhook,
        "robotCode": said.app.robot,
        "msgtype": said.message.kind,
    }
    if person.is_internal and said.app.published:
        data |= {
            "senderStaffId": person.id,
            "senderCorpId": scenario.corp_id,
            "senderUnionId": person.union_id,
        }
    if said.group:
        data |= {"conversationTitle": said.group.title, "isInAtList": True, "atUsers": _at_users(said)}
    return data | _content(said)


def _content(said: RobotMessage) -> Json:
    if said.exhausted:
        text = "the monthly quota of Webhook and Stream calls is used up"
        return {"errorCode": 20001, "errCode": 20001, "errorMessage": text, "errMsg": text}
    message = said.message
    if said.group:
        spoken = strip_mention(said.app.robot_name, said.text)
        message = replace(message, content=message.content | {"text": spoken})
    return message_content(message, said.codes, _quote(said)) | _quoted_ids(said)


def _quote(said: RobotMessage) -> Json:
    if said.quoted is None:
        return {}
    sender = encrypted_id(said.quoted.robot or said.quoted.sender.id)
    return quote_content(said.quoted, sender, said.codes, group=said.group is not None)


def _quoted_ids(said: RobotMessage) -> Json:
    """Return the ids of the quoted message ([seen]). A robot's has the key that its bot got for it."""
    if said.quoted is None:
        return {}
    key = {"originalProcessQueryKey": said.quoted.query_key} if said.quoted.query_key else {}
    return {"originalMsgId": said.quoted.id} | key


def _at_users(said: RobotMessage) -> list[Json]:
    others = [
        p
        for p in said.scenario.people
        if said.group and p.id in said.group.members and is_mentioned(p.name, said.text)
    ]
    inside = [
        {"dingtalkId": encrypted_id(p.id)} | ({"staffId": p.id} if p.is_internal else {}) for p in others
    ]
    return [{"dingtalkId": encrypted_id(said.app.robot)}, *inside]


@dataclass(frozen=True, kw_only=True)
class CardCallback:
    """A press of a card button."""

    corp_id: str
    user_id: str  # of the `userIdType` of the card
    user_id_type: int
    out_track_id: str
    space_id: str
    action: str
    params: Json


def card_callback_data(tap: CardCallback) -> Json:
    """Build the decoded `data` of a card callback. `content` and `value` are the same JSON string."""
    inner = {"cardPrivateData": {"actionIds": [tap.action], "params": tap.params}}
    content = json.dumps(inner, ensure_ascii=False, separators=(",", ":"))
    return {
        "extension": "{}",
        "corpId": tap.corp_id,
        "spaceType": "im",
        "userIdType": tap.user_id_type,
        "type": "actionCallback",
        "userId": tap.user_id,
        "spaceId": tap.space_id,
        "outTrackId": tap.out_track_id,
        "content": content,
        "value": content,
    }
