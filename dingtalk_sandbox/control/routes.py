"""The control API under `/_sandbox/`, JSON over HTTP, for tests and the page.

A wrong call gets 400 `{"error": …}` that says what is accepted.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from aiohttp import web

from dingtalk_sandbox.api.contacts.logins import issue_auth_code
from dingtalk_sandbox.control import views
from dingtalk_sandbox.control.actions import UserActions
from dingtalk_sandbox.control.card_taps import CardTaps
from dingtalk_sandbox.control.onboarding import change_robots, decide_registration, list_registrations
from dingtalk_sandbox.control.requests import read_body, read_model, with_usage_errors
from dingtalk_sandbox.control.scripting import Scripting, parse_text
from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.inbound.event_push import MESSAGE_READ, MESSAGE_RECALLED
from dingtalk_sandbox.inbound.speech import parse_speech
from dingtalk_sandbox.reference import bodies
from dingtalk_sandbox.scenario import parse_scenario, updated_settings
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.stream.hub import Connection, Hub

SUPPORTED_YEARS = range(2000, 2200)


class Control:
    """Handlers of the control API."""

    def __init__(self, state: SandboxState, hub: Hub, actions: UserActions) -> None:
        self._state = state
        self._hub = hub
        self._actions = actions
        self._taps = CardTaps(state, hub)
        self._scripting = Scripting(state)
        self._stream_actions: dict[str, Callable[[list[Connection]], Awaitable[None]]] = {
            "disconnect": self._disconnect, "drop": self._drop, "mute": self._mute, "unmute": self._unmute,
            "ping": self._ping,
        }  # fmt: skip

    def routes(self) -> list[web.RouteDef]:
        gets = {
            "messages": self.messages,
            "counters": self.counters,
            "scene": self.scenario,
            "save": self._scripting.save,
            "faults": self.get_faults,
            "clock": self.get_clock,
            "calls": self.calls,
            "registrations": self.registrations,
        }
        posts = {
            "say": self.say,
            "tap": self.tap,
            "auth_code": self.auth_code,
            "redeliver": self.redeliver,
            "event": self.push_event,
            "read": self.mark_read,
            "recall": self.recall,
            "faults": self.set_faults,
            "clock": self.set_clock,
            "stream": self.stream,
            "settings": self.settings,
            "scopes": self.scopes,
            "registration": self.registration,
            "robots": self.robots,
            "reset": self.reset,
            "scene": self.load_scenario,
            "expect": self.expect,
        }
        found = [web.get(f"/_sandbox/{path}", with_usage_errors(handler)) for path, handler in gets.items()]
        return found + [
            web.post(f"/_sandbox/{path}", with_usage_errors(handler)) for path, handler in posts.items()
        ]

    async def messages(self, request: web.Request) -> web.Response:
        conversation, viewer = request.query.get("conversation", ""), request.query.get("viewer", "")
        base, lang = f"{request.scheme}://{request.host}", request.query.get("lang", "zh")
        if not conversation:
            return web.json_response(views.serialize_all(self._state, viewer=viewer, base=base, lang=lang))
        found = views.serialize_conversation(self._state, conversation, viewer=viewer, base=base, lang=lang)
        if not found and not self._state.members(conversation):
            raise UsageError(f"no such conversation: {conversation!r}")
        return web.json_response(found)

    async def counters(self, _: web.Request) -> web.Response:
        return web.json_response(views.serialize_counters(self._state, self._hub))

    async def calls(self, request: web.Request) -> web.Response:
        """List the latest calls, oldest first, redacted. `?endpoint=` filters by substring."""
        part = request.query.get("endpoint", "")
        return web.json_response([
            exchange for exchange in self._state.call_log if part in exchange["endpoint"]
        ])

    async def load_scenario(self, request: web.Request) -> web.Response:
        """Load another scene, as JSON or YAML, and reset the sandbox."""
        self._state.initial_scenario = parse_scenario(
            parse_text((await request.read()).decode("utf-8", "replace")), folder=None
        )
        return await self._reset()

    async def expect(self, request: web.Request) -> web.Response:
        """Wait for messages."""
        wanted = await read_model(request, bodies.ExpectBody)
        return await self._scripting.expect(wanted, f"{request.scheme}://{request.host}")

    async def scenario(self, _: web.Request) -> web.Response:
        return web.json_response(views.serialize_scenario(self._state, self._hub))

    async def say(self, request: web.Request) -> web.Response:
        """Send a message as a person."""
        given = await read_model(request, bodies.SayBody)
        return web.json_response(await self._actions.say(parse_speech(given)))

    async def tap(self, request: web.Request) -> web.Response:
        """Press a button, submit a form or fill in a field."""
        given = await read_model(request, bodies.TapBody)
        seen = await self._taps.tap(given.card, given.user, given.action, given.params)
        return web.json_response(seen)

    async def auth_code(self, request: web.Request) -> web.Response:
        """Issue the code that a page in the client of this user gets."""
        given = await read_model(request, bodies.UserBody)
        return web.json_response(issue_auth_code(self._state, given.user))

    async def redeliver(self, request: web.Request) -> web.Response:
        given = await read_model(request, bodies.MessageBody)
        return web.json_response(await self._actions.redeliver(given.id))

    async def push_event(self, request: web.Request) -> web.Response:
        """Push an event to the connections that subscribed to events."""
        given = await read_model(request, bodies.EventBody)
        return web.json_response(await self._actions.events.push(given.eventType, given.data, given.app))

    async def mark_read(self, request: web.Request) -> web.Response:
        """Mark a message as read by a user."""
        given = await read_model(request, bodies.ReadBody)
        message = self._message(given.id)
        message.read_by[given.user] = self._state.clock.now()
        await self._actions.events.push_of_message(MESSAGE_READ, message, given.user)
        return web.json_response({"readers": sorted(message.read_by)})

    async def recall(self, request: web.Request) -> web.Response:
        """Recall a message, as a person who may do so."""
        given = await read_model(request, bodies.RecallBody)
        message = self._message(given.id)
        self._state.conversations.recall(message)
        await self._actions.events.push_of_message(MESSAGE_RECALLED, message, given.user)
        return web.json_response({"ok": True})

    def _message(self, id_: str) -> Message:
        message = self._state.conversations.find(id_)
        if message is None:
            raise UsageError(f"no such message: {id_!r}")
        return message

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the fault rules by a list."""
        given = await read_model(request, bodies.FaultsBody)
        self._state.faults.replace(given.root)
        return await self.get_faults(request)

    async def get_faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": self._state.faults.as_json()})

    async def set_clock(self, request: web.Request) -> web.Response:
        """Move the clock: `{"advance": seconds}`, `{"set": ISO time}` or `{"reset": true}`."""
        body = await read_body(request)
        match body:
            case {"advance": int() | float() as seconds}:
                self._state.clock.set(_time_after(self._state.clock.now(), seconds))
            case {"set": str() as when}:
                self._state.clock.set(_parse_time(when))
            case {"reset": True}:
                self._state.clock.reset()
            case _:
                raise UsageError('expected {"advance": seconds}, {"set": time} or {"reset": true}')
        return await self.get_clock(request)

    async def get_clock(self, _: web.Request) -> web.Response:
        return web.json_response({"now": self._state.clock.now().isoformat()})

    async def reset(self, request: web.Request) -> web.Response:
        """Restore the initial state."""
        given = await read_model(request, bodies.ResetBody)
        return await self._reset(hard=given.hard)

    async def _reset(self, *, hard: bool = False) -> web.Response:
        self._state.reset()
        self._actions.clear()
        if hard:
            self._state.tokens.clear()
            await self._drop(list(self._hub.connections.values()))
        self._state.feed.publish("change", None)
        return web.json_response({"ok": True})

    async def settings(self, request: web.Request) -> web.Response:
        """Change some settings. Responds with all of them."""
        self._state.scenario = replace(
            self._state.scenario, settings=updated_settings(self._state.settings, await read_body(request))
        )
        return web.json_response(views.serialize_scenario(self._state, self._hub)["settings"])

    async def scopes(self, request: web.Request) -> web.Response:
        """Replace the scopes of an app."""
        given = await read_model(request, bodies.ScopesBody)
        apps = tuple(
            replace(a, scopes=frozenset(given.scopes)) if a.key == given.app else a
            for a in self._state.scenario.apps
        )
        self._state.scenario = replace(self._state.scenario, apps=apps)
        return web.json_response({"ok": True})

    async def registrations(self, _: web.Request) -> web.Response:
        return list_registrations(self._state)

    async def registration(self, request: web.Request) -> web.Response:
        """Decide on an app that a bot wants to create."""
        given = await read_model(request, bodies.RegistrationBody)
        return web.json_response(decide_registration(self._state, given.root))

    async def robots(self, request: web.Request) -> web.Response:
        """Change the robots of a group."""
        given = await read_model(request, bodies.RobotsBody)
        return web.json_response(change_robots(self._state, given))

    async def stream(self, request: web.Request) -> web.Response:
        """Disconnect, drop, mute, unmute or ping one or all connections."""
        given = await read_model(request, bodies.StreamBody)
        everyone = list(self._hub.connections.values())
        chosen = [c for c in everyone if given.connection in {None, c.id}]
        await self._stream_actions[given.action](chosen)
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


def _time_after(now: datetime, seconds: float) -> datetime:
    try:
        when = now + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise UsageError("the time is out of range") from None
    return _parse_time(when.isoformat())


def _parse_time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an ISO 8601 time") from None
    if when.tzinfo is None:
        raise UsageError(f"{text!r} has no time zone")
    if when.year not in SUPPORTED_YEARS:
        raise UsageError(f"{text!r} is out of range")
    return when
