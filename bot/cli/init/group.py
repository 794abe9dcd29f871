"""Step 2: the group, found by somebody who says a number to the robot there, and who may act."""

import asyncio
import re
import secrets
from dataclasses import dataclass
from typing import Any

from bot.cli.init.answers import Answers
from bot.cli.init.dialogue import Dialogue, required
from bot.cli.init.draft import Draft
from bot.config.types import parse_destination
from bot.errors import DingRunError
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.http import dingtalk_session
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.stream import StreamConnection
from bot.models import MarkdownMessage, Message, Person
from bot.runtime import utc_now

HEARD, TYPED, KEPT = "heard", "typed", "kept"
FOUND = "reply_found"
MENTION = re.compile(r"@\S+")
MAX_ANSWERED = 20  # messages of others that are answered; more are not


@dataclass(frozen=True, kw_only=True)
class Found:
    """A group, and the person who spoke in it, or None if its id was typed."""

    group: str
    person: Person | None = None


class GroupStep:
    """The step that finds the group, and makes whoever spoke there an admin."""

    def __init__(self, dialogue: Dialogue, draft: Draft, answers: Answers) -> None:
        self._dialogue = dialogue
        self._draft = draft
        self._answers = answers

    def run(self, app: DingTalkApp) -> None:
        """Put the group and the admin into the draft."""
        self._dialogue.heading("group_heading")
        found = self._find(app)
        self._draft.set("DINGDING", "DEFAULT_CHAT_ID", value=found.group)
        self._move_routes(self._draft.known.dingding.default_chat_id, found.group)
        self._allow(found.person)

    def _find(self, app: DingTalkApp) -> Found:
        old = self._draft.known.dingding.default_chat_id
        choices = {HEARD: self._dialogue.text("group_heard"), TYPED: self._dialogue.text("group_typed")}
        if old:
            choices = {KEPT: self._dialogue.text("group_kept", group=old), **choices}
        default = KEPT if old else HEARD if self._dialogue.interactive else TYPED
        way = TYPED if self._answers.group else self._dialogue.choose("group_way", choices, default=default)
        if way == KEPT:
            return Found(group=old)
        if way == HEARD and (found := self._listen(app)):
            return found
        group = self._dialogue.ask(
            "group_id", option="--group", parse=parse_group, given=self._answers.group, default=old
        )
        return Found(group=group)

    def _listen(self, app: DingTalkApp) -> Found | None:
        """Wait for the number, until somebody says it or the person wants to type the id instead."""
        while True:
            code = f"{secrets.randbelow(9000) + 1000}"
            self._dialogue.say("group_connecting")
            try:
                message = asyncio.run(self._hear(app, code))
            except TimeoutError:
                self._dialogue.say("group_silent", style="red")
                if self._dialogue.confirm("group_again"):
                    continue
                return None
            self._dialogue.say(
                "group_found", style="green", title=message.title, group=message.conversation_id
            )
            return Found(group=message.conversation_id, person=message.sender)

    async def _hear(self, app: DingTalkApp, code: str) -> Message:
        """Receive messages until a member says the code in a group. Raises `TimeoutError`."""
        heard: asyncio.Queue[Message] = asyncio.Queue()
        async with dingtalk_session() as session, asyncio.timeout(self._answers.wait_seconds):
            robot = OpenApiMessenger(session, app, Tokens(session, app, utc_now), clock=utc_now)
            stream = StreamConnection(session, app, heard.put, _ignore_tap)
            running = asyncio.create_task(stream.run(), name="stream")
            try:
                await stream.connected.wait()
                self._ask_to_say(code)
                return await self._find_code(robot, heard, code)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    async def _find_code(self, robot: OpenApiMessenger, heard: asyncio.Queue[Message], code: str) -> Message:
        """Answer messages until one has the code. The first twenty are answered."""
        answered = 0
        while True:
            message = await heard.get()
            outcome = judge(message, code)
            if answered < MAX_ANSWERED or outcome == FOUND:
                answered += 1
                await self._reply(robot, message, outcome)
            if outcome == FOUND:
                return message

    def _ask_to_say(self, code: str) -> None:
        self._dialogue.say("group_add_robot")
        self._dialogue.say("group_say", style="bold", code=code)
        self._dialogue.say("group_wait", minutes=round(self._answers.wait_seconds / 60))

    async def _reply(self, robot: OpenApiMessenger, message: Message, key: str) -> None:
        """Answer in the chat, and say in the terminal what was heard if it is not the code."""
        if key != FOUND:
            self._dialogue.say(f"heard_{key.removeprefix('reply_')}", name=message.sender.name)
        text = self._dialogue.text(key)
        try:
            await robot.reply(message, MarkdownMessage(title=text, text=text))
        except DingRunError as error:
            self._dialogue.say("reply_failed", style="yellow", why=self._dialogue.explain(error))

    def _move_routes(self, old: str, new: str) -> None:
        """Let the routes to the group of before lead to the new one."""
        routes = self._draft.get("notify", "routes")
        if routes and old and old != new:
            self._draft.set("notify", "routes", value=replaced(routes, f"group:{old}", f"group:{new}"))

    def _agrees(self, person: Person) -> bool:
        return self._dialogue.confirm("admin_confirm", name=person.name, id=person.id)

    def _allow(self, person: Person | None) -> None:
        """Make the person an admin who just spoke and agrees, or those whom the options name."""
        admins = [*self._draft.known.access.admins]
        wanted = [*self._answers.admins]
        if person and not wanted and person.id not in admins and self._agrees(person):
            wanted = [person.id]
        new = [each for each in wanted if each not in admins]
        if new:
            self._draft.set("access", "admins", value=[*admins, *new])
            self._dialogue.say("admin_is", style="green", ids=", ".join(new))


def judge(message: Message, code: str) -> str:
    """Return what is wrong with a message, as the key of the reply, or `reply_found`."""
    numbers = re.findall(r"\d+", MENTION.sub("", message.text))
    if numbers != [code]:  # one that lists all numbers would have any code
        return "reply_other_text"
    if not message.group:
        return "reply_not_a_group"
    return FOUND if message.sender.id and not message.is_foreign else "reply_outsider"


async def _ignore_tap(_: object) -> dict[str, str]:
    return {}


def replaced(value: Any, old: str, new: str) -> Any:
    """Return settings with one text replaced, wherever it stands as a value."""
    if isinstance(value, dict):
        return {key: replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, old, new) for each in value]
    return new if value == old else value


def parse_group(text: str) -> str:
    """Parse the id of a group. Raises `ValueError` with what is accepted."""
    group = required(text).removeprefix("group:")
    parse_destination(f"group:{group}")
    return group
