"""The group, the people and the options that a call of a conversation names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dingtalk_sandbox.api.pipeline import Call
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.scenario import Person
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import SandboxState

MAX_MEMBERS = 1000
OPTIONS = {
    "mentionAllAuthority", "showHistoryType", "validationType", "searchable", "chatBannedType",
    "managementType",
}  # fmt: skip
"""Options of a group, each 0 or 1."""


def save_group(state: SandboxState, group: Group) -> None:
    """Add a group, or replace the one with its id."""
    others = tuple(each for each in state.scenario.groups if each.id != group.id)
    known = len(others) < len(state.scenario.groups)
    groups = (
        tuple(group if each.id == group.id else each for each in state.scenario.groups)
        if known
        else (*others, group)
    )
    state.scenario = replace(state.scenario, groups=groups)
    state.feed.publish("change", None)


def find_by_chat_id(state: SandboxState, chat_id: object) -> Group | None:
    """Return the group with a legacy chatId."""
    groups = state.scenario.groups
    return next((g for g in groups if g.chat_id and g.chat_id == chat_id and not g.foreign), None)


def find_group(state: SandboxState, id_: object) -> Group | None:
    """Return the group with an openConversationId."""
    group = state.scenario.group(id_) if isinstance(id_, str) else None
    return None if group is None or group.private else group


def owns_template(state: SandboxState, call: Call, group: Group) -> bool:
    """Return True if the template of a group is one of the app."""
    template = state.scenario.group_template(group.template)
    first = state.scenario.apps[0].key if state.scenario.apps else ""
    return template is not None and (template.app or first) == call.app.key


def parse_people(state: SandboxState, body: Json, users: str, unions: str) -> list[Person] | None:
    """Return the people of two lists, or None if one is no list of ids or has an unknown one."""
    found: list[Person | None] = []
    for name, kind in ((users, 1), (unions, 2)):
        listed = body.get(name) or []
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            return None
        found += [state.scenario.person(each, kind) for each in listed]
    people = [person for person in found if person]
    return list(dict.fromkeys(people)) if len(people) == len(found) else None


def parse_options(given: Any, names: Mapping[str, str]) -> dict[str, int] | None:
    """Return the options of a call by our names, or None if one is not 0 or 1. `names` are theirs to ours."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        return None
    options = {names[key]: value for key, value in given.items() if key in names and value is not None}
    right = all(type(value) is int and value in {0, 1} for value in options.values())
    return options if right else None


def text_of(value: object, most: int) -> str:
    """Return the value if it is a text of 1 to `most` characters, else an empty one."""
    return value if isinstance(value, str) and 0 < len(value) <= most else ""
