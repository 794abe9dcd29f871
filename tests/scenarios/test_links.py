"""A link to a report, as the sandbox's people get it, used over real sockets by whoever has it."""

import io
import re
import socket
from pathlib import Path

import aiohttp
from python_calamine import CalamineWorkbook

from bot.cli.demo.sample_sites import SampleSites
from dingtalk_sandbox import Sandbox
from tests.scenarios.conftest import GROUP, Chat, Json, Service, service_on, settings, until

ROBOT = {"ACCESS_TOKEN": "sandbox-webhook-token", "SECRET": "SECsandbox0123456789"}


def linking(values: Json, folder: Path) -> tuple[Service, str]:
    """A service that tells the group and a custom robot in it, and where its site is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    site = f"http://127.0.0.1:{port}"
    values["notify"] = {"webhooks": {"ops": ROBOT}}
    values["schedules"][0]["send_to"] = [f"group:{GROUP}", "webhook:ops"]
    values["web"] = {"port": port, "public_url": site, "status_token": "0123456789abcdef"}
    return service_on(values, folder), site


async def told_link(chat: Chat) -> str:
    """Run once; the link in the summary of the custom robot."""
    await chat.say("@DingRun 重跑")
    await chat.wait("file", 1)
    notes = await chat.wait("markdown", 2)
    text = "".join(note["content"]["text"] for note in notes)
    (url,) = re.findall(r"\]\((http://127\.0\.0\.1:\d+/reports/\S+)\)", text)
    return str(url)


async def fetched(url: str) -> tuple[int, str, bytes]:
    """Status, name and content, as an auditor's program gets them."""
    async with aiohttp.ClientSession(headers={"User-Agent": "auditor/1"}) as web, web.get(url) as answer:
        told = answer.content_disposition
        return answer.status, str(told.filename) if told else "", await answer.read()


async def test_a_robot_without_files_tells_a_link_that_is_told_and_called_back(
    sandbox: Sandbox, chat: Chat, neighbours: SampleSites, tmp_path: Path
) -> None:
    service, site = linking(settings(sandbox, neighbours.targets), tmp_path)
    await service.start()
    await until(chat.connected)
    url = await told_link(chat)
    status, name, content = await fetched(url)
    assert (status, name[:5]) == (200, "每日巡检_")
    assert CalamineWorkbook.from_filelike(io.BytesIO(content)).sheet_names[0] == "概览"
    proof = await chat.say("@DingRun 凭据")
    assert "127.0.0.1" in proof
    assert "auditor/1" in proof
    assert "1 个" in await chat.say("@DingRun 撤销链接")
    for wrong in (url, url[:-1], f"{site}/reports/"):
        assert (await fetched(wrong))[0] == 404
    assert await service.end() == 0
    assert url.rpartition("/")[2] not in service.log.read_text(encoding="utf-8")
