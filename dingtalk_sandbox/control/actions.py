"""Simulated user actions: send a message, redeliver a message."""

import json
import logging
from dataclasses import dataclass

from dingtalk_sandbox.conversations import Message, Sender, new_id
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.inbound.contents import media_of
from dingtalk_sandbox.inbound.speech import ONE_TO_ONE_ONLY, MsgType, Speech
from dingtalk_sandbox.redaction import redact
from dingtalk_sandbox.retention import drop_oldest
from dingtalk_sandbox.scenario import App, Person
from dingtalk_sandbox.state import QuotaKind, SandboxState
from dingtalk_sandbox.stream import payloads
from dingtalk_sandbox.stream.hub import Hub, Push

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PendingMessage:
    """A message for the robot that may have to be redelivered."""

    app: App
    data: Json
    message: Message


class UserActions:
    """Acts as the people of the scenario, and pushes the resulting callbacks to bots."""

    def __init__(self, state: SandboxState, hub: Hub) -> None:
        self._state = state
        self._hub = hub
        self._pending: dict[str, PendingMessage] = {}

    def clear(self) -> None:
        self._pending.clear()

    async def say(self, speech: Speech) -> Json:
        """Send a message as a user. Returns `{"id": msgId, "delivered": bool, "why": str}`.

        Raises `UsageError` for an unknown conversation, user or quoted message.
        """
        state, person = self._state, self._member(speech.conversation, speech.user)
        if speech.conversation == person.work_conversation:
            raise UsageError("work notifications cannot be replied to")
        quoted = self._quoted(speech)
        message = self._add_message(speech, person)
        app, why = self._addressee(speech)
        sent = False
        if app:
            data = self._robot_message_data(app, person, message, quoted)
            pending = PendingMessage(app=app, message=message, data=data)
            self._pending[message.id] = pending
            drop_oldest(self._pending, state.settings.keep_messages or len(self._pending))
            sent, why = await self._deliver(pending)
            state.conversations.publish_change(message)
        return {"id": message.id, "delivered": sent, "why": why}

    def _quoted(self, speech: Speech) -> Message | None:
        if not speech.quote:
            return None
        quoted = self._state.conversations.find(speech.quote)
        if quoted is None or quoted.conversation != speech.conversation or quoted.recalled:
            raise UsageError(f"no such message to quote in this conversation: {speech.quote!r}")
        return quoted

    def _add_message(self, speech: Speech, person: Person) -> Message:
        media = [self._state.add_media(file) for file in speech.files]
        rich = speech.msgtype == MsgType.RICH_TEXT
        message = Message(
            id=new_id("msg"), conversation=speech.conversation, kind=speech.msgtype.value,
            content=speech.content(), sender=Sender(id=person.id, name=person.name), quote=speech.quote,
            media_id="" if rich or not media else media[0], pictures=tuple(media) if rich else (),
            file_name=speech.files[0].name if speech.files and not rich else "", at=self._state.clock.now(),
        )  # fmt: skip
        return self._state.conversations.add(message)

    def _addressee(self, speech: Speech) -> tuple[App | None, str]:
        """Return the robot that gets a message, or why none does.

        Of several that are mentioned, a connected one is chosen.
        """
        robots = self._state.robots_in(speech.conversation)
        if not robots:
            return None, "there is no robot here"
        if self._state.scenario.group(speech.conversation):
            if speech.msgtype in ONE_TO_ONE_ONLY:
                return None, f"robots in groups get no {speech.msgtype}"
            robots = [app for app in robots if payloads.is_mentioned(app.robot_name, speech.text)]
        connected = [app for app in robots if self._hub.choose_connection(app, payloads.MESSAGE_TOPIC)]
        return next(iter([*connected, *robots]), None), "the robot was not mentioned"

    def _member(self, conversation: str, user: str) -> Person:
        members = self._state.members(conversation)
        if not members:
            raise UsageError(f"no such conversation: {conversation!r}")
        person = next((p for p in members if p.id == user), None)
        if person is None:
            raise UsageError(f"{user!r} is not in this conversation")
        return person

    def _robot_message_data(self, app: App, person: Person, message: Message, quoted: Message | None) -> Json:
        url, ends = self._state.open_session(message.conversation, app)
        said = payloads.RobotMessage(
            scenario=self._state.scenario,
            app=app,
            person=person,
            message=message,
            quoted=quoted,
            codes=self._state.download_codes_for(app, [*media_of(message), *media_of(quoted)]),
            group=self._state.scenario.group(message.conversation),
            session_webhook=url,
            session_expires=ends,
            exhausted=self._state.is_exhausted(QuotaKind.STREAM),
        )
        return payloads.robot_message_data(said)

    async def redeliver(self, id_: str) -> Json:
        """Push a message again, with the same msgId and a new messageId. Raises `UsageError`."""
        pending = self._pending.get(id_)
        if pending is None:
            raise UsageError(f"message {id_!r} was not pushed to a robot")
        sent, why = await self._deliver(pending)
        return {"id": id_, "delivered": sent, "why": why}

    async def _deliver(self, pending: PendingMessage) -> tuple[bool, str]:
        push = await self._push(pending)
        if push is None:
            return False, "no connection"
        self._hub.start_task(self._redeliver_until_acked(pending, push), f"delivery of {pending.message.id}")
        return (False, "the connection is mute") if push.connection.muted else (True, "")

    async def _push(self, pending: PendingMessage) -> Push | None:
        push = await self._hub.push(pending.app, payloads.MESSAGE_TOPIC, pending.data)
        if push:
            data = redact(json.loads(push.frame["data"]))
            exchange = {
                "endpoint": f"CALLBACK {payloads.MESSAGE_TOPIC}",
                "bucket": QuotaKind.STREAM.value,
                "limit": 0,
            }
            exchange |= {"bytes": len(push.frame["data"].encode()), "request": push.frame | {"data": data}}
            if pending.message.exchange is None:
                pending.message.exchange = exchange
                self._state.count_call(QuotaKind.STREAM)
            else:
                pending.message.record(exchange)
        return push

    async def _redeliver_until_acked(self, pending: PendingMessage, push: Push | None) -> None:
        """Wait for the ack. Without one, push the message again up to `redeliver_limit` times."""
        for _ in range(1 + self._state.settings.redeliver_limit):
            if push and await self._is_acked(pending, push):
                return
            if not self._state.settings.redeliver or pending.message.id not in self._pending:
                return
            self._hub.counts["redelivered"] += 1
            push = await self._push(pending) or push
        log.info("message %s was not acked", pending.message.id)

    async def _is_acked(self, pending: PendingMessage, push: Push) -> bool:
        ack = await self._hub.wait_for_ack(push, self._state.settings.redeliver_after)
        if ack is None:
            return False
        for exchange in filter(None, (pending.message.exchange, *pending.message.updates)):
            if exchange["request"]["headers"] == push.frame["headers"]:
                exchange["response"] = ack
        self._state.conversations.publish_change(pending.message)
        return True
