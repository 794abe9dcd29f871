"""The bell over real brokers, and over none."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.errors import Temporary
from bot.exporters import broker as module
from bot.exporters.broker import Broker
from tests.brokers import PASSWORD, BrokerServer

ROOT = Path(__file__).parent.parent.parent
ASKED: list[Callable[[Broker], object]] = [Broker.ring, Broker.check, Broker.is_served_here]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@pytest.mark.parametrize("ask", ASKED)
def test_a_broker_that_is_down_is_temporary_and_its_password_secret(
    scheme: str, ask: Callable[[Broker], object]
) -> None:
    broker = Broker(f"{scheme}://me:verysecret@127.0.0.1:9//", time_limit=60)
    with pytest.raises(Temporary) as caught:
        ask(broker)
    assert str(caught.value).startswith(f"exporter.broker_url: {scheme}://***@127.0.0.1:9// does not answer")
    assert "verysecret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_says_nothing_is_not_waited_for_long(
    scheme: str, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    with pytest.raises(Temporary, match="does not answer"):
        Broker(f"{scheme}://127.0.0.1:{silent_port}//", time_limit=60).ring()


async def test_a_password_that_the_broker_refuses_is_told_without_it(redis: BrokerServer) -> None:
    url = redis.url.replace(PASSWORD, "verysecret")
    with pytest.raises(Temporary, match="does not answer") as caught:
        await asyncio.to_thread(Broker(url, time_limit=60).ring)
    assert "verysecret" not in str(caught.value)


def test_what_the_environment_has_for_celery_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere")
    with pytest.raises(Temporary, match=r"127\.0\.0\.1:9"):
        Broker("redis://127.0.0.1:9/0", time_limit=60).ring()
    assert "CELERY_BROKER_URL" not in os.environ


PROGRAM = """
import sys
from pathlib import Path
from bot.exporters.broker import Broker
Broker(sys.argv[1], time_limit=60).serve(lambda: Path(sys.argv[2]).open("a").write("rung "), at_once=1)
"""


async def test_rings_wake_a_worker_also_when_its_broker_was_away(redis: BrokerServer, tmp_path: Path) -> None:
    rung = tmp_path / "rung"
    words = [sys.executable, "-c", PROGRAM, redis.url, str(rung)]
    serving = subprocess.Popen(words, cwd=ROOT)  # noqa: S603, ASYNC220 - our own program
    ring = Broker(redis.url, time_limit=60).ring
    try:
        await asyncio.to_thread(ring)
        await said(rung, "rung ")
        await redis.end()
        with pytest.raises(Temporary):
            await asyncio.to_thread(ring)
        await redis.start()
        await asyncio.to_thread(ring)
        await said(rung, "rung rung ")
    finally:
        serving.terminate()
        assert await asyncio.to_thread(serving.wait) == 0


async def said(path: Path, words: str) -> None:
    async with asyncio.timeout(90):
        while not path.exists() or path.read_text() != words:  # noqa: ASYNC110, ASYNC240 - another process
            await asyncio.sleep(0.05)
