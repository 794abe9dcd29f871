"""Two apps, each with its own robot, Stream and group: what one shows comes back by its own Stream."""

from pathlib import Path

import aiohttp

from bot.cli.demo.sample_sites import SampleSites
from dingtalk_sandbox import Sandbox
from tests.scenarios.conftest import GROUP, Chat, service_on, settings, until

SECOND = "cidSandboxGroupSecond=="
SCENE = {
    "apps": [
        {"key": "dingsandboxapp", "secret": "sandbox-app-secret", "agent_id": 3001, "robot_name": "DingRun"},
        {"key": "dingsecond", "secret": "second-secret", "agent_id": 3002, "robot_name": "Second"},
    ],
    "groups": [
        {"id": GROUP, "title": "安全运营群", "members": ["user01"], "robots": ["dingsandboxapp"]},
        {"id": SECOND, "title": "业务群", "members": ["user01"], "robots": ["dingsecond"]},
    ],
}


async def test_each_app_tells_its_group_and_hears_its_buttons(
    neighbours: SampleSites, tmp_path: Path
) -> None:
    async with Sandbox(scenario=SCENE) as sandbox, aiohttp.ClientSession() as session:
        chat = Chat(sandbox, session)
        values = settings(sandbox, neighbours.targets[:1])
        values["schedules"][0]["send_to"] = [f"group:{GROUP}", f"group:{SECOND}#second"]
        values["notify"] = {"apps": {"second": {"APP_KEY": "dingsecond", "APP_SECRET": "second-secret"}}}
        service = service_on(values, tmp_path)
        await service.start()
        await until(lambda: chat.opened(2))
        await chat.say("@DingRun 重跑")
        await until(lambda: _has_file(chat))
        (card,) = await chat.messages("card", SECOND)
        assert (await chat.tap(card, "report"))["ok"]
        await until(lambda: _has_file(chat, 2))
        assert len(await chat.messages("card")) == 1
        said = {"conversation": SECOND, "user": "user01", "text": "@Second 重跑"}
        assert (await chat.post("say", said))["delivered"]
        await until(lambda: _has_file(chat, 3))
        assert len(await chat.messages("card", SECOND)) == 2
        assert "推送失败" not in await chat.say("@DingRun 状态")
        await service.end()


async def _has_file(chat: Chat, number: int = 1) -> bool:
    return len(await chat.messages("file", SECOND)) == number
