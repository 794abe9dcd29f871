"""Push events ([proto]) to connections that subscribed to them, until they are taken.

Which events an app gets is a setting of its console: here, the control API says so each time, and
`App.events` names those that come by themselves.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.redaction import redact
from dingtalk_sandbox.scenario import App
from dingtalk_sandbox.state import QuotaKind, SandboxState
from dingtalk_sandbox.stream.hub import Hub, Push

MESSAGE_READ = "robot_msg_read"
MESSAGE_RECALLED = "robot_msg_recall"
OK_CODE = 200


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event. It keeps its id however often it is pushed."""

    app: App
    headers: Mapping[str, str]
    data: Json
    exchanges: dict[str, Json] = field(default_factory=dict)  # by messageId, for the inspector

    @property
    def id(self) -> str:
        return self.headers["eventId"]


class EventPushes:
    """Pushes events."""

    def __init__(self, state: SandboxState, hub: Hub) -> None:
        self._state = state
        self._hub = hub
        self._pending: set[str] = set()

    def clear(self) -> None:
        """Forget what would have to be pushed again."""
        self._pending.clear()

    async def push(self, kind: str, data: Json, app_key: str = "") -> Json:
        """Push an event to an app, the first one by default. Returns `{"id", "delivered", "why"}`.

        Raises `UsageError` for an unknown app.
        """
        apps = self._state.scenario.apps
        app = self._state.scenario.app(app_key) if app_key else next(iter(apps), None)
        if app is None:
            raise UsageError(f"no such app: {app_key!r}")
        event = Event(app=app, headers=self._headers(app, kind), data=data)
        push = await self._send(event)
        if push is None:
            return {"id": event.id, "delivered": False, "why": "no connection subscribed to events"}
        self._state.count_call(QuotaKind.STREAM)
        self._pending.add(event.id)
        self._hub.start_task(self._push_until_taken(event, push), f"event {event.id}")
        muted = push.connection.muted
        return {"id": event.id, "delivered": not muted, "why": "the connection is mute" if muted else ""}

    async def push_of_message(self, kind: str, message: Message, user: str) -> None:
        """Push what a person did with a robot's message, if the app gets it (events 0111, 0112)."""
        app = self._state.scenario.app_by_robot(message.robot)
        if app is None or kind not in app.events or not message.query_key:
            return
        person = self._state.scenario.person(user)
        data = {
            "unionId": person.union_id if person else "",
            "operatTime": self._state.clock.ms(),  # DingTalk's spelling
            "robotCode": message.robot,
            "openConversationId": message.conversation,
            "userId": user,
            "processQueryKey": message.query_key,
        }
        await self.push(kind, data, app.key)

    def _headers(self, app: App, kind: str) -> dict[str, str]:
        return {
            "topic": "*",
            "eventId": secrets.token_hex(16),
            "eventType": kind,
            "eventCorpId": self._state.scenario.corp_id,
            "eventBornTime": str(self._state.clock.ms()),
            "eventUnifiedAppId": app.key,
        }

    async def _send(self, event: Event) -> Push | None:
        push = await self._hub.push_event(event.app, event.headers, event.data)
        if push:
            event.exchanges[push.frame["headers"]["messageId"]] = exchange = {
                "endpoint": f"EVENT {event.headers['eventType']}",
                "bucket": QuotaKind.STREAM.value,
                "limit": 0,
                "bytes": len(push.frame["data"].encode()),
                "request": push.frame | {"data": redact(event.data)},
                "at": self._state.clock.now().isoformat(),
            }
            self._state.record_call(exchange)
        return push

    async def _push_until_taken(self, event: Event, push: Push | None) -> None:
        """Wait for the ack. Without one, or when it says LATER, push again up to `redeliver_limit` times."""
        settings = self._state.settings
        for _ in range(1 + settings.redeliver_limit):
            ack = await self._hub.wait_for_ack(push, settings.redeliver_after) if push else None
            if push and ack is not None:
                event.exchanges[push.frame["headers"]["messageId"]]["response"] = ack
            if ack is not None and is_taken(ack):
                break
            if ack is not None or push is None:
                await self._state.clock.sleep(settings.redeliver_after)
            if not settings.redeliver or event.id not in self._pending:
                break
            self._hub.counts["redelivered"] += 1
            push = await self._send(event)
        self._pending.discard(event.id)


def is_taken(ack: Mapping[str, Any]) -> bool:
    """Return False for an ack that asks to push again. One without a status is an OK ([sdk], Python)."""
    try:
        said = json.loads(ack.get("data") or "{}")
    except (TypeError, ValueError, RecursionError):
        said = {}
    status = said.get("status") if isinstance(said, dict) else None
    return ack.get("code") == OK_CODE and status != "LATER"
