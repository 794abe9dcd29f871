"""The operations of the control API, as `/_sandbox/openapi.json` lists them."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from dingtalk_sandbox.reference import answers, bodies


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call: what it does in both languages, and its models."""

    call: str  # such as `POST say`
    chinese: str
    english: str
    answer: type[BaseModel]
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    example: Any = field(default=None)  # a body that the default scene takes

    @property
    def method(self) -> str:
        return self.call.split(" ")[0]

    @property
    def path(self) -> str:
        return "/_sandbox/" + self.call.split(" ")[1]


GROUP, USER = "cidSandboxGroupOps==", "user01"
OPERATIONS = (
    Operation(
        call="GET messages",
        chinese="消息",
        english="Messages",
        answer=answers.MessagesAnswer,
        query=("conversation", "viewer", "lang"),
    ),
    Operation(
        call="GET counters",
        chinese="调用次数和额度",
        english="Calls and quota",
        answer=answers.CountersAnswer,
    ),
    Operation(
        call="GET calls",
        chinese="最近的调用",
        english="The latest calls",
        answer=answers.CallsAnswer,
        query=("endpoint",),
    ),
    Operation(
        call="GET scene",
        chinese="场景，不含密钥",
        english="The scene, without secrets",
        answer=answers.SceneAnswer,
    ),
    Operation(
        call="GET save",
        chinese="场景文件，含密钥",
        english="The scene as a file, with secrets",
        answer=answers.SavedAnswer,
    ),
    Operation(
        call="GET faults", chinese="生效的故障", english="The active faults", answer=answers.FaultsAnswer
    ),
    Operation(call="GET clock", chinese="沙箱的时间", english="The time", answer=answers.ClockAnswer),
    Operation(
        call="GET registrations",
        chinese="扫码创建应用的申请",
        english="Registrations by QR code",
        answer=answers.RegistrationsAnswer,
    ),
    Operation(
        call="GET templates", chinese="卡片模板", english="Card templates", answer=answers.TemplatesAnswer
    ),
    Operation(
        call="POST say",
        chinese="以某人的身份发消息",
        english="Send a message as a person",
        answer=answers.SaidAnswer,
        body=bodies.SayBody,
        example={"conversation": GROUP, "user": USER, "text": "@DingRun 状态"},
    ),
    Operation(
        call="POST tap",
        chinese="点卡片上的按钮",
        english="Press a button of a card",
        answer=answers.TapAnswer,
        body=bodies.TapBody,
        example={"card": "run-1", "user": USER, "action": "rerun"},
    ),
    Operation(
        call="POST auth_code",
        chinese="免登授权码",
        english="Issue a login code",
        answer=answers.CodeAnswer,
        body=bodies.UserBody,
        example={"user": USER},
    ),
    Operation(
        call="POST expect",
        chinese="等待消息，超时返回 408",
        english="Wait for messages; 408 if they do not come",
        answer=answers.ExpectAnswer,
        body=bodies.ExpectBody,
        example={"conversation": GROUP, "count": 0},
    ),
    Operation(
        call="POST redeliver",
        chinese="重新推送消息",
        english="Push a message again",
        answer=answers.SaidAnswer,
        body=bodies.MessageBody,
        example={"id": "msg2yLrGzFq7dQ"},
    ),
    Operation(
        call="POST event",
        chinese="推送事件",
        english="Push an event",
        answer=answers.SaidAnswer,
        body=bodies.EventBody,
        example={"eventType": "user_add_org", "data": {"userId": ["user05"]}},
    ),
    Operation(
        call="POST read",
        chinese="标为已读",
        english="Mark a message as read",
        answer=answers.ReadersAnswer,
        body=bodies.ReadBody,
        example={"id": "msg2yLrGzFq7dQ", "user": USER},
    ),
    Operation(
        call="POST recall",
        chinese="撤回消息",
        english="Recall a message",
        answer=answers.OkAnswer,
        body=bodies.RecallBody,
        example={"id": "msg2yLrGzFq7dQ"},
    ),
    Operation(
        call="POST faults",
        chinese="设置故障",
        english="Replace the faults",
        answer=answers.FaultsAnswer,
        body=bodies.FaultsBody,
        example=[{"kind": "latency", "match": "/robot/send", "ms": 10}],
    ),
    Operation(
        call="POST clock",
        chinese="拨时间",
        english="Move the clock",
        answer=answers.ClockAnswer,
        body=bodies.ClockBody,
        example={"advance": 60},
    ),
    Operation(
        call="POST stream",
        chinese="断开、静默或探测 Stream 连接",
        english="Disconnect, drop, mute or ping Stream connections",
        answer=answers.StreamAnswer,
        body=bodies.StreamBody,
        example={"action": "ping"},
    ),
    Operation(
        call="POST settings",
        chinese="修改设置",
        english="Change settings",
        answer=answers.SettingsAnswer,
        body=bodies.FreeBody,
        example={"qps": 20},
    ),
    Operation(
        call="POST scopes",
        chinese="修改应用的权限",
        english="Replace the scopes of an app",
        answer=answers.OkAnswer,
        body=bodies.ScopesBody,
        example={"app": "dingsandboxapp", "scopes": ["qyapi_base"]},
    ),
    Operation(
        call="POST registration",
        chinese="同意或拒绝创建应用",
        english="Confirm or refuse a registration",
        answer=answers.RegistrationAnswer,
        body=bodies.RegistrationBody,
        example={"user_code": "ABCD-EFGH-JKLM", "action": "refuse"},
    ),
    Operation(
        call="POST robots",
        chinese="把机器人加进群或移出群",
        english="Change the robots of a group",
        answer=answers.RobotsAnswer,
        body=bodies.RobotsBody,
        example={"group": GROUP, "robot": "dingsandboxapp", "action": "add"},
    ),
    Operation(
        call="POST templates",
        chinese="加载卡片模板的导出文件",
        english="Load exports of the card builder",
        answer=answers.TemplatesAnswer,
        body=bodies.FreeBody,
        example={"mine.schema": {"editorData": {}}},
    ),
    Operation(
        call="POST scene",
        chinese="换一个场景",
        english="Load another scene",
        answer=answers.OkAnswer,
        body=bodies.FreeBody,
        example={"settings": {"ping_every": 0}},
    ),
    Operation(
        call="GET transcript",
        chinese="聊天记录，不含密钥",
        english="The transcript, without secrets",
        answer=answers.TranscriptAnswer,
    ),
    Operation(
        call="POST replay",
        chinese="恢复聊天记录，或回到其中一处",
        english="Restore a transcript, or go back in this one",
        answer=answers.ReplayAnswer,
        body=bodies.ReplayBody,
        example={"until": 1},
    ),
    Operation(
        call="POST reset",
        chinese="恢复初始状态",
        english="Restore the initial state",
        answer=answers.OkAnswer,
        body=bodies.ResetBody,
        example={},
    ),
)
