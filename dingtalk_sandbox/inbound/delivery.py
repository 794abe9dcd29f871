"""Push a message to the bot of a robot, by Stream or HTTP, until it is taken."""

import json
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.inbound.http_receiver import HttpReceiver, Posted
from dingtalk_sandbox.redaction import redact
from dingtalk_sandbox.retention import drop_oldest
from dingtalk_sandbox.scenario import App, ReceiveMode
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


class MessageDelivery:
    """Delivers messages, and again what was not taken. `close` ends its connections."""

    def __init__(self, state: SandboxState, hub: Hub) -> None:
        self._state = state
        self._hub = hub
        self._receiver = HttpReceiver(state)
        self._pending: dict[str, PendingMessage] = {}

    def clear(self) -> None:
        """Forget what would have to be delivered again."""
        self._pending.clear()

    async def close(self) -> None:
        await self._receiver.close()

    def reaches(self, app: App) -> bool:
        """Return whether a bot is there: a connection, or an address to post to."""
        by_http = app.mode == ReceiveMode.HTTP
        return by_http or self._hub.choose_connection(app, payloads.MESSAGE_TOPIC) is not None

    async def deliver(self, pending: PendingMessage) -> tuple[bool, str]:
        """Push a message. Returns whether it reached a bot, and why not."""
        self._pending[pending.message.id] = pending
        drop_oldest(self._pending, self._state.settings.keep_messages or len(self._pending))
        if pending.app.mode == ReceiveMode.HTTP:
            return await self._deliver_by_http(pending)
        push = await self._push(pending)
        if push is None:
            return False, "no connection"
        self._start(self._redeliver_until_acked(pending, push), pending)
        return (False, "the connection is mute") if push.connection.muted else (True, "")

    async def redeliver(self, id_: str) -> tuple[bool, str]:
        """Push a message again, with the same msgId and a new messageId. Raises `UsageError`."""
        pending = self._pending.get(id_)
        if pending is None:
            raise UsageError(f"message {id_!r} was not pushed to a robot")
        return await self.deliver(pending)

    def _start(self, work: Coroutine[Any, Any, None], pending: PendingMessage) -> None:
        self._hub.start_task(work, f"delivery of {pending.message.id}")

    def _record(self, pending: PendingMessage, exchange: Json) -> None:
        """Record a push for the inspector. The first one counts against the quota."""
        if pending.message.exchange is None:
            pending.message.exchange = exchange
            self._state.count_call(QuotaKind.STREAM)
        else:
            pending.message.record(exchange)

    def _may_repeat(self, pending: PendingMessage) -> bool:
        return self._state.settings.redeliver and pending.message.id in self._pending

    async def _push(self, pending: PendingMessage) -> Push | None:
        push = await self._hub.push(pending.app, payloads.MESSAGE_TOPIC, pending.data)
        if push:
            data = redact(json.loads(push.frame["data"]))
            self._record(pending, {
                "endpoint": f"CALLBACK {payloads.MESSAGE_TOPIC}",
                "bucket": QuotaKind.STREAM.value,
                "limit": 0,
                "bytes": len(push.frame["data"].encode()),
                "request": push.frame | {"data": data},
            })  # fmt: skip
        return push

    async def _redeliver_until_acked(self, pending: PendingMessage, push: Push | None) -> None:
        """Wait for the ack. Without one, push the message again up to `redeliver_limit` times."""
        for left in range(self._state.settings.redeliver_limit, -1, -1):
            if push and await self._is_acked(pending, push):
                return
            if not left:
                break
            if not self._may_repeat(pending):
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

    async def _deliver_by_http(self, pending: PendingMessage) -> tuple[bool, str]:
        posted = await self._post(pending)
        if posted.why:
            self._start(self._post_until_taken(pending), pending)
        return not posted.why, posted.why

    async def _post(self, pending: PendingMessage) -> Posted:
        self._hub.counts["pushed"] += 1
        posted = await self._receiver.post(pending.app, pending.data)
        self._record(pending, posted.exchange)
        self._receiver.show_reply(pending.app, pending.message.conversation, posted)
        self._state.conversations.publish_change(pending.message)
        return posted

    async def _post_until_taken(self, pending: PendingMessage) -> None:
        """Post a message again, up to `redeliver_limit` times."""
        for _ in range(self._state.settings.redeliver_limit):
            await self._state.clock.sleep(self._state.settings.redeliver_after)
            if not self._may_repeat(pending):
                return
            self._hub.counts["redelivered"] += 1
            if not (await self._post(pending)).why:
                return
        log.info("message %s was not taken", pending.message.id)
