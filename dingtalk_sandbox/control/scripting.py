"""Control calls for scripts: wait for messages, save the scenario, parse a scene."""

import asyncio
from contextlib import suppress
from typing import Any

import yaml
from aiohttp import web

from dingtalk_sandbox.control import views
from dingtalk_sandbox.control.scene_file import dump_scenario
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.redaction import MAX_JSON_DEPTH
from dingtalk_sandbox.reference.bodies import ExpectBody
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.templates.drawing.buttons import texts_of


async def expect(state: SandboxState, wanted: ExpectBody, base: str) -> tuple[bool, list[Json]]:
    """Wait until a conversation has `count` matching messages.

    Returns whether there are enough, and the messages found. Raises `UsageError` for an unknown conversation.
    """
    if not state.members(wanted.conversation):
        raise UsageError(f"no such conversation: {wanted.conversation!r}")
    found = _matching_messages(state, wanted, base)
    with state.feed.listen() as changes, suppress(TimeoutError):
        async with asyncio.timeout(wanted.within):
            while len(found) < wanted.count and await changes.get() is not None:
                found = _matching_messages(state, wanted, base)
    return len(found) >= wanted.count, found


def _matching_messages(state: SandboxState, wanted: ExpectBody, base: str) -> list[Json]:
    return [
        message
        for message in views.serialize_conversation(state, wanted.conversation, base=base)
        if wanted.robot in {None, message["sender"]["robot"]}
        and wanted.kind in {"", message["kind"]}
        and wanted.contains in visible_text(message)
    ]


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

    async def expect(self, wanted: ExpectBody, base: str) -> web.Response:
        """Respond with the messages, or with 408 and the messages that are there instead."""
        there, found = await expect(self._state, wanted, base)
        if there:
            return web.json_response({"messages": found})
        present = views.serialize_conversation(self._state, wanted.conversation, base=base)
        return web.json_response(
            {"error": "not in time", "found": len(found), "messages": present}, status=408
        )

    async def save(self, _: web.Request) -> web.Response:
        return web.json_response(dump_scenario(self._state.scenario))
