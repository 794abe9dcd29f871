"""Runs of other systems, reported to the whole program: one run, one card, the right times."""

import asyncio
import os
import random
import socket
import sys
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from time import monotonic

import aiohttp
import pytest
import yaml

from bot.api.keys import digest_key
from bot.models import JobState, Run, RunStatus
from bot.wiring.stores import open_stores
from dingtalk_sandbox import Sandbox
from tests.mongo_server import database_for
from tests.scenarios.conftest import GROUP, ROOT, Chat, Json, Service, settings, until

RUNS = 8
KILLS = 3
KEYS = 4  # each may send five requests a second
MAX_MEMORY_MB = 120
EXPECTED_SECONDS = 2.0  # from the end of a run to its card
START = datetime(2026, 11, 24, 3, tzinfo=UTC)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def token(number: int) -> str:
    return f"drt_token-number-{number}-of-the-scenario"


@dataclass
class Bots:
    """Bots on one store, each with a port of its own."""

    values: Json
    folder: Path
    ports: list[int] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)

    async def start(self, number: int) -> None:
        for _ in range(number):
            port, folder = free_port(), self.folder / str(len(self.ports))
            folder.mkdir()
            values = self.values | {"web": {"port": port}, "reports": {"dir": str(folder / "reports")}}
            text = yaml.safe_dump(values, allow_unicode=True)
            (folder / "config.yaml").write_text(text, encoding="utf-8")
            service = Service(folder / "config.yaml", folder / "log.txt")
            await service.start()
            self.ports.append(port)
            self.services.append(service)

    async def serve(self, session: aiohttp.ClientSession) -> None:
        """Wait until every bot answers."""
        for port in self.ports:
            await until(lambda port=port: self.answers(session, port))  # type: ignore[misc]

    async def answers(self, session: aiohttp.ClientSession, port: int) -> bool:
        try:
            async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def logs(self) -> str:
        return "\n".join(service.log.read_text(encoding="utf-8") for service in self.services)


def api_settings(sandbox: Sandbox, store: str) -> Json:
    keys = {
        str(number): {"key": f"sha256:{digest_key(token(number)).hex()}", "scopes": ["report", "read"]}
        for number in range(KEYS)
    }
    return settings(sandbox, ["127.0.0.1"]) | {
        "store": {"url": store},
        "api": {
            "keys": {**keys, "ping": {"kind": "ping", "key": "drp_ping-key-of-the-scenario"}},
            "schedules": {"backup": {"name": "数据库备份"}},
        },
        "notify": {"routes": {"back*": [f"group:{GROUP}"]}},
        "schedules": [],
    }


@pytest.fixture(params=["sqlite", "mongo"])
async def bots(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bots]:
    async with store_at(request, tmp_path) as store:
        bots = Bots(api_settings(sandbox, store), tmp_path)
        yield bots
        for service in bots.services:
            await service.end()


@asynccontextmanager
async def store_at(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{folder}/dingrun.db"
        return
    async with database_for(request.config) as database:
        yield database.address


class Client:
    """A system that reports, and repeats what was not answered, to any bot."""

    def __init__(self, bots: Bots, session: aiohttp.ClientSession, chance: random.Random) -> None:
        self._bots, self._session, self._chance = bots, session, chance

    async def put(self, id_: str, body: Json) -> int:
        while (status := await self._try(id_, body)) in {0, 429, 503}:  # noqa: ASYNC110 - as clients do
            await asyncio.sleep(self._chance.random() / 2)
        return status

    async def _try(self, id_: str, body: Json) -> int:
        """Return the status of one attempt, or 0 if the bot was killed."""
        headers = {"Authorization": f"Bearer {token(self._chance.randrange(KEYS))}"}
        url = f"http://127.0.0.1:{self._chance.choice(self._bots.ports)}/v1/runs/{id_}"
        try:
            async with self._session.put(url, json=body, headers=headers) as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0


def reports_of(number: int) -> Sequence[Json]:
    """Start and end of a run, each twice, with their times."""
    started, ended = START + timedelta(hours=number), START + timedelta(hours=number, minutes=number + 1)
    start = {"schedule": "backup", "status": "running", "started_at": started.isoformat()}
    end = {"schedule": "backup", "status": "success", "ended_at": ended.isoformat()}
    return [start, start, end, end]


@pytest.mark.parametrize("seed", [1])
async def test_doubled_and_swapped_reports_to_bots_that_are_killed(bots: Bots, chat: Chat, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the seed is a parameter of the test
    await bots.start(2)
    async with aiohttp.ClientSession() as session:
        await bots.serve(session)
        client = Client(bots, session, chance)
        sent = [(str(number), body) for number in range(RUNS) for body in reports_of(number)]
        chance.shuffle(sent)
        reporting = asyncio.gather(*(client.put(id_, body) for id_, body in sent))
        for _ in range(KILLS):
            await asyncio.sleep(chance.random())
            bot = chance.choice(bots.services)
            await bot.kill()
            await bot.start()
        assert set(await reporting) <= {200, 201}
        await chat.wait("card", RUNS)
        runs = await settled(bots)
    expected = {START + timedelta(hours=n): timedelta(minutes=n + 1) for n in range(RUNS)}
    assert {run.start_time: (run.end_time or START) - run.start_time for run in runs} == expected
    cards = Counter(str(card["outTrackId"]) for card in await chat.messages("card"))
    assert (len(cards), set(cards.values())) == (RUNS, {1})


async def settled(bots: Bots) -> Sequence[Run]:
    """Wait until nothing is left to do, and return the runs."""
    stores = open_stores(bots.values["store"]["url"])
    await stores.store.open()

    async def is_settled() -> bool:
        jobs = await stores.store.find_jobs(states={JobState.TODO, JobState.DOING})
        return not jobs and not await stores.store.find_runs(status=RunStatus.RUNNING)

    try:
        await until(is_settled)
        return await stores.store.find_runs(limit=0)
    finally:
        await stores.store.close()


async def test_an_end_is_in_the_group_at_once_and_no_key_in_a_log(bots: Bots, chat: Chat) -> None:
    await bots.start(1)
    async with aiohttp.ClientSession() as session:
        await bots.serve(session)
        url = f"http://127.0.0.1:{bots.ports[0]}/ping/drp_ping-key-of-the-scenario/backup"
        taken = []
        for number in range(1, 4):
            begun = monotonic()
            async with session.post(f"{url}?rid={number}", data="all good") as answer:
                assert (answer.status, await answer.text()) == (200, "OK")
            await chat.wait("card", number)
            taken.append(monotonic() - begun)
    assert min(taken) < EXPECTED_SECONDS
    assert "drp_" not in bots.logs()
    assert "token-number" not in bots.logs()


def memory_of(service: Service) -> float:
    """The most memory that a service has had, in MB."""
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def lines(size: int) -> AsyncIterator[bytes]:
    """Assets as lines of JSON, packed, that unpack to this size."""
    packer, sent = zlib.compressobj(wbits=31), 0
    for number in count():
        line = b'{"ip":"192.0.2.1","port":%d,"banner":"%s"}\n' % (number, b"x" * 250)
        sent += len(line)
        if sent > size:
            break
        yield packer.compress(line)
    yield packer.flush()


@pytest.mark.parametrize("bots", ["sqlite"], indirect=True)
async def test_the_biggest_upload_fits_into_little_memory(bots: Bots) -> None:
    await bots.start(1)
    headers = {"Authorization": f"Bearer {token(0)}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{bots.ports[0]}", headers=headers) as session:
        await bots.serve(session)
        body = {"schedule": "backup", "status": "running"}
        async with session.put("/v1/runs/1", json=body) as answer:
            assert answer.status == 201
        url, packed = "/v1/runs/1/assets/host?key=ip,port", {"Content-Encoding": "gzip"}
        async with session.put(url, data=lines(64 * 1024 * 1024), headers=packed) as answer:
            assert (answer.status, (await answer.json())["bad"]) == (200, 0)
    assert memory_of(bots.services[0]) < MAX_MEMORY_MB


@pytest.mark.parametrize("bots", ["sqlite"], indirect=True)
async def test_a_wrapped_command_is_a_card_with_its_exit_status(
    bots: Bots, chat: Chat, tmp_path: Path
) -> None:
    await bots.start(1)
    async with aiohttp.ClientSession() as session:
        await bots.serve(session)
        words = ["-s", "backup", "--", "sh", "-c", "echo no space left >&2; exit 3"]
        variables = {"DINGRUN_URL": f"http://127.0.0.1:{bots.ports[0]}", "DINGRUN_KEY": token(0)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "bot/exec/dingrun_exec.py"), *words),
            env={**os.environ, **variables, "HOME": str(tmp_path)},
        )
        assert await process.wait() == 3
        (card,) = await chat.wait("card", 1)
    assert "退出码 3" in str(card["variables"])
