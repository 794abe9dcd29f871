"""The web server against clients that are slow, many or broken, over real sockets."""

import asyncio
import logging
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web

from bot.delivery.resend import Resender
from bot.models import Person
from bot.telemetry.metrics import Metrics
from bot.web.connections import ConnectionLimits, FaultLog
from bot.web.downloads import CHUNK_BYTES
from bot.web.guard import AdminGuard
from bot.web.health import Health, HealthServices, Vitals
from bot.web.pages.visitors import SESSION_COOKIE
from bot.web.server import WebServer
from bot.wiring.pages import build_web_app
from tests.conftest import CoreHarness
from tests.web.web_harness import WebHarness

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

TOKEN = "a token of the tests"  # noqa: S105 - a test's own
FORM = "application/x-www-form-urlencoded"
BIG = 256 * CHUNK_BYTES  # more than all buffers on the way hold
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class House:
    """The web server of a core on a real port."""

    def __init__(self, core: CoreHarness, server: WebServer, metrics: Metrics, port: int) -> None:
        self.core, self.server, self.metrics, self.port = core, server, metrics, port
        self.gate = asyncio.Event()

    async def slow_requests(self, number: int) -> list[Streams]:
        """Connections whose requests are being handled until `gate` is set."""
        held = [await self.connect() for _ in range(number)]
        for _, writer in held:
            writer.write(f"GET /slow HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        connections = self.server.pool._open if self.server.pool else {}
        await until(lambda: sum(each.is_busy for each in connections) == number)
        return held

    async def connect(self, *, window: int = 0) -> Streams:
        """A connection; with `window` its receive buffer has so many bytes."""
        sock = socket.socket()
        if window:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=sock, limit=window or 2**16)

    async def ask(self, raw: bytes) -> int:
        """The status of the answer to these bytes; 0 when the connection is closed without one."""
        reader, writer = await self.connect()
        writer.write(raw)
        async with asyncio.timeout(5):
            try:
                line = await reader.readline()
            except ConnectionError:
                line = b""
        writer.close()
        return int(line.split()[1]) if line else 0

    @property
    def open(self) -> int:
        return self.server.pool.open if self.server.pool else 0

    def counted(self, kind: str) -> float:
        shown = self.metrics.show().decode()
        lines = [line for line in shown.splitlines() if line.startswith("dingrun_web_faults_total{")]
        return sum(float(line.split()[-1]) for line in lines if f'kind="{kind}"' in line)


@asynccontextmanager
async def house(core: CoreHarness, *, proxies: tuple[str, ...] = (), **limits: float) -> AsyncIterator[House]:
    metrics = Metrics()
    deliveries = Resender(core.store, core.jobs)
    health = Health(
        HealthServices(store=core.store, deliveries=deliveries, governor=core.governor, exports=core.exports),
        metrics=metrics,
        vitals=Vitals(connected=lambda: {"": True}),
    )
    pages = build_web_app(core.settings(), core.services, core.engine).routes()

    async def slow(request: web.Request) -> web.Response:
        await site.gate.wait()
        return web.Response()

    server = WebServer(
        [web.get("/slow", slow), *health.routes(), *pages, *WebHarness(core).downloads.routes()],
        guard=AdminGuard(TOKEN),
        metrics=metrics,
        proxies=[ip_network(each) for each in proxies],
        limits=ConnectionLimits(**limits),  # type: ignore[arg-type]
    )
    serving = asyncio.create_task(server.serve("127.0.0.1", 0))
    try:
        site = House(core, server, metrics, await server.port())
        yield site
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def until(look: Callable[[], bool]) -> None:
    for _ in range(500):
        if look():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_headers_that_do_not_end_are_not_waited_for(core: CoreHarness) -> None:
    async with house(core, header_seconds=0.1) as site:
        for begun in (b"", b"GET /healthz HTTP/1.1\r\n", ALIVE + b"GET / HTTP/1.1\r\nX: "):
            reader, writer = await site.connect()
            writer.write(begun)
            async with asyncio.timeout(5):
                assert (await reader.read()).startswith(b"HTTP/1.1 200 OK" if ALIVE in begun else b"")
            writer.close()
        await until(lambda: site.open == 0)


async def test_a_body_that_does_not_end_is_not_waited_for(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.web.server.BODY_SECONDS", 0.1)
    monkeypatch.setattr("bot.web.connections.LINGER_SECONDS", 0.1)
    async with house(core) as site:
        begun = f"POST /status/act HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nContent-Length: 9\r\n\r\na"
        assert await site.ask(begun.encode()) == 408
        await until(lambda: site.open == 0)


async def test_a_download_that_is_not_read_holds_nothing_for_long(core: CoreHarness, tmp_path: Path) -> None:
    link = await big_report(core)
    async with house(core, send_seconds=0.2) as site:
        reader, writer = await site.connect(window=4096)
        writer.write(f"GET {link} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        await until(lambda: site.open == 0)
        await until(lambda: not open_files(tmp_path / "reports"))
        assert site.counted("answer not read") == 1
        writer.close()
    (download,) = await core.download_log.for_run((await core.store.find_runs())[0].id)
    assert not download.finished


async def test_answers_that_nobody_reads_hold_no_connection(core: CoreHarness) -> None:
    async with house(core, send_seconds=0.2) as site:
        _, writer = await site.connect(window=4096)
        writer.write(ALIVE * 20_000)
        await until(lambda: site.open == 1)
        await until(lambda: site.open == 0)
        writer.close()


async def test_a_slow_reader_gets_its_report_whole(core: CoreHarness) -> None:
    link = await big_report(core)
    async with house(core, send_seconds=0.5) as site:
        reader, writer = await site.connect()
        writer.write(f"GET {link} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        taken = 0
        while piece := await reader.read(BIG // 16):
            taken += len(piece)
            await asyncio.sleep(0.001)
        assert taken > BIG
        writer.close()


async def test_connections_that_ask_nothing_lock_nobody_out(core: CoreHarness) -> None:
    async with house(core, total=3) as site:
        held = [await site.connect() for _ in range(3)]
        held[2][1].write(b"POST /status/act HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na")
        await until(lambda: site.open == 3)
        assert [await site.ask(ALIVE) for _ in range(8)] == [200] * 8
        assert site.open <= 3
        assert site.counted("too many connections") >= 1
        assert await held[0][0].read() == b""
        for _, writer in held:
            writer.close()


async def test_only_so_many_requests_are_handled_at_once(core: CoreHarness) -> None:
    async with house(core, total=3) as site:
        held = await site.slow_requests(3)
        assert [await site.ask(ALIVE) for _ in range(5)] == [0] * 5
        assert (site.open, site.counted("too many connections")) == (3, 5)
        site.gate.set()
        assert [await reader.readline() for reader, _ in held] == [b"HTTP/1.1 200 OK\r\n"] * 3
        assert await site.ask(ALIVE) == 200
        for _, writer in held:
            writer.close()


@pytest.mark.parametrize(("proxies", "status"), [((), 0), (("127.0.0.0/8",), 200)])
async def test_one_address_has_only_some_of_them_unless_it_is_our_proxy(
    core: CoreHarness, proxies: tuple[str, ...], status: int
) -> None:
    async with house(core, per_address=2, proxies=proxies) as site:
        held = await site.slow_requests(2)
        assert await site.ask(ALIVE) == status
        site.gate.set()
        for _, writer in held:
            writer.close()


async def test_a_process_with_few_descriptors_takes_fewer_connections(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8, 8))
    async with house(core) as site:
        held = await site.slow_requests(2)
        assert await site.ask(ALIVE) == 0
        site.gate.set()
        for _, writer in held:
            writer.close()


MALFORMED = [
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    b"GET /status?token=\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://[::/x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /status/act HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"POST /status/act HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


async def test_malformed_requests_log_one_counted_line_per_kind(
    core: CoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with house(core) as site:
        for _ in range(20):
            assert {await site.ask(raw) for raw in MALFORMED} == {400}
        kinds = [record.getMessage().split()[1] for record in caplog.records]
        assert "BadStatusLine" in kinds
        assert len(kinds) == len(set(kinds))
        assert sum(site.counted(kind) for kind in kinds) == 20 * len(MALFORMED)
        assert not [record for record in caplog.records if record.exc_info]


def posted(content_type: bytes, body: bytes, *more: bytes) -> bytes:
    head = [
        b"POST /status/act HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Cookie: " + SESSION_COOKIE.encode() + b"=$session",
    ]
    head += [b"Content-Type: " + content_type, b"Content-Length: %d" % len(body), *more]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\r\n\r\n", 404),
        (b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: dingrun_session=\xff\r\n\r\n", 401),
        (b"GET /status?lang=\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (b"GET /status/login/%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 401),
        (b"GET /status/static/%ff/%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
        (b"GET /reports/../metrics HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /reports/..%2fmetrics HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /reports%2f../metrics HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET //metrics HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET http://a/metrics HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"GET /metrics?token=%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
        (b"GET /reports/%ff HTTP/1.1\r\nHost: \xff\r\nUser-Agent: \xff\r\nRange: \xff\r\n\r\n", 404),
        (b"GET /reports/x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: \xff\r\n\r\n", 404),
        *((posted(FORM.encode() + b"; charset=" + each, b"secret=\xff&job=%ff"), 403)
          for each in (b"undefined", b"nope", b"utf-16", b"base64", b"idna", b"\xff")),
        (posted(b"multipart/form-data", b"x"), 403),
        (posted(b"multipart/form-data; boundary=\xff", b"x"), 403),
        (posted(b"multipart/form-data; boundary=a", b"--a\r\n\r\nx\r\n--a--\r\n"), 403),
        (posted(FORM.encode(), b"x", b"Content-Encoding: gzip"), 403),
        (posted(FORM.encode(), b"x", b"Content-Encoding: deflate"), 403),
        (posted(FORM.encode(), b"a" * 20_000), 413),
    ],
)  # fmt: skip
async def test_no_request_is_answered_by_a_mistake_of_ours(
    core: CoreHarness, raw: bytes, status: int
) -> None:
    token, _ = await core.context.people.logins.open(Person(id="user01"))
    async with house(core) as site:
        assert await site.ask(raw.replace(b"$session", token.encode())) == status


def test_faults_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    times = iter([0, 1, 59, 61])
    faults = FaultLog(Metrics(), now=lambda: next(times))
    for _ in range(4):
        faults.note("BadStatusLine", "192.0.2.7")
    told = "web: BadStatusLine from 192.0.2.7 (and {} before)"
    assert [record.getMessage() for record in caplog.records] == [told.format(0), told.format(2)]


async def test_a_mistake_of_ours_is_logged_with_its_traceback(
    core: CoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: web.Request) -> web.Response:
        raise ZeroDivisionError

    metrics = Metrics()
    server = WebServer([web.get("/", broken)], guard=AdminGuard(), metrics=metrics)
    serving = asyncio.create_task(server.serve("127.0.0.1", 0))
    site = House(core, server, metrics, await server.port())
    assert await site.ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == 500
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def big_report(core: CoreHarness) -> str:
    """The path of a link to a report that no buffer holds."""
    await core.finished_run()
    shop = WebHarness(core)
    await shop.store(b"x" * BIG)
    return await shop.path()


def open_files(folder: Path) -> list[Path]:
    """Files below a folder that this process has open."""
    held = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
    return [each for each in held if each.is_relative_to(folder)]
