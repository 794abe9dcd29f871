"""Answers of control calls."""

from typing import Any

from pydantic import BaseModel, ConfigDict, RootModel

Json = dict[str, Any]


class Answer(BaseModel):
    """A JSON object. What is not described here is left out of no answer."""

    model_config = ConfigDict(extra="allow", strict=True)


class ErrorAnswer(Answer):
    error: str


class OkAnswer(Answer):
    ok: bool


class SenderAnswer(Answer):
    id: str
    name: str
    robot: bool


class MessageAnswer(Answer):
    """A message as one viewer sees it. Cards, files and replies have more fields."""

    id: str
    conversation: str
    kind: str
    sender: SenderAnswer
    at: str
    content: Json
    recalled: bool
    readers: list[str]
    wire: Json | None
    updates: list[Json]


class MessagesAnswer(RootModel[list[MessageAnswer]]):
    """Messages, oldest first."""


class SaidAnswer(Answer):
    id: str
    delivered: bool
    why: str


class TapAnswer(Answer):
    ok: bool


class CodeAnswer(Answer):
    code: str


class ExpectAnswer(Answer):
    messages: list[MessageAnswer]


class ReadersAnswer(Answer):
    readers: list[str]


class CountersAnswer(Answer):
    calls: dict[str, int]
    refused: dict[str, int]
    buckets: dict[str, int]
    limits: dict[str, int]
    month: str
    months: dict[str, dict[str, int]]
    stream: dict[str, int]


class CallAnswer(Answer):
    """A call, or an event that was pushed: it has no status, and no response before its ack."""

    endpoint: str
    request: Any
    response: Any = None
    status: int | None = None
    at: str


class CallsAnswer(RootModel[list[CallAnswer]]):
    """Calls, oldest first, without secrets."""


class SceneAnswer(Answer):
    people: list[Json]
    conversations: list[Json]
    apps: list[Json]
    settings: Json
    streams: list[Json]
    now: str


class SavedAnswer(Answer):
    """A scene file, with its secrets."""

    people: list[Json]
    groups: list[Json]
    apps: list[Json]
    settings: Json


class FaultsAnswer(Answer):
    faults: list[Json]


class ClockAnswer(Answer):
    now: str


class StreamAnswer(OkAnswer):
    connections: int


class SettingsAnswer(RootModel[Json]):
    """All settings."""


class RegistrationAnswer(Answer):
    userCode: str
    status: str
    app: str
    robotName: str
    failReason: str


class RegistrationsAnswer(RootModel[list[RegistrationAnswer]]):
    """Registrations of apps by QR code."""


class RobotsAnswer(Answer):
    group: str
    robots: list[str]


class TranscriptAnswer(Answer):
    """A transcript, without secrets."""

    version: int
    scene: Json
    entries: list[Json]
    files: dict[str, Json]


class ReplayAnswer(Answer):
    entries: int
    messages: int


class TemplatesAnswer(Answer):
    templates: list[Json]
