"""The services of `deploy/compose.yaml` as processes on one machine, each of which may be killed."""

import asyncio
import os
import random
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from tests.brokers import free_port, is_open
from tests.mongo_proxy import MongoProxy
from tests.scenarios.conftest import ROOT, Json, until

BOTS = ("bot-1", "bot-2")
WORKERS = ("worker-1", "worker-2")
SERVERS = ("mongo", "redis")
PACE = 1.0  # seconds from one kill to the next
AGAIN = 0.1  # seconds after which what ended is started again


class Program:
    """A container that is restarted unless it was stopped; a kill takes all that it started with it."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self.log = command, log
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.starts = 0

    async def live(self) -> None:
        """Start it, and again whenever it ends, until it is stopped."""
        while not self._stopping:
            with self.log.open("ab") as said:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, cwd=ROOT, stdout=said, stderr=said, start_new_session=True
                )
            self.starts += 1
            await self._process.wait()
            self._sweep()
            await asyncio.sleep(AGAIN)

    def kill(self) -> bool:
        """SIGKILL, unless it is just being started; whether it ran."""
        if self._process is None or self._process.returncode is not None:
            return False
        self._sweep()
        return True

    def _sweep(self) -> None:
        """As a container does at its end: nobody is left of those who were in it."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._stopping = True
        if self._process is None:
            return 0
        with suppress(ProcessLookupError):
            self._process.terminate()
        return await self._process.wait()


class Database(Program):
    """A MongoDB server behind a proxy. A kill cuts the connections and refuses new ones for a moment.

    The server itself lives on: its data is in memory, where a real one would restore it from its journal.
    """

    def __init__(self, command: Sequence[str], log: Path, proxy: MongoProxy) -> None:
        super().__init__(command, log)
        self._proxy = proxy
        self._restart: asyncio.Task[None] | None = None

    def kill(self) -> bool:
        if self._restart is not None and not self._restart.done():
            return False
        self._proxy.cut()
        self._restart = asyncio.create_task(self._listen_again())
        return True

    async def _listen_again(self) -> None:
        await asyncio.sleep(AGAIN)
        await self._proxy.listen()


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Two bots, two workers, a database, a broker."""

    programs: Mapping[str, Program]
    database: str  # its address
    folder: Path

    async def kill_one_each_second(self, chance: random.Random, kills: int) -> list[str]:
        """Kill whichever runs, whatever it does; who was killed."""
        killed: list[str] = []
        while len(killed) < kills:
            name = chance.choice([*self.programs])
            if self.programs[name].kill():
                killed.append(name)
                await asyncio.sleep(PACE)
            else:
                await asyncio.sleep(0)
        return killed

    async def stop(self) -> dict[str, int]:
        """Stop bots and workers as compose would, then the servers; the exit codes of the former."""
        ours = (*BOTS, *WORKERS)
        codes = await asyncio.gather(*(self.programs[name].stop() for name in ours))
        for name in SERVERS:
            await self.programs[name].stop()
        return dict(zip(ours, codes, strict=True))

    def last_words(self) -> str:
        """What each of them said last."""
        logs = {name: program.log.read_text(encoding="utf-8") for name, program in self.programs.items()}
        return "\n".join(f"== {name}\n{said[-2500:]}" for name, said in logs.items())


@asynccontextmanager
async def topology(values: Json, folder: Path) -> AsyncIterator[Topology]:
    """All of them, started. `values` are settings but for those that `deploy/compose.yaml` gives."""
    async with AsyncExitStack() as stack:
        mongo, redis = free_port(), free_port()
        proxy = await stack.enter_async_context(MongoProxy("127.0.0.1", mongo))
        database = f"mongodb://127.0.0.1:{proxy.port}/dingrun"
        (folder / "mongo").mkdir()
        config = folder / "config.yaml"
        given = {
            "store": {"url": database},
            "reports": {"store": "gridfs", "dir": str(folder / "reports")},
            "exporter": {"kind": "celery", "broker_url": f"redis://127.0.0.1:{redis}/0"},
        }
        config.write_text(yaml.safe_dump(values | given, allow_unicode=True), encoding="utf-8")
        commands = _commands(config, folder, mongo, redis)
        programs = {name: Program(command, folder / f"{name}.log") for name, command in commands.items()}
        programs["mongo"] = Database(commands["mongo"], folder / "mongo.log", proxy)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for name in SERVERS:
            group.create_task(programs[name].live(), name=name)
        for port in (mongo, redis):
            await until(partial(asyncio.to_thread, is_open, port))
        for name in (*BOTS, *WORKERS):
            group.create_task(programs[name].live(), name=name)
        running = Topology(programs=programs, database=database, folder=folder)
        try:
            yield running
        finally:
            await running.stop()


def _commands(config: Path, folder: Path, mongo: int, redis: int) -> dict[str, list[str]]:
    ours = [sys.executable, "-m", "bot", "--config", str(config)]
    broker = ["--bind", "127.0.0.1", "--port", str(redis), "--save", "", "--appendonly", "no"]
    return {
        **dict.fromkeys(BOTS, ours),
        **{name: [*ours, "worker"] for name in WORKERS},
        "mongo": [str(ROOT / "scripts/mongodb"), str(mongo), str(folder / "mongo")],
        "redis": [shutil.which("redis-server") or "redis-server", *broker, "--dir", str(folder)],
    }
