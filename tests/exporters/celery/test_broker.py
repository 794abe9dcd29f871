"""Test notifications over real brokers, and without a broker."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from kombu.connection import Connection
from redis import Redis

from bot.errors import TemporaryError
from bot.exporters.celery import broker as module
from bot.exporters.celery.broker import Broker
from tests import ROOT
from tests.brokers import PASSWORD, BrokerServer

ASKED: list[Callable[[Broker], object]] = [Broker.notify, Broker.check]


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
    with pytest.raises(TemporaryError) as caught:
        ask(broker)
    assert str(caught.value).startswith(f"exporter.broker_url: {scheme}://***@127.0.0.1:9// does not answer")
    assert "verysecret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_says_nothing_is_not_waited_for_long(
    scheme: str, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(module, "RESPONSE_TIMEOUT_SECONDS", 0.3)
    with pytest.raises(TemporaryError, match="does not answer"):
        Broker(f"{scheme}://127.0.0.1:{silent_port}//", time_limit=60).notify()


async def test_a_password_that_the_broker_refuses_is_told_without_it(redis: BrokerServer) -> None:
    url = redis.url.replace(PASSWORD, "verysecret")
    with pytest.raises(TemporaryError, match="does not answer") as caught:
        await asyncio.to_thread(Broker(url, time_limit=60).notify)
    assert "verysecret" not in str(caught.value)


def test_what_the_environment_has_for_celery_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere")
    with pytest.raises(TemporaryError, match=r"127\.0\.0\.1:9"):
        Broker("redis://127.0.0.1:9/0", time_limit=60).notify()
    assert "CELERY_BROKER_URL" not in os.environ


PROGRAM = """
import logging, sys, time
from pathlib import Path
from bot.exporters.celery.broker import Broker

def say(word):
    with Path(sys.argv[2]).open("a") as said:
        said.write(word)
    while Path(sys.argv[2] + ".busy").exists():
        time.sleep(0.02)

def beat():
    Path(sys.argv[2] + ".beat").touch()

logging.basicConfig()
Broker(sys.argv[1], time_limit=60).serve(lambda: say("rung "), heartbeat=beat, concurrency=1)
"""


@asynccontextmanager
async def serving(broker: BrokerServer, rung: Path) -> AsyncIterator[None]:
    """A worker that takes rings; the same one must still be there at the end."""
    words = [sys.executable, "-c", PROGRAM, broker.url, str(rung)]
    with rung.with_suffix(".log").open("wb") as told:
        worker = subprocess.Popen(words, cwd=ROOT, stderr=told)  # noqa: S603, ASYNC220 - our own program
    try:
        yield
        assert worker.poll() is None
    finally:
        worker.terminate()
        assert await asyncio.to_thread(worker.wait) == 0


async def test_notifications_wake_a_worker_after_an_outage_of_the_broker(
    redis: BrokerServer, tmp_path: Path
) -> None:
    rung = tmp_path / "rung"
    wake = Broker(redis.url, time_limit=60).notify
    async with serving(redis, rung):
        await asyncio.to_thread(wake)
        await said(rung, "rung ")
        await redis.end()
        with pytest.raises(TemporaryError):
            await asyncio.to_thread(wake)
        await redis.start()
        await asyncio.to_thread(wake)
        await said(rung, "rung rung ")
        assert rung.with_suffix(".beat").exists()


async def test_a_notification_that_ends_during_an_outage_does_not_make_its_worker_deaf(
    redis: BrokerServer, tmp_path: Path
) -> None:
    rung, busy = tmp_path / "rung", tmp_path / "rung.busy"
    wake = Broker(redis.url, time_limit=60).notify
    busy.touch()
    async with serving(redis, rung):
        await asyncio.to_thread(wake)
        await said(rung, "rung ")
        await redis.end()
        busy.unlink()
        await tells(rung.with_suffix(".log"), "Connection refused")  # the worker wanted to acknowledge it
        await redis.start()
        await asyncio.to_thread(wake)
        await said(rung, "rung rung ")


HEADERS = {"lang": "py", "task": "dingrun.export", "id": "1", "timelimit": [None, None]}
RING: Mapping[str, object] = {
    "body": b64encode(b"[[], {}, {}]").decode(),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    "headers": HEADERS,
    "properties": {
        "correlation_id": "1",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "dingrun"},
        "delivery_tag": "1",
        "body_encoding": "base64",
    },
}


def ring(**changed: object) -> Mapping[str, object]:
    """A ring of which something is different."""
    return {**RING, **{name.replace("_", "-"): value for name, value in changed.items()}}


def with_headers(**changed: object) -> Mapping[str, object]:
    return ring(headers={**HEADERS, **changed})


def with_body(text: bytes) -> Mapping[str, object]:
    return ring(body=b64encode(text).decode())


FOREIGN: list[object] = [
    ring(content_type="application/x-python-serialize"),
    ring(content_type="application/nonsense"),
    ring(content_type=None),
    ring(content_type=["a"]),
    ring(content_encoding="nonsense"),
    ring(body="%"),
    ring(headers=None),
    ring(headers=[1]),
    with_body(b'"text"'),
    with_body(b"7"),
    with_body(b"[" * 100_000),
    with_body(b"[[1], {}, {}]"),
    with_body(b'[[], {}, {"callbacks": [{"task": "foreign"}]}]'),
    with_headers(task="foreign.task"),
    with_headers(task=["a"]),
    with_headers(id={"a": 1}),
    with_headers(timelimit="x"),
    with_headers(eta="2099-01-01T00:00:00+00:00"),
    with_headers(compression="nonsense"),
    [1],
    {"body": "", "headers": {}},
]


async def test_foreign_messages_are_rejected_and_end_no_worker(redis: BrokerServer, tmp_path: Path) -> None:
    rung = tmp_path / "rung"
    async with serving(redis, rung):
        with Redis.from_url(redis.url) as queue:
            for message in FOREIGN:
                queue.lpush("dingrun", json.dumps(message))
            queue.lpush("dingrun", "no json at all")
        await asyncio.to_thread(Broker(redis.url, time_limit=60).notify)
        await said(rung, "rung ")


def publish_foreign(url: str) -> None:
    """Publish what another program may publish at RabbitMQ."""
    with Connection(url) as connection, connection.channel() as channel:  # type: ignore[no-untyped-call]
        for body, kind, encoding, headers in (
            (b"\x80\x04N.", "application/x-python-serialize", "binary", HEADERS),
            (b"[[], {}, {}]", None, None, HEADERS),
            (b"[[], {}, {}]", "application/json", "nonsense", HEADERS),
            (b"7", "application/json", "utf-8", HEADERS),
            (b"\xff", "application/json", "utf-8", HEADERS),
            (b"[[], {}, {}]", "application/json", "utf-8", {**HEADERS, "timelimit": "x"}),
            (b"[[], {}, {}]", "application/json", "utf-8", {}),
        ):
            message = channel.prepare_message(
                body, content_type=kind, content_encoding=encoding, headers=headers
            )
            channel.basic_publish(message, routing_key="dingrun")


async def test_no_foreign_message_of_rabbitmq_ends_a_worker(rabbitmq: BrokerServer, tmp_path: Path) -> None:
    await rabbitmq.start()
    rung, wake = tmp_path / "rung", Broker(rabbitmq.url, time_limit=60).notify
    async with serving(rabbitmq, rung):
        await asyncio.to_thread(wake)
        await said(rung, "rung ")
        await asyncio.to_thread(publish_foreign, rabbitmq.url)
        await asyncio.to_thread(wake)
        await said(rung, "rung rung ")


async def test_remote_control_does_not_reach_a_worker(redis: BrokerServer, tmp_path: Path) -> None:
    rung, broker = tmp_path / "rung", Broker(redis.url, time_limit=60)
    async with serving(redis, rung):
        await asyncio.to_thread(broker.notify)
        await said(rung, "rung ")
        control = broker._app.control
        assert await asyncio.to_thread(control.ping, timeout=0.5) == []
        for order in ("shutdown", "cancel_consumer"):
            await asyncio.to_thread(
                control.broadcast, order, arguments={"queue": "dingrun"} if "_" in order else {}
            )
        await asyncio.to_thread(broker.notify)
        await said(rung, "rung rung ")


async def tells(path: Path, words: str) -> None:
    """Wait until a log has these words."""
    async with asyncio.timeout(90):
        while words not in path.read_text():  # noqa: ASYNC110, ASYNC240 - another process
            await asyncio.sleep(0.05)


async def said(path: Path, words: str) -> None:
    async with asyncio.timeout(90):
        while not path.exists() or path.read_text() != words:  # noqa: ASYNC110, ASYNC240 - another process
            await asyncio.sleep(0.05)
