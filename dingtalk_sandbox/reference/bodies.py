"""Bodies of control calls. `clock` is described here, and read by its handler."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from dingtalk_sandbox.faults import Fault
from dingtalk_sandbox.stream.message_types import MsgType

DEFAULT_DURATION_MS = 3000
MAX_DURATION_MS = 24 * 3600 * 1000


class Body(BaseModel):
    """A JSON object. Numbers and texts are not converted into each other."""

    model_config = ConfigDict(strict=True)


class SayBody(Body):
    """A message of a person. `content` is Base64; of `richText`, a list of pictures, too."""

    conversation: str
    user: str
    msgtype: MsgType = MsgType.TEXT
    text: str = ""
    fileName: str = ""
    content: str | list[str] = ""
    duration: Annotated[int, Field(ge=0, le=MAX_DURATION_MS, description="milliseconds")] = (
        DEFAULT_DURATION_MS
    )
    quote: Annotated[str, Field(description="id of the message it replies to")] = ""


class TapBody(Body):
    card: Annotated[str, Field(description="outTrackId, or id of the message")]
    user: str
    action: Annotated[str, Field(description="id of the button")]
    params: dict[str, Any] = {}


class UserBody(Body):
    user: str


class EventBody(Body):
    eventType: Annotated[str, Field(min_length=1, description="such as user_add_org")]
    data: dict[str, Any] = {}
    app: Annotated[str, Field(description="key of the app; empty: the first one")] = ""


class RecallBody(Body):
    id: Annotated[str, Field(description="id of a message")]
    user: Annotated[str, Field(description="who recalls it")] = ""


class MessageBody(Body):
    id: Annotated[str, Field(description="id of a message")]


class ReadBody(MessageBody):
    user: str


class ExpectBody(Body):
    model_config = ConfigDict(extra="forbid")

    conversation: str
    kind: str = ""
    contains: Annotated[str, Field(description="part of the text that it shows")] = ""
    robot: Annotated[bool | None, Field(description="whether a robot sent it; none: either")] = None
    count: int = 1
    within: Annotated[float, Field(ge=0, le=600, description="seconds")] = 5


class FaultsBody(RootModel[list[Fault]]):
    """All rules. An empty list removes them."""


class AdvanceBody(Body):
    advance: Annotated[float, Field(description="seconds")]


class SetClockBody(Body):
    set: Annotated[str, Field(description="ISO 8601 with a time zone")]


class ResetClockBody(Body):
    reset: Literal[True]


class ClockBody(RootModel[AdvanceBody | SetClockBody | ResetClockBody]):
    """One move of the clock."""


class StreamBody(Body):
    action: Literal["disconnect", "drop", "mute", "unmute", "ping"]
    connection: Annotated[str | None, Field(description="none: all of them")] = None


class ScopesBody(Body):
    app: str
    scopes: list[str]


class ConfirmBody(Body):
    user_code: str
    action: Literal["confirm"]
    user: str
    robot_name: str = ""


class RefuseBody(Body):
    user_code: str
    action: Literal["refuse"]
    reason: str = ""


class RegistrationBody(RootModel[Annotated[ConfirmBody | RefuseBody, Field(discriminator="action")]]):
    """The decision about an app that a bot wants to create."""


class RobotsBody(Body):
    group: str
    robot: Annotated[str, Field(description="robotCode")]
    action: Literal["add", "remove"]


class ResetBody(Body):
    hard: Annotated[bool, Field(description="drop tokens and connections, too")] = False


class ReplayBody(Body):
    transcript: Annotated[dict[str, Any] | None, Field(description="none: what was recorded here")] = None
    until: Annotated[int | str | None, Field(description="number of entries, or id of the last message")] = (
        None
    )


class FreeBody(RootModel[dict[str, Any]]):
    """An object by names: settings, a scene, or exports of the card builder."""
