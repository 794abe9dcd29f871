"""The service's own site, as it is served."""

import socket
from pathlib import Path

import aiohttp

from bot.cli.demo.sample_sites import SampleSites
from dingtalk_sandbox import Sandbox
from tests.scenarios.conftest import service_on, settings, until


async def test_the_site_is_ready_once_the_stream_is_connected(
    sandbox: Sandbox, neighbours: SampleSites, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = service_on(settings(sandbox, neighbours.targets) | {"web": {"port": port}}, tmp_path)
    await service.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def ready() -> bool:
            try:
                async with session.get("/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectorError:
                return False

        await until(ready)
        async with session.get("/status") as answer:
            assert (answer.status, "登录 DingRun" in await answer.text()) == (401, True)
    assert await service.end() == 0


async def test_a_port_that_is_taken_stops_it_with_one_line(
    sandbox: Sandbox, neighbours: SampleSites, tmp_path: Path
) -> None:
    values = settings(sandbox, neighbours.targets) | {"web": {"port": sandbox.port}}
    service = service_on(values, tmp_path)
    await service.start()
    assert service.process is not None
    assert await service.process.wait() == 2
    last = service.log.read_text(encoding="utf-8").splitlines()[-1]
    assert last.startswith(f"web.port：127.0.0.1:{sandbox.port} 用不了：")
