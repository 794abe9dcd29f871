"""Kill the worker that writes the report at its system calls: `python -m evidence.workers [--every N]`.

As `evidence.syscalls`, but the service asks a Celery worker for the report, over Redis, and strace is beside
the worker: its main process, the processes of its pool, and the child that writes the workbook. A worker that
has died is started again as a supervisor would.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from evidence.syscalls import Campaign, go_through_all, parse_options
from evidence.world import END_SECONDS, Stage, World, free_port, kill_all, spawn, until

BROKER_SECONDS = 30.0


@dataclass(kw_only=True)
class WorkerStage(Stage):
    """A stage with a Redis."""

    broker_port: int = field(default_factory=free_port)
    _broker: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        super().__enter__()
        where = ["--bind", "127.0.0.1", "--port", str(self.broker_port), "--dir", str(self.folder)]
        command = ["redis-server", *where, "--save", "", "--appendonly", "no"]
        self._broker = spawn(command, self.folder / "log.txt")
        if not until(lambda: self.ask("PING") == b"+PONG", BROKER_SECONDS):
            raise TimeoutError(f"Redis does not start; see {self.folder}/log.txt")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._broker:
            self._broker.kill()
            self._broker.wait(END_SECONDS)
        super().__exit__(*exc)

    def clear(self) -> None:
        super().clear()
        self.ask("FLUSHALL")

    def ask(self, command: str) -> bytes:
        """Return the answer of Redis to a command. Raises `OSError` if there is none."""
        with socket.create_connection(("127.0.0.1", self.broker_port), timeout=5) as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(100).strip()


@dataclass(kw_only=True)
class WorkerWorld(World):
    """The service and a worker. It is the worker that faults are for."""

    broker_port: int
    worker: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def exporter(self) -> str:
        return f'{{kind: celery, broker_url: "redis://127.0.0.1:{self.broker_port}/0", concurrency: 1}}'

    @property
    def traced(self) -> subprocess.Popen[bytes] | None:
        return self.worker

    def start(self, prefix: Sequence[str] = ()) -> None:
        super().start()
        self._start_worker(prefix)

    def _start_worker(self, prefix: Sequence[str] = ()) -> None:
        command = [sys.executable, "-m", "bot", "--config", str(self.folder / "config.yaml"), "worker"]
        self.worker = spawn([*prefix, *command], self.folder / "worker.txt", apart=True)

    def restart(self) -> None:
        self._start_worker()
        self.restarts.append(datetime.now(UTC))

    def is_dead(self) -> bool:
        return self.worker is not None and self.worker.poll() is not None

    def cut_power(self) -> None:
        super().cut_power()
        if self.worker:
            kill_all(self.worker)


class WorkerCampaign(Campaign):
    """Cases with a worker."""

    def stage(self, folder: Path) -> Stage:
        return WorkerStage(folder=folder)

    def world(self, folder: Path, stage: Stage) -> World:
        if not isinstance(stage, WorkerStage):
            raise TypeError("a worker needs a broker")
        return WorkerWorld(folder=folder, stage=stage, broker_port=stage.broker_port)


def main(argv: Sequence[str] | None = None) -> int:
    """Go through the cases, and print the counts and what broke a promise. Return 1 if anything did."""
    options = parse_options("evidence.workers", __doc__, argv)
    folder = Path(tempfile.mkdtemp(prefix="workers-"))
    with WorkerCampaign(folder=folder, fault=options.fault, worlds=options.worlds) as campaign:
        broken = go_through_all(campaign, f"worker {options.fault}", options)
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
