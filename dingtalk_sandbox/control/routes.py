"""The control API under `/_sandbox/`: what tests and the page say to the sandbox, JSON over HTTP.

A wrong use is answered 400 `{"error": …}` with what the call takes.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from dingtalk_sandbox.control import views
from dingtalk_sandbox.control.actions import UserActions
from dingtalk_sandbox.control.scripting import Scripting, parsed
from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.redaction import too_deep
from dingtalk_sandbox.scenario import changed, scenario_from
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.stream.hub import Connection, Hub

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
YEARS = range(2000, 2200)


async def body_of(request: web.Request) -> Any:
    """The JSON body, `{}` when there is none. Raises `UsageError`."""
    try:
        value = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise UsageError("the body is not JSON") from None
    if too_deep(value):
        raise UsageError("the body is nested too deeply")
    return value


async def fields_of(request: web.Request, *names: str) -> list[str]:
    """The named strings of a JSON body. Raises `UsageError`."""
    body = await body_of(request)
    if not isinstance(body, dict) or not all(isinstance(body.get(name), str) for name in names):
        raise UsageError(f"takes {{{', '.join(names)}}}, all strings")
    return [body[name] for name in names]


def guarded(handler: Handler) -> Handler:
    async def guard(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except UsageError as problem:
            return web.json_response({"error": str(problem)}, status=400)

    return guard


class Control:
    """The handlers of the control API."""

    def __init__(self, state: SandboxState, hub: Hub, actions: UserActions) -> None:
        self._state = state
        self._hub = hub
        self._actions = actions
        self._scripting = Scripting(state)
        self._streams: dict[str, Callable[[list[Connection]], Awaitable[None]]] = {
            "disconnect": self._disconnect, "drop": self._drop, "mute": self._mute, "unmute": self._unmute,
            "ping": self._ping,
        }  # fmt: skip

    def routes(self) -> list[web.RouteDef]:
        gets = {
            "messages": self.messages,
            "counters": self.counters,
            "scene": self.scene,
            "save": self._scripting.save,
            "faults": self.list_faults,
            "clock": self.tell_time,
            "calls": self.calls,
        }
        posts = {
            "say": self.say,
            "tap": self.tap,
            "redeliver": self.redeliver,
            "read": self.read,
            "recall": self.recall,
            "faults": self.faults,
            "clock": self.clock,
            "stream": self.stream,
            "settings": self.settings,
            "scopes": self.scopes,
            "reset": self.reset,
            "scene": self.load,
            "expect": self.expect,
        }
        found = [web.get(f"/_sandbox/{path}", guarded(handler)) for path, handler in gets.items()]
        return found + [web.post(f"/_sandbox/{path}", guarded(handler)) for path, handler in posts.items()]

    async def messages(self, request: web.Request) -> web.Response:
        conversation, viewer = request.query.get("conversation", ""), request.query.get("viewer", "")
        base = f"{request.scheme}://{request.host}"
        if not conversation:
            return web.json_response(views.serialize_all(self._state, viewer=viewer, base=base))
        found = views.serialize_conversation(self._state, conversation, viewer=viewer, base=base)
        if not found and not self._state.members(conversation):
            raise UsageError(f"there is no conversation {conversation!r}")
        return web.json_response(found)

    async def counters(self, _: web.Request) -> web.Response:
        return web.json_response(views.serialize_counters(self._state, self._hub))

    async def calls(self, request: web.Request) -> web.Response:
        """The latest calls, oldest first, whose endpoint has `?endpoint=` in it; secrets are stars."""
        part = request.query.get("endpoint", "")
        return web.json_response([wire for wire in self._state.log if part in wire["endpoint"]])

    async def load(self, request: web.Request) -> web.Response:
        """Another scene, in the form of a YAML seed; all that happened is forgotten."""
        self._state.initial_scenario = scenario_from(
            parsed((await request.read()).decode("utf-8", "replace"))
        )
        return await self._forget()

    async def expect(self, request: web.Request) -> web.Response:
        """Wait for messages: `{conversation, kind?, contains?, count?, within?}`."""
        return await self._scripting.expect(await body_of(request), f"{request.scheme}://{request.host}")

    async def scene(self, _: web.Request) -> web.Response:
        return web.json_response(views.serialize_scenario(self._state, self._hub))

    async def say(self, request: web.Request) -> web.Response:
        return web.json_response(
            await self._actions.say(*await fields_of(request, "conversation", "user", "text"))
        )

    async def tap(self, request: web.Request) -> web.Response:
        return web.json_response(await self._actions.tap(*await fields_of(request, "card", "user", "action")))

    async def redeliver(self, request: web.Request) -> web.Response:
        return web.json_response(await self._actions.redeliver(*await fields_of(request, "id")))

    async def read(self, request: web.Request) -> web.Response:
        """`{id, user}`: that person has read that message."""
        id_, user = await fields_of(request, "id", "user")
        message = self._message(id_)
        message.read_by[user] = self._state.clock.now()
        return web.json_response({"readers": sorted(message.read_by)})

    async def recall(self, request: web.Request) -> web.Response:
        """`{id}`: whoever sent that message takes it back."""
        self._state.conversations.recall(self._message(*await fields_of(request, "id")))
        return web.json_response({"ok": True})

    def _message(self, id_: str) -> Message:
        message = self._state.conversations.find(id_)
        if message is None:
            raise UsageError(f"there is no message {id_!r}")
        return message

    async def faults(self, request: web.Request) -> web.Response:
        """A list of rules takes the place of the present one."""
        body = await body_of(request)
        rules = body.get("faults", body.get("rules")) if isinstance(body, dict) else body
        if not isinstance(rules, list):
            raise UsageError("takes a list of faults")
        self._state.faults.replace(rules)
        return await self.list_faults(request)

    async def list_faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": self._state.faults.rules()})

    async def clock(self, request: web.Request) -> web.Response:
        """`{"advance": seconds}`, `{"set": ISO time}` or `{"reset": true}`."""
        body = await body_of(request)
        match body:
            case {"advance": int() | float() as seconds}:
                self._state.clock.set(_later(self._state.clock.now(), seconds))
            case {"set": str() as when}:
                self._state.clock.set(_time(when))
            case {"reset": True}:
                self._state.clock.reset()
            case _:
                raise UsageError('takes {"advance": seconds}, {"set": time} or {"reset": true}')
        return await self.tell_time(request)

    async def tell_time(self, _: web.Request) -> web.Response:
        return web.json_response({"now": self._state.clock.now().isoformat()})

    async def reset(self, request: web.Request) -> web.Response:
        """As at the start; `{"hard": true}` takes the tokens and connections as well."""
        body = await body_of(request)
        return await self._forget(hard=isinstance(body, dict) and bool(body.get("hard")))

    async def _forget(self, *, hard: bool = False) -> web.Response:
        self._state.reset()
        self._actions.clear()
        if hard:
            self._state.tokens.clear()
            await self._drop(list(self._hub.connections.values()))
        self._state.feed.publish("change", None)
        return web.json_response({"ok": True})

    async def settings(self, request: web.Request) -> web.Response:
        """Some switches turned; answers all of them."""
        self._state.scenario = replace(
            self._state.scenario, settings=changed(self._state.settings, await body_of(request))
        )
        return web.json_response(views.serialize_scenario(self._state, self._hub)["settings"])

    async def scopes(self, request: web.Request) -> web.Response:
        """`{app, scopes: [...]}`: what an app is granted from now on."""
        match await body_of(request):
            case {"app": str() as key, "scopes": list() as scopes}:
                apps = tuple(
                    replace(a, scopes=frozenset(map(str, scopes))) if a.key == key else a
                    for a in self._state.scenario.apps
                )
            case _:
                raise UsageError("takes {app, scopes}")
        self._state.scenario = replace(self._state.scenario, apps=apps)
        return web.json_response({"ok": True})

    async def stream(self, request: web.Request) -> web.Response:
        """`{action, connection?}`: disconnect, drop, mute, unmute or ping, one connection or all."""
        body = await body_of(request)
        action = body.get("action") if isinstance(body, dict) else None
        if not isinstance(action, str) or action not in self._streams:
            raise UsageError(f"action is one of {', '.join(self._streams)}")
        everyone = list(self._hub.connections.values())
        chosen = [c for c in everyone if body.get("connection") in (None, c.id)]
        await self._streams[action](chosen)
        return web.json_response({"ok": True, "connections": len(chosen)})

    async def _disconnect(self, chosen: list[Connection]) -> None:
        for connection in chosen:
            await self._hub.disconnect(connection)

    async def _drop(self, chosen: list[Connection]) -> None:
        for connection in chosen:
            self._hub.drop(connection)

    async def _mute(self, chosen: list[Connection]) -> None:
        for connection in chosen:
            connection.muted = True

    async def _unmute(self, chosen: list[Connection]) -> None:
        for connection in chosen:
            connection.muted = False

    async def _ping(self, chosen: list[Connection]) -> None:
        for connection in chosen:
            await self._hub.ping(connection)


def _later(now: datetime, seconds: float) -> datetime:
    try:
        when = now + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise UsageError("that is too far away") from None
    return _time(when.isoformat())


def _time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an ISO time") from None
    if when.tzinfo is None:
        raise UsageError(f"{text!r} has no time zone")
    if when.year not in YEARS:
        raise UsageError(f"{text!r} is too far away")
    return when
