"""Messengers, each with what its people see and with DingTalk's faults: the fake, and the real one."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, cast

import aiohttp

from bot.errors import CardUndeliveredError, PermanentError, TemporaryError
from bot.messengers.dingtalk.auth import Tokens
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.models import RenderedCard
from bot.ports import Messenger
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.control.onboarding import change_robots
from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.reference.bodies import RobotsBody
from dingtalk_sandbox.state import Card
from tests.factories import make_sandbox_app
from tests.fakes import AnswerLost, FakeMessenger

OPS, OTHER, OPS_CHAT = "cidSandboxGroupOps==", "cidOther==", "chatsandboxops"
ROBOT = "dingsandboxapp"
PLACES = (f"group:{OPS}", f"group:{OTHER}", "user:user01", "user:user02")  # that exist
ADDRESSES = {  # of them, and of none of them
    f"group:{OPS}": f"group:{OPS}",
    f"group:{OPS_CHAT}": f"group:{OPS}",
    f"group:{OTHER}": f"group:{OTHER}",
    "group:cidNobody==": "group:cidNobody==",
    "user:user01": "user:user01",
    "user:nobody": "user:nobody",
}
UNKNOWN_PLACES = {"group:cidNobody==": "wrong_group", "user:nobody": "wrong_person"}
TEMPLATE, UNKNOWN_TEMPLATE = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema", "unknown.schema"
UNDELIVERED = {"deliverResults": [{"success": False, "errorMsg": "SYSTEM_ERROR"}]}


class Fault(StrEnum):
    """What becomes of a request on its way."""

    NONE = "none"
    BUSY = "busy"  #: DingTalk does nothing, and says so
    REFUSED = "refused"  #: the content is rejected
    DROPPED = "dropped"  #: it does not arrive, and nobody says so
    LOST = "lost"  #: it is executed, and its answer is lost
    UNDELIVERED = "undelivered"  #: a card is created, and not shown


ERRORS: Mapping[Fault, Callable[[], Exception | None]] = {
    Fault.NONE: lambda: None,
    Fault.BUSY: lambda: TemporaryError("busy"),
    Fault.REFUSED: lambda: PermanentError("contains a forbidden word", content=True),
    Fault.DROPPED: lambda: TemporaryError("no answer", uncertain=True),
    Fault.LOST: AnswerLost,
    Fault.UNDELIVERED: lambda: CardUndeliveredError("SYSTEM_ERROR"),
}
RULES: Mapping[Fault, dict[str, Any]] = {
    Fault.BUSY: {"kind": "error", "code": "system.busy"},
    Fault.REFUSED: {"kind": "error", "code": "param.contentUnsafe"},
    Fault.DROPPED: {"kind": "drop"},
    Fault.LOST: {"kind": "lose_answer"},
    Fault.UNDELIVERED: {"kind": "status", "status": 200, "body": {"success": True, "result": UNDELIVERED}},
}
REQUESTS = ("/v1.0/card/", "/v1.0/robot/", "/media/upload")  # that faults meet


class Chat(Protocol):
    """A messenger, and what is on the other side."""

    messenger: Messenger

    def reset(self) -> None:
        """Forget all that was shown. The robot is in both groups."""

    def set_fault(self, fault: Fault, card_id: str = "", card: RenderedCard | None = None) -> None:
        """Let the next request meet this fault. A card may be created although it is not shown."""

    def clear_fault(self) -> None:
        """Let requests meet no fault."""

    def set_member(self, present: bool) -> None:
        """Put the robot into the second group, or take it out."""

    def shown(self, place: str) -> Sequence[tuple[str, str]]:
        """Return what people see, oldest first: card and its id, note and its text, file and its name."""

    def content(self, card_id: str) -> Mapping[str, str] | None:
        """Return the variables of a card, or None if it does not exist."""


class FakeChat(Chat):
    """The fake messenger, perhaps behind a `veil`."""

    def __init__(self, veil: Callable[[Messenger], Messenger] = lambda messenger: messenger) -> None:
        self._veil = veil
        self.reset()

    def reset(self) -> None:
        self.fake = FakeMessenger()
        self.fake.old_ids = {OPS_CHAT: OPS}
        self.fake.setup_faults = dict(UNKNOWN_PLACES)
        self.fake.unknown_templates = {UNKNOWN_TEMPLATE}
        self.messenger = self._veil(cast(Messenger, self.fake))

    def set_fault(self, fault: Fault, card_id: str = "", card: RenderedCard | None = None) -> None:
        self.fake.trouble = [ERRORS[fault]()]

    def clear_fault(self) -> None:
        self.fake.trouble = []

    def set_member(self, present: bool) -> None:
        self.fake.setup_faults = UNKNOWN_PLACES | (
            {} if present else {f"group:{OTHER}": "robot_not_in_group"}
        )

    def shown(self, place: str) -> Sequence[tuple[str, str]]:
        return self.fake.shown[place]

    def content(self, card_id: str) -> Mapping[str, str] | None:
        card = self.fake.cards.get(card_id)
        return card.params if card else None


@dataclass
class SandboxChat(Chat):
    """The messenger of the app robot, over the sandbox."""

    messenger: Messenger
    sandbox: Sandbox

    def reset(self) -> None:
        self.sandbox.state.conversations.clear()
        self.sandbox.state.cards.clear()
        self.set_member(True)

    def set_fault(self, fault: Fault, card_id: str = "", card: RenderedCard | None = None) -> None:
        if fault is Fault.NONE:
            return
        self.sandbox.state.faults.replace([RULES[fault] | {"match": path} for path in REQUESTS])
        if fault is Fault.UNDELIVERED and card and card_id not in self.sandbox.state.cards:
            app = self.sandbox.state.scenario.apps[0]
            self.sandbox.state.cards[card_id] = Card(
                out_track_id=card_id,
                app=app,
                template=card.template_id,
                public=dict(card.params),
                private={},
                spaces={"IM_GROUP": {}, "IM_ROBOT": {}},
            )

    def clear_fault(self) -> None:
        self.sandbox.state.faults.replace([])

    def set_member(self, present: bool) -> None:
        change = RobotsBody(group=OTHER, robot=ROBOT, action="add" if present else "remove")
        change_robots(self.sandbox.state, change)

    def shown(self, place: str) -> Sequence[tuple[str, str]]:
        kind, _, id_ = place.partition(":")
        person = self.sandbox.state.scenario.person(id_) if kind == "user" else None
        conversation = person.direct_conversation if person else id_
        return [_seen(message) for message in self.sandbox.state.conversations.messages(conversation)]

    def content(self, card_id: str) -> Mapping[str, str] | None:
        card = self.sandbox.state.cards.get(card_id)
        return card.public if card else None


def _seen(message: Message) -> tuple[str, str]:
    if message.kind == "card":
        return "card", message.out_track_id
    if message.kind == "file":
        return "file", message.file_name
    return "note", message.content["text"]


@asynccontextmanager
async def open_fake_chat() -> AsyncIterator[Chat]:
    yield FakeChat()


@asynccontextmanager
async def open_sandbox_chat() -> AsyncIterator[Chat]:
    members, unlimited = ["manager01", "user01", "user02"], {"qps": 0, "api_limit": 0}
    groups = [
        {"id": OPS, "title": "运营", "members": members, "robots": [ROBOT], "chat_id": OPS_CHAT},
        {"id": OTHER, "title": "其他", "members": members, "robots": [ROBOT]},
    ]
    scene = {"groups": groups, "settings": unlimited}
    async with Sandbox(scenario=scene) as sandbox, aiohttp.ClientSession() as session:
        app, clock = make_sandbox_app(sandbox.url), sandbox.state.clock.now
        messenger = OpenApiMessenger(session, app, Tokens(session, app, clock), clock=clock)
        yield SandboxChat(messenger=messenger, sandbox=sandbox)


CHATS: Mapping[str, Any] = {"fake": open_fake_chat, "app robot": open_sandbox_chat}
