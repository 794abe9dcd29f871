"""Simulated user actions: send a message, redeliver a message."""

from dingtalk_sandbox.conversations import Message, Sender, new_id
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.inbound.delivery import MessageDelivery, PendingMessage
from dingtalk_sandbox.inbound.event_push import EventPushes
from dingtalk_sandbox.inbound.speech import Speech
from dingtalk_sandbox.scenario import App, Person
from dingtalk_sandbox.state import QuotaKind, SandboxState
from dingtalk_sandbox.stream import payloads
from dingtalk_sandbox.stream.contents import media_of
from dingtalk_sandbox.stream.hub import Hub
from dingtalk_sandbox.stream.message_types import ONE_TO_ONE_ONLY, MsgType


class UserActions:
    """Acts as the people of the scenario, and pushes the resulting callbacks to bots."""

    def __init__(self, state: SandboxState, hub: Hub) -> None:
        self._state = state
        self._delivery = MessageDelivery(state, hub)
        self.events = EventPushes(state, hub)

    def clear(self) -> None:
        self._delivery.clear()
        self.events.clear()

    async def close(self) -> None:
        await self._delivery.close()

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
            sent, why = await self._delivery.deliver(pending)
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
        connected = [app for app in robots if self._delivery.reaches(app)]
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
        sent, why = await self._delivery.redeliver(id_)
        return {"id": id_, "delivered": sent, "why": why}
