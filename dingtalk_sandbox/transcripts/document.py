"""A transcript as JSON. It holds no secret: keys of apps and webhooks are left out, calls are redacted."""

import base64
import binascii
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from dingtalk_sandbox.control.scene_file import dump_scenario
from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.redaction import redact_address
from dingtalk_sandbox.scenario import App, Scenario, parse_scenario
from dingtalk_sandbox.state import Card, SandboxState, Upload
from dingtalk_sandbox.transcripts.recorder import Entry

VERSION = 1
HIDDEN = "***"
MESSAGES, CARDS = TypeAdapter(Message), TypeAdapter(Card)


class FileRecord(BaseModel):
    name: str
    kind: str
    mime: str
    content: str  # Base64


class EntryRecord(BaseModel):
    at: datetime
    message: Json
    card: Json | None = None


class Transcript(BaseModel):
    """The document. `scene` is a scene file without its secrets."""

    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    scene: Json = {}
    entries: list[EntryRecord]
    files: dict[str, FileRecord] = {}


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A transcript that was read, up to a point."""

    scenario: Scenario
    entries: list[Entry]
    files: dict[str, Upload]


def dump_transcript(state: SandboxState, entries: Iterable[Entry]) -> Json:
    """Return the document of these entries, with the files that their messages show."""
    kept = list(entries)
    shown = {id_ for entry in kept for id_ in (entry.message.media_id, *entry.message.pictures)}
    return {
        "version": VERSION,
        "scene": _without_secrets(dump_scenario(state.scenario)),
        "entries": [_dump_entry(entry) for entry in kept],
        "files": {id_: _dump_file(state.media[id_]) for id_ in sorted(shown & state.media.keys())},
    }


def _dump_entry(entry: Entry) -> Json:
    card = entry.card and CARDS.dump_python(entry.card, mode="json", exclude={"app"})
    dumped = card and card | {"app": entry.card.app.key if entry.card else ""}
    return {
        "at": entry.at.isoformat(),
        "message": MESSAGES.dump_python(entry.message, mode="json"),
        "card": dumped,
    }


def _dump_file(file: Upload) -> Json:
    content = base64.b64encode(file.data).decode()
    return {"name": file.name, "kind": file.kind, "mime": file.mime, "content": content}


def _without_secrets(scene: Json) -> Json:
    apps = [app | {"secret": HIDDEN, "url": redact_address(app["url"])} for app in scene["apps"]]
    robots = [robot | {"secret": "", "token": HIDDEN} for robot in scene["custom_robots"]]
    return scene | {"apps": apps, "custom_robots": robots}


def _fill_app(app: Json, known: App | None) -> Json:
    if known is None:
        return {**app, "secret": secrets.token_hex(16)}
    same = redact_address(known.url) == app.get("url")
    return {**app, "secret": known.secret} | ({"url": known.url} if same else {})


def _with_secrets(scene: Mapping[str, Any], known: Scenario) -> Json:
    """Fill in the secrets that the sandbox knows, and new ones for the others."""
    tokens = {robot.name: (robot.token, robot.secret) for robot in known.custom_robots}
    filled = dict(scene)
    if isinstance(apps := scene.get("apps"), list):
        filled["apps"] = [_fill_app(app, known.app(app.get("key"))) for app in apps]
    if isinstance(robots := scene.get("custom_robots"), list):
        found = [tokens.get(robot.get("name"), (secrets.token_hex(32), "")) for robot in robots]
        filled["custom_robots"] = [
            {**robot, "token": token, "secret": secret}
            for robot, (token, secret) in zip(robots, found, strict=True)
        ]
    return filled


def parse_transcript(given: Any, known: Scenario) -> Recording:
    """Read a transcript. Secrets come from the scenario that is `known`. Raises `UsageError`."""
    try:
        document = Transcript.model_validate(given)
        if document.version != VERSION:
            raise UsageError(f"the transcript has version {document.version}, this sandbox reads {VERSION}")
        scenario = parse_scenario(_with_secrets(document.scene, known), folder=None)
        entries = [_parse_entry(entry, scenario) for entry in document.entries]
        files = {id_: _parse_file(file) for id_, file in document.files.items()}
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        raise UsageError(f"no transcript: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (AttributeError, TypeError, binascii.Error) as error:
        raise UsageError(f"no transcript: {error}") from None
    return Recording(scenario=scenario, entries=entries, files=files)


def _parse_entry(record: EntryRecord, scenario: Scenario) -> Entry:
    card = None
    if record.card is not None:
        app = scenario.app(str(record.card.get("app")))
        if app is None:
            raise UsageError(f"the scene of the transcript has no app {record.card.get('app')!r}")
        card = CARDS.validate_python(record.card | {"app": app})
    return Entry(at=record.at, message=MESSAGES.validate_python(record.message), card=card)


def _parse_file(record: FileRecord) -> Upload:
    data = base64.b64decode(record.content, validate=True)
    return Upload(name=record.name, kind=record.kind, mime=record.mime, data=data)
