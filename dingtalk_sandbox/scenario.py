"""Scenarios (scene files): people, groups, apps, custom robots, card templates and settings.

A mapping or a YAML file overrides parts of the default scenario. An unknown key is an error that names it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from yarl import URL

from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.scene.groups import Group, GroupTemplate
from dingtalk_sandbox.scene.stubs import Stub
from dingtalk_sandbox.settings import Settings
from dingtalk_sandbox.templates.document import CardTemplate
from dingtalk_sandbox.templates.loading import load_exports
from dingtalk_sandbox.templates.registered import PUBLIC_TEMPLATES, Template, drawn_template

ALL_SCOPES = frozenset({
    "qyapi_robot_sendmsg", "qyapi_base", "qyapi_chat_read", "qyapi_chat_manage", "qyapi_get_microapp_list",
    "qyapi_chat_base_read",
    "qyapi_get_member", "qyapi_get_member_by_mobile", "qyapi_get_department_member",
    "qyapi_addresslist_search", "fieldMobile",
    "Card.Instance.Write", "Card.Streaming.Write", "Robot.SingleChat.ReadWrite", "Premium.Ding.Write",
})  # fmt: skip

T = TypeVar("T")
MAX_SETTING_VALUE = 1e9
"""Upper limit of every numeric setting."""


class Role(StrEnum):
    ADMIN = "admin"  #: administrator of the organization
    MEMBER = "member"  #: member of the organization
    OUTSIDER = "outsider"  #: group member from outside the organization; DingTalk sends no staffId


@dataclass(frozen=True, kw_only=True)
class Person:
    id: str
    name: str
    role: Role = Role.MEMBER
    mobile: str = ""
    title: str = ""  # shown beside the name instead of the role, such as a role in the service under test

    @property
    def is_internal(self) -> bool:
        return self.role != Role.OUTSIDER

    @property
    def union_id(self) -> str:
        return f"union-{self.id}"

    @property
    def direct_conversation(self) -> str:
        """The id of the one-to-one conversation with the robot."""
        return f"cidSandboxOto-{self.id}=="

    @property
    def work_conversation(self) -> str:
        """The id of the conversation that shows the person's work notifications."""
        return f"work-{self.id}"


def _is_web_address(url: str) -> bool:
    try:
        parsed = URL(url)
    except ValueError:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)


class ReceiveMode(StrEnum):
    STREAM = "stream"  #: the bot connects
    HTTP = "http"  #: the bot is called at its URL


@dataclass(frozen=True, kw_only=True)
class App:
    key: str
    secret: str = field(repr=False)
    agent_id: int
    robot_name: str
    robot_code: str = ""  # "" = same as the key, DingTalk's default
    scopes: frozenset[str] = ALL_SCOPES
    published: bool = True  # False: its robot is unknown, and messages have no staffId
    allowed_ips: tuple[str, ...] = ()  # addresses that may call; () = all
    mode: ReceiveMode = ReceiveMode.STREAM  # how its robot receives messages
    url: str = ""  # where messages are posted to in HTTP mode
    events: tuple[str, ...] = ()  # events that are pushed by themselves: robot_msg_read, robot_msg_recall

    def __post_init__(self) -> None:
        if self.mode == ReceiveMode.HTTP and not _is_web_address(self.url):
            raise ValueError(
                f"an app with mode http needs a url such as http://127.0.0.1:9000/, not {self.url!r}"
            )

    @property
    def robot(self) -> str:
        return self.robot_code or self.key


@dataclass(frozen=True, kw_only=True)
class CustomRobot:
    token: str = field(repr=False)
    group: str
    name: str = "自定义机器人"
    secret: str = field(default="", repr=False)  # "" = unsigned
    keywords: tuple[str, ...] = ()
    enabled: bool = True  # False: stopped by an administrator


@dataclass(frozen=True, kw_only=True)
class NoticeTemplate:
    """A template of work notifications. `${name}` in its text is a parameter."""

    id: str
    title: str
    text: str  # Markdown
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Scenario:
    corp_id: str
    people: tuple[Person, ...]
    apps: tuple[App, ...]
    groups: tuple[Group, ...]
    custom_robots: tuple[CustomRobot, ...] = ()
    group_templates: tuple[GroupTemplate, ...] = ()
    notice_templates: tuple[NoticeTemplate, ...] = ()
    stubs: tuple[Stub, ...] = ()  # answers to calls that are not emulated
    templates: tuple[Template, ...] = PUBLIC_TEMPLATES
    designs: Mapping[str, CardTemplate] = field(default_factory=dict)  # exports of the card builder, by id
    settings: Settings = field(default_factory=Settings)
    chips: tuple[Any, ...] = ()  # suggested messages: texts, or pairs of Chinese and English

    def person(self, id_: str, kind: int = 1) -> Person | None:
        """Find a person by userId (kind 1) or unionId (kind 2)."""
        return next((p for p in self.people if id_ == (p.id if kind == 1 else p.union_id)), None)

    def colleague(self, id_: str, kind: int = 1) -> Person | None:
        person = self.person(id_, kind)
        return person if person and person.is_internal else None

    def group(self, id_: str) -> Group | None:
        return next((g for g in self.groups if g.id == id_), None)

    def group_template(self, id_: str) -> GroupTemplate | None:
        return next((t for t in self.group_templates if t.id == id_), None)

    def app(self, key: str) -> App | None:
        return next((a for a in self.apps if a.key == key), None)

    def app_by_robot(self, robot_code: str) -> App | None:
        return next((a for a in self.apps if a.robot == robot_code), None)

    def template(self, id_: str) -> Template | None:
        return next((t for t in self.templates if t.id == id_), None)

    def with_designs(self, designs: Mapping[str, CardTemplate]) -> "Scenario":
        """Add exports of the card builder, and replace those with the same id."""
        known = {t.id: t for t in self.templates}
        added = {
            id_: drawn_template(known.get(id_, Template(id=id_, name=id_)), design)
            for id_, design in designs.items()
        }
        others = tuple(t for t in self.templates if t.id not in added)
        return replace(self, templates=(*added.values(), *others), designs={**self.designs, **designs})


def default_scenario() -> Scenario:
    people = (
        Person(id="manager01", name="王敏", role=Role.ADMIN),
        Person(id="user01", name="李雷"),
        Person(id="user02", name="韩梅梅"),
        Person(id="outsider01", name="外部顾问", role=Role.OUTSIDER),
    )
    app = App(key="dingsandboxapp", secret="sandbox-app-secret", agent_id=3001, robot_name="DingRun")  # noqa: S106 - only valid in the sandbox
    group = Group(
        id="cidSandboxGroupOps==",
        title="安全运营群",
        members=tuple(p.id for p in people),
        robots=(app.robot,),
        chat_id="chatsandboxops",
    )
    robot = CustomRobot(token="sandbox-webhook-token", secret="SECsandbox0123456789", group=group.id)  # noqa: S106 - only valid in the sandbox
    return Scenario(
        corp_id="dingsandboxcorp",
        people=people,
        apps=(app,),
        groups=(group,),
        custom_robots=(robot,),
        group_templates=(GroupTemplate(id="sandbox-group-template", robots=(app.robot,)),),
    )


LIST_SECTIONS: Mapping[str, type] = {
    "people": Person, "apps": App, "groups": Group, "custom_robots": CustomRobot, "templates": Template,
    "group_templates": GroupTemplate,
    "notice_templates": NoticeTemplate,
    "stubs": Stub,
}  # fmt: skip


def parse_entry(cls: type[T], given: Any, *, at: str) -> T:
    """Build a dataclass from a mapping. Raises `UsageError` that names the key."""
    if not isinstance(given, Mapping):
        raise UsageError(f"{at} must be a mapping")
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    if strange := set(given) - known:
        unknown, takes = ", ".join(sorted(map(str, strange))), ", ".join(sorted(known))
        raise UsageError(f"{at}: unknown {unknown}, accepted: {takes}")
    try:
        return TypeAdapter(cls).validate_python(dict(given))
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, (at, *first["loc"])))
        raise UsageError(f"{where}: {first['msg']}, got {first['input']!r}") from None


def parse_scenario(given: Mapping[str, Any] | None, *, folder: Path | None = Path()) -> Scenario:
    """Override parts of the default scenario. Raises `UsageError` that names the wrong key.

    Files of templates are relative to `folder`. Without a folder, files are not read.
    """
    scenario = default_scenario()
    changes: dict[str, Any] = {}
    if not isinstance(given or {}, Mapping):
        raise UsageError("a scene must be a mapping")
    for key, value in (given or {}).items():
        if key == "templates":
            changes |= _parse_templates(value, folder)
        elif key in LIST_SECTIONS:
            changes[key] = _parse_list(key, value)
        elif key == "settings":
            changes[key] = updated_settings(scenario.settings, value)
        elif key == "chips":
            changes[key] = _parse_chips(value)
        elif key == "corp_id":
            changes[key] = str(value)
        else:
            raise UsageError(f"unknown key in scene: {key}")
    return replace(scenario, **changes)


def _parse_templates(value: Any, folder: Path | None) -> dict[str, Any]:
    """Parse a list of templates, or a mapping of ids to exports of the card builder."""
    entries, designs = load_exports(value, folder)
    templates = tuple(
        drawn_template(t, designs[t.id]) if t.id in designs else t for t in _parse_list("templates", entries)
    )
    return {"templates": templates + PUBLIC_TEMPLATES, "designs": designs}


def _parse_chips(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not all(_is_chip(chip) for chip in value):
        raise UsageError("chips must be a list of texts, or of pairs of Chinese and English")
    return tuple(value)


def _is_chip(chip: Any) -> bool:
    pair = isinstance(chip, list | tuple) and len(chip) == 2  # noqa: PLR2004 - a pair
    return isinstance(chip, str) or (pair and all(isinstance(text, str) for text in chip))


def _parse_list(key: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"{key} must be a list")
    return tuple(parse_entry(LIST_SECTIONS[key], one, at=key) for one in value)


def updated_settings(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """Change some settings. Raises `UsageError` that names the wrong key."""
    if not isinstance(given, Mapping):
        raise UsageError("settings must be a mapping")
    for key, value in given.items():
        if isinstance(value, int | float) and not 0 <= value <= MAX_SETTING_VALUE:
            raise UsageError(f"settings.{key} must be from 0 to {MAX_SETTING_VALUE:g}, got {value!r}")
    return parse_entry(Settings, asdict(settings) | dict(given), at="settings")


def read_scenario(path: Path) -> Scenario:
    """Read a scene file (YAML). Raises `UsageError`, or `OSError` if the file cannot be read."""
    try:
        return parse_scenario(yaml.safe_load(path.read_text(encoding="utf-8")), folder=path.parent)
    except yaml.YAMLError as problem:
        raise UsageError(f"{path}: {problem}") from None
