"""People in front of a running sandbox, for tests without asyncio: they write, tap and see what comes."""

import asyncio
import base64
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.server import Sandbox

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture, for tests that need any."""

_START_SECONDS = 10
_LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever HTTPS_PROXY says


class Ding:
    """Drives the sandbox at `url` through its control API. `url` replaces both of DingTalk's hosts.

    Calls block. Where the bot runs in an event loop of the test itself, call them in another thread.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Clock(self)

    def user(self, name: str) -> "User":
        """Return a person of the scene by name or id. Raises `AssertionError` for nobody."""
        people = self._people()
        if name not in people and name not in people.values():
            raise AssertionError(f"nobody is called {name!r}; the scene has {', '.join(people)}")
        return User(self, people.get(name, name))

    def expect_message(self, contains: str = "", **wanted: Any) -> Json:
        """Wait until a robot's message has this text, and return the newest.

        `wanted` may have `kind`, `conversation` (default: the first group), `within` (seconds, default 5),
        and `count`, the number of messages that match from the start. Raises `AssertionError` with what is
        there.
        """
        asked = {"conversation": self.group(), "contains": contains, "robot": True} | wanted
        newest: Json = self.call("POST", "expect", asked)["messages"][-1]
        return newest

    def expect_card(self, title: str = "", **wanted: Any) -> Json:
        """Wait for a card that shows this text, as `expect_message` does."""
        return self.expect_message(title, kind="card", **wanted)

    def expect_file(self, name: str = "", **wanted: Any) -> Json:
        """Wait for a file with this in its name, as `expect_message` does."""
        return self.expect_message(name, kind="file", **wanted)

    def tap(
        self, card: Mapping[str, Any], button: str, *, user: str = "", params: Mapping[str, Any] | None = None
    ) -> Json:
        """Press a button, named by its text or its id. Returns what the user saw.

        Of several with the same text, the first is pressed. The user defaults to the first of the scene.
        `params` are the values of a form. Raises `AssertionError` for a card or a user that does not exist.
        """
        named = {each.get("text"): each.get("control", each["id"]) for each in reversed(card["buttons"])}
        person = self.user(user or next(iter(self._people())))
        action = named.get(button, button)
        body = {"card": card["id"], "user": person.id, "action": action, "params": dict(params or {})}
        seen: Json = self.call("POST", "tap", body)
        return seen

    def push_event(self, kind: str, data: Mapping[str, Any] | None = None) -> Json:
        """Push an event to the first app. Returns its id and whether a connection got it, or `why` not."""
        pushed: Json = self.call("POST", "event", {"eventType": kind, "data": dict(data or {})})
        return pushed

    def set_faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace the injected faults. Without rules, clear them."""
        self.call("POST", "faults", list(rules))

    def group(self) -> str:
        """Return the id of the scene's first group."""
        first: str = self.call("GET", "scene")["conversations"][0]["id"]
        return first

    def _people(self) -> dict[str, str]:
        return {each["name"]: each["id"] for each in self.call("GET", "scene")["people"]}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control API. Raises `AssertionError` with the response if it is not 200."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the sandbox's own address
            f"{self.url}/_sandbox/{path}", data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with _LOCAL.open(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                raise AssertionError(f"{method} {path}: {refused.code} {refused.read().decode()}") from None


class User:
    """A person of the scene."""

    def __init__(self, ding: Ding, id_: str) -> None:
        self.id = id_
        self._ding = ding

    def says(self, text: str, *, conversation: str = "", quote: Mapping[str, Any] | None = None) -> Json:
        """Send a message, by default to the first group. Returns which robot got it, or `why` none did.

        `quote` is a message that this one replies to.
        """
        return self._send(conversation, text=text, quote=quote)

    def quotes(self, message: Mapping[str, Any], text: str) -> Json:
        """Reply to a message where it is. As DingTalk's client does, mention the robot that sent it."""
        sender = message["sender"]
        mention = f"@{sender['name']} " if sender["robot"] and f"@{sender['name']}" not in text else ""
        return self.says(mention + text, conversation=message["conversation"], quote=message)

    def sends_picture(
        self, content: bytes = PIXEL, *, text: str = "", name: str = "picture.png", conversation: str = ""
    ) -> Json:
        """Send a picture, together with a text as rich text. In a group, the text mentions the robot."""
        kind = "richText" if text else "picture"
        return self._send(conversation, msgtype=kind, text=text, content=content, fileName=name)

    def sends_file(self, name: str, content: bytes, *, conversation: str = "") -> Json:
        """Send a file, by default to the robot alone: in a group, robots get no files."""
        return self._send(conversation or self.chat(), msgtype="file", content=content, fileName=name)

    def speaks(self, recognized: str, *, content: bytes = b"", conversation: str = "") -> Json:
        """Send audio with this recognized text, by default to the robot alone."""
        return self._send(conversation or self.chat(), msgtype="audio", text=recognized, content=content)

    def sends_video(self, content: bytes, *, name: str = "video.mp4", conversation: str = "") -> Json:
        """Send a video, by default to the robot alone."""
        return self._send(conversation or self.chat(), msgtype="video", content=content, fileName=name)

    def chat(self) -> str:
        """Return the id of the one-to-one conversation with the robot."""
        places = self._ding.call("GET", "scene")["conversations"]
        found: str = next(each["id"] for each in places if each.get("owner") == self.id)
        return found

    def _send(
        self, conversation: str, *, content: bytes = b"", quote: Mapping[str, Any] | None = None, **said: str
    ) -> Json:
        body = {"conversation": conversation or self._ding.group(), "user": self.id, **said}
        body |= {"content": base64.b64encode(content).decode()} if content else {}
        sent: Json = self._ding.call("POST", "say", body | ({"quote": quote["id"]} if quote else {}))
        return sent


class Clock:
    """The clock of the sandbox."""

    def __init__(self, ding: Ding) -> None:
        self._ding = ding

    def advance(self, seconds: float) -> None:
        """Move the clock. Tokens, session webhooks and retries see it."""
        self._ding.call("POST", "clock", {"advance": seconds})


@contextmanager
def running() -> Iterator[Ding]:
    """Run a sandbox with the default scene on a free port, in a thread of its own."""
    ready: Future[tuple[str, Callable[[], object]]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(ready)), name="dingtalk-sandbox", daemon=True)
    thread.start()
    url, stop = ready.result(_START_SECONDS)
    try:
        yield Ding(url)
    finally:
        stop()
        thread.join(_START_SECONDS)


async def _serve(ready: Future[tuple[str, Callable[[], object]]]) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    async with Sandbox() as sandbox:
        ready.set_result((sandbox.url, lambda: loop.call_soon_threadsafe(stopped.set)))
        await stopped.wait()
