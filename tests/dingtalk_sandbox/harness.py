"""A test client of the sandbox: plain HTTP and a WebSocket, without a bot."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from dingtalk_sandbox import Sandbox

KEY, SECRET = "dingsandboxapp", "sandbox-app-secret"
GROUP = "cidSandboxGroupOps=="
MESSAGES, CARDS = "/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"
BUTTONS = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema"
CREATE = "/v1.0/card/instances"
BOTH, DELIVER = f"{CREATE}/createAndDeliver", f"{CREATE}/deliver"
BY_KEY = {"updateCardDataByKey": True, "updatePrivateDataByKey": True}
ROBOT = {
    "openSpaceId": "dtv1.card//im_robot.user01",
    "imRobotOpenSpaceModel": {"supportForward": True},
    "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT"},
}
SAY_HI = {"msgtype": "text", "text": {"content": "hi"}}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP status and body."""

    status: int
    body: Any

    @property
    def code(self) -> Any:
        return self.body.get("code", self.body.get("errcode"))


@dataclass(kw_only=True)
class Listener:
    """A Stream connection. `frame()` waits for the next frame, `ack()` acknowledges it."""

    socket: aiohttp.ClientWebSocketResponse
    seen: list[Any] = field(default_factory=list)

    async def frame(self) -> Any:
        message = await self.socket.receive(timeout=5)
        assert message.type == aiohttp.WSMsgType.TEXT, message
        self.seen.append(json.loads(message.data))
        return self.seen[-1]

    async def said(self) -> Any:
        """Acknowledge the next frame and return its decoded `data`."""
        frame = await self.frame()
        await self.ack(frame)
        return json.loads(frame["data"])

    async def ack(self, frame: Any, response: Any = None, *, code: int = 200) -> None:
        headers = {"messageId": frame["headers"]["messageId"], "contentType": "application/json"}
        data = json.dumps({"response": response})
        await self.socket.send_json({"code": code, "headers": headers, "message": "OK", "data": data})


@dataclass(kw_only=True)
class Client:
    """Calls DingTalk's API and the control API of the sandbox."""

    sandbox: Sandbox
    http: aiohttp.ClientSession
    token: str = ""

    async def __aenter__(self) -> Self:
        body = {"appKey": KEY, "appSecret": SECRET}
        self.token = (await self.post("/v1.0/oauth2/accessToken", body)).body["accessToken"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def call(self, method: str, path: str, **how: Any) -> Answer:
        async with self.http.request(method, self.sandbox.url + path, **how) as response:
            return Answer(status=response.status, body=await response.json())

    async def post(self, path: str, body: Any = None, **how: Any) -> Answer:
        return await self.call("POST", path, json=body, **how)

    async def api(self, path: str, body: Any = None, method: str = "POST") -> Answer:
        """Call the new API with the token."""
        headers = {"x-acs-dingtalk-access-token": self.token}
        return await self.call(method, path, json=body, headers=headers)

    async def oapi(self, path: str, body: Any = None) -> Answer:
        """Call the old API with the token."""
        return await self.post(path, body, params={"access_token": self.token})

    async def control(self, path: str, body: Any = None) -> Any:
        answer = await self.post(f"/_sandbox/{path}", body)
        assert answer.status == 200, answer
        return answer.body

    async def messages(self, conversation: str = GROUP, viewer: str = "") -> list[Any]:
        params = {"conversation": conversation, "viewer": viewer}
        found: list[Any] = (await self.call("GET", "/_sandbox/messages", params=params)).body
        return found

    async def last(self, conversation: str = GROUP, viewer: str = "") -> Any:
        return (await self.messages(conversation, viewer))[-1]

    async def counters(self) -> Any:
        return (await self.call("GET", "/_sandbox/counters")).body

    async def say(self, text: str, user: str = "user01", conversation: str = GROUP) -> Any:
        return await self.control("say", {"conversation": conversation, "user": user, "text": text})

    async def tap(self, action: str = "rerun", user: str = "user01", card: str = "run-1") -> Any:
        return await self.control("tap", {"card": card, "user": user, "action": action})

    async def set(self, **settings: Any) -> None:
        await self.control("settings", settings)

    async def later(self, seconds: float) -> None:
        await self.control("clock", {"advance": seconds})

    async def group_send(self, key: str, param: Mapping[str, Any] | str, **more: Any) -> Answer:
        text = param if isinstance(param, str) else json.dumps(param, ensure_ascii=False)
        body = {"robotCode": KEY, "openConversationId": GROUP, "msgKey": key, "msgParam": text}
        return await self.api("/v1.0/robot/groupMessages/send", body | more)

    async def webhook(self, body: Any, **query: str) -> Answer:
        return await self.post("/robot/send", body, params={"access_token": "plain-token"} | query)

    async def upload(self, name: str = "r.xlsx", data: bytes = b"PK", kind: str = "file") -> Answer:
        form = aiohttp.FormData()
        form.add_field("type", kind)
        form.add_field("media", io.BytesIO(data), filename=name)
        params = {"access_token": self.token, "type": kind}
        return await self.call("POST", "/media/upload", data=form, params=params)

    async def open(self, **changes: Any) -> Answer:
        topics = [{"type": "CALLBACK", "topic": topic} for topic in (MESSAGES, CARDS)]
        body = {"clientId": KEY, "clientSecret": SECRET, "subscriptions": topics} | changes
        headers = {"Accept": "application/json"}
        return await self.post("/v1.0/gateway/connections/open", body, headers=headers)

    @asynccontextmanager
    async def listen(self, **changes: Any) -> AsyncIterator[Listener]:
        door = (await self.open(**changes)).body
        url = f"{door['endpoint']}?ticket={quote(door['ticket'])}"
        async with self.http.ws_connect(url, autoclose=False) as socket:
            yield Listener(socket=socket)

    async def later_tap(self, **how: Any) -> asyncio.Task[Any]:
        """Start a tap, so that a test can respond to it."""
        return asyncio.create_task(self.tap(**how))


def card(**changes: Any) -> dict[str, Any]:
    """Build the body of a createAndDeliver to the group, with one callback button."""
    buttons = [{"text": "Rerun", "color": "blue", "id": "rerun", "request": True}]
    values = {
        "title": "Nightly",
        "markdown": "**ok**",
        "sys_full_json_obj": json.dumps({"msgButtons": buttons}),
    }
    return {
        "cardTemplateId": BUTTONS,
        "outTrackId": "run-1",
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": values},
        "openSpaceId": f"dtv1.card//IM_GROUP.{GROUP}",
        "imGroupOpenSpaceModel": {"supportForward": True},
        "imGroupOpenDeliverModel": {"robotCode": KEY},
    } | changes


def variables(**values: Any) -> dict[str, Any]:
    return {"cardParamMap": values}
