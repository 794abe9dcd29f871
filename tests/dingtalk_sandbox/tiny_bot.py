"""A minimal bot for tests of the page."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

GROUP = "cidSandboxGroupOps=="
APP = {"clientId": "dingsandboxapp", "clientSecret": "sandbox-app-secret"}
BUTTONS = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema"
AI = "382e4302-551d-4880-bf29-a30acfab2e71.schema"
HOOK = "plain-token"  # of a custom robot without a signature
RERUN = {"text": "重跑", "color": "blue", "id": "rerun", "request": True}
MESSAGES, CARDS = "/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"


@dataclass(kw_only=True)
class TinyBot:
    """A bot that sends over HTTP, receives over Stream, and acknowledges every frame."""

    http: aiohttp.ClientSession
    url: str
    token: str = ""
    heard: list[Mapping[str, Any]] = field(default_factory=list)
    answer: Mapping[str, Any] = field(default_factory=dict)  # the response to a card tap

    async def call(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"x-acs-dingtalk-access-token": self.token, "Accept": "application/json"}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def log_in(self) -> None:
        body = {"appKey": APP["clientId"], "appSecret": APP["clientSecret"]}
        self.token = (await self.call("POST", "/v1.0/oauth2/accessToken", body))["accessToken"]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        wanted = [{"type": "CALLBACK", "topic": topic} for topic in (MESSAGES, CARDS)]
        door = await self.call("POST", "/v1.0/gateway/connections/open", {**APP, "subscriptions": wanted})
        async with self.http.ws_connect(f"{door['endpoint']}?ticket={quote(door['ticket'])}") as socket:
            task = asyncio.create_task(self._listen(socket))
            yield
            await socket.close()
            await task

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame = json.loads(message.data)
            self.heard.append(frame)
            said = frame["data"] if frame["type"] == "SYSTEM" else json.dumps({"response": self.answer})
            headers = {"messageId": frame["headers"]["messageId"], "contentType": "application/json"}
            await socket.send_json({"code": 200, "headers": headers, "message": "OK", "data": said})

    async def send_card(
        self, *, id_: str = "run-1", markdown: str = "**12** 成功", title: str = "每日巡检"
    ) -> None:
        values = {"title": title, "markdown": markdown, "tips": "保留 30 天",
                  "sys_full_json_obj": json.dumps({"msgButtons": [RERUN]})}  # fmt: skip
        await self.deliver(id_, values)

    async def deliver(
        self, id_: str, values: Mapping[str, str], template: str = BUTTONS, **outside: object
    ) -> None:
        await self.call("POST", "/v1.0/card/instances/createAndDeliver", {
            "cardTemplateId": template, "outTrackId": id_, "callbackType": "STREAM",
            "cardData": {"cardParamMap": values},
            "openSpaceId": f"dtv1.card//IM_GROUP.{GROUP}",
            "imGroupOpenSpaceModel": {"supportForward": True, **outside},
            "imGroupOpenDeliverModel": {"robotCode": APP["clientId"]},
        })  # fmt: skip

    async def update_card(self, id_: str = "run-1", **values: str) -> None:
        options = {"updateCardDataByKey": True}
        body = {"outTrackId": id_, "cardData": {"cardParamMap": values}, "cardUpdateOptions": options}
        await self.call("PUT", "/v1.0/card/instances", body)

    async def hook(self, text: str, **more: Any) -> Any:
        """Send a text as the custom robot. Returns the response."""
        body = {"msgtype": "text", "text": {"content": text}, **more}
        return await self.call("POST", f"/robot/send?access_token={HOOK}", body)

    async def send(self, key: str, **param: str) -> None:
        await self.call("POST", "/v1.0/robot/groupMessages/send", {
            "robotCode": APP["clientId"], "openConversationId": GROUP, "msgKey": key,
            "msgParam": json.dumps(param),
        })  # fmt: skip

    async def send_file(self, name: str, content: bytes) -> None:
        form = aiohttp.FormData()
        form.add_field("type", "file")
        form.add_field("media", content, filename=name, content_type="application/octet-stream")
        where = f"{self.url}/media/upload?access_token={self.token}&type=file"
        async with self.http.post(where, data=form) as response:
            media = (await response.json())["media_id"]
        await self.send("sampleFile", mediaId=media, fileName=name, fileType=name.rsplit(".", maxsplit=1)[-1])

    def told(self, topic: str) -> list[Any]:
        """Return the data received on a topic, in order."""
        return [json.loads(f["data"]) for f in self.heard if f["headers"].get("topic") == topic]

    async def wait_for(self, topic: str, count: int) -> list[Any]:
        """Return the data received on a topic, as soon as there are `count`."""
        async with asyncio.timeout(5):
            while len(self.told(topic)) < count:  # noqa: ASYNC110 - frames come from another thread
                await asyncio.sleep(0.01)
        return self.told(topic)
