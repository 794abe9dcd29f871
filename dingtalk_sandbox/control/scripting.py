"""Control calls for scripts: wait for messages, save the scenario, parse a scene."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml
from aiohttp import web

from dingtalk_sandbox.control import views
from dingtalk_sandbox.control.scene_file import dump_scenario
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.redaction import MAX_JSON_DEPTH
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.templates.drawing.buttons import texts_of

MAX_WAIT_SECONDS = 600.0
EXPECT_FIELDS = ("conversation", "kind", "contains", "robot", "count", "within")


async def expect(state: SandboxState, wanted: Mapping[str, Any], base: str) -> tuple[bool, list[Json]]:
    """Wait until a conversation has `count` matching messages.

    `wanted` is `{conversation, kind?, contains?, robot?, count?, within?}`, `within` in seconds (default 5),
    `robot` whether a robot sent it (default: either). Returns whether there are enough,
    and the messages found. Raises `UsageError`.
    """
    conversation, count, within = _parse_expectation(state, wanted)
    found = _matching_messages(state, conversation, wanted, base)
    with state.feed.listen() as changes, suppress(TimeoutError):
        async with asyncio.timeout(within):
            while len(found) < count and await changes.get() is not None:
                found = _matching_messages(state, conversation, wanted, base)
    return len(found) >= count, found


def _parse_expectation(state: SandboxState, wanted: Mapping[str, Any]) -> tuple[str, int, float]:
    unknown = set(wanted) - set(EXPECT_FIELDS)
    conversation, count, within = wanted.get("conversation"), wanted.get("count", 1), wanted.get("within", 5)
    texts = [wanted.get(name, "") for name in ("kind", "contains")]
    numbers = isinstance(count, int) and isinstance(within, int | float) and not isinstance(within, bool)
    told = isinstance(wanted.get("robot", True), bool)
    if unknown or not all(isinstance(text, str) for text in texts) or not (numbers and told):
        raise UsageError(f"expected {{{', '.join(EXPECT_FIELDS)}}}")
    if not isinstance(conversation, str) or not state.members(conversation):
        raise UsageError(f"no such conversation: {conversation!r}")
    if not 0 <= within <= MAX_WAIT_SECONDS:
        raise UsageError(f"within must be from 0 to {MAX_WAIT_SECONDS:g} seconds")
    return conversation, count, float(within)


def _matching_messages(
    state: SandboxState, conversation: str, wanted: Mapping[str, Any], base: str
) -> list[Json]:
    kind, text = wanted.get("kind", ""), wanted.get("contains", "")
    seen = views.serialize_conversation(state, conversation, base=base)
    senders = {wanted["robot"]} if "robot" in wanted else {True, False}
    sent = [m for m in seen if m["sender"]["robot"] in senders]
    return [m for m in sent if kind in {"", m["kind"]} and text in visible_text(m)]


def visible_text(message: Json) -> str:
    """Return all text that a user can read in a message."""
    variables = message.get("variables", {})
    drawn = texts_of(message["view"]["nodes"]) if "view" in message else []
    parts = [*message["content"].values(), *variables.values(), message.get("fileName", ""), *drawn]
    return "\n".join(str(part) for part in parts)


def parse_text(text: str) -> Any:
    """Parse a scene from JSON or YAML text. Raises `UsageError`."""
    try:
        _check_structure(text)
        value = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        first = str(problem).partition("\n")[0]
        raise UsageError(f"neither JSON nor YAML: {first}") from None
    return {} if value is None else value


def _check_structure(text: str) -> None:
    """Reject deep nesting and aliases before the document is built (YAML bombs)."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_JSON_DEPTH:
            raise UsageError("the scene is nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            raise UsageError("a scene must not contain YAML aliases")


class Scripting:
    """Handlers of `expect` and `save`."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    async def expect(self, wanted: Any, base: str) -> web.Response:
        """Respond with the messages, or with 408 and the messages that are there instead."""
        if not isinstance(wanted, dict):
            raise UsageError(f"expected {{{', '.join(EXPECT_FIELDS)}}}")
        there, found = await expect(self._state, wanted, base)
        if there:
            return web.json_response({"messages": found})
        present = _matching_messages(self._state, str(wanted["conversation"]), {}, base)
        return web.json_response(
            {"error": "not in time", "found": len(found), "messages": present}, status=408
        )

    async def save(self, _: web.Request) -> web.Response:
        return web.json_response(dump_scenario(self._state.scenario))
