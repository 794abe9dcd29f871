"""A world for one case: the real service on a stage, which is a sandbox and a web server to scan.

Each is a process of its own. Only command lines, files and HTTP connect them to this module.
"""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent
GROUP = "cidSandboxGroupOps=="
SCHEDULE = "取证巡检"
LAST_FIRED = "2020-01-01T00:00:00+00:00"
API_KEY = "evidence-key-0123456789"
START_SECONDS = 120.0
END_SECONDS = 30.0
CONFIG = """
DINGDING: {{APP_KEY: dingsandboxapp, APP_SECRET: sandbox-app-secret, DEFAULT_CHAT_ID: {group},
           OPENAPI_BASE: "{sandbox}", OAPI_BASE: "{sandbox}"}}
access: {{viewers: [user01]}}
api: {{keys: {{evidence: {{kind: token, key: {key}, scopes: [read]}}}}}}
web: {{port: {web_port}}}
store: {{url: "sqlite:///{folder}/data/dingrun.db"}}
reports: {{dir: "{folder}/reports"}}
exporter: {exporter}
schedules:
  - {{name: {schedule}, cron: "0 0 1 1 *", targets: ["{target}"], notify_enable: true, notify_on: always}}
"""

Json = dict[str, Any]

_RESCUE = re.compile(r'^dingrun_rescues_total\{path="(\w+)"\} (\S+)$', re.MULTILINE)


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str, body: Json | None = None, *, token: str = "") -> Any:
    """Return the JSON of an answer. Raises `OSError` if there is none, or not with 2xx."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def until(condition: Callable[[], bool], seconds: float, *, every: float = 0.1) -> bool:
    """Wait until a condition holds. Returns whether it does within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except OSError:  # the other side is not there yet
            pass
        time.sleep(every)
    return False


def spawn(
    command: Sequence[str], log: Path, *, cwd: Path = ROOT, apart: bool = False
) -> subprocess.Popen[bytes]:
    """Start a process that appends what it says to a file, `apart` in a group of its own.

    It gets no settings of this environment, such as those of the tests, which the service rejects.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DINGRUN_")}
    with log.open("ab") as said:
        return subprocess.Popen(  # noqa: S603 - our own
            command, cwd=cwd, env=environment, stdout=said, stderr=said, start_new_session=apart
        )


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started `apart`, with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(END_SECONDS)


@dataclass(kw_only=True)
class Stage:
    """What a service talks to: a sandbox and a web server to scan. Cases use it one after the other."""

    folder: Path
    sandbox_port: int = field(default_factory=free_port)
    target_port: int = field(default_factory=free_port)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def target(self) -> str:
        return f"http://127.0.0.1:{self.target_port}"

    def __enter__(self) -> Self:
        site, log = self.folder / "site", self.folder / "log.txt"
        site.mkdir(parents=True, exist_ok=True)
        sandbox = [sys.executable, "-m", "bot", "sandbox", "--port", str(self.sandbox_port)]
        server = [sys.executable, "-m", "http.server", str(self.target_port), "--bind", "127.0.0.1"]
        self._processes = [spawn(sandbox, log), spawn(server, log, cwd=site)]
        if not until(lambda: bool(fetch(f"{self.sandbox}/_sandbox/scene")), START_SECONDS):
            raise TimeoutError(f"the sandbox does not start; see {log}")
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait(END_SECONDS)

    def clear(self) -> None:
        """Forget every message, token and connection."""
        fetch(f"{self.sandbox}/_sandbox/reset", {"hard": True})


@dataclass(kw_only=True)
class World:
    """The service of one case, on a stage that nobody else uses meanwhile. What lasts is in `folder`."""

    folder: Path
    stage: Stage
    web_port: int = field(default_factory=free_port)
    service: subprocess.Popen[bytes] | None = field(default=None, init=False)
    restarts: list[datetime] = field(default_factory=list, init=False)

    @property
    def sandbox(self) -> str:
        return self.stage.sandbox

    @property
    def database(self) -> Path:
        return self.folder / "data/dingrun.db"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.stage.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()

    @property
    def exporter(self) -> str:
        """The settings by which reports are exported."""
        return "{kind: local}"

    @property
    def traced(self) -> subprocess.Popen[bytes] | None:
        """The process that a fault is for."""
        return self.service

    def configure(self) -> None:
        """Write the settings."""
        text = CONFIG.format(
            group=GROUP,
            sandbox=self.sandbox,
            key=API_KEY,
            web_port=self.web_port,
            folder=self.folder,
            schedule=SCHEDULE,
            target=self.stage.target,
            exporter=self.exporter,
        )
        config = self.folder / "config.yaml"
        config.write_text(text, encoding="utf-8")
        config.chmod(0o600)

    def start(self, prefix: Sequence[str] = ()) -> None:
        """Start the service, under another command if `prefix` names one."""
        command = [sys.executable, "-m", "bot", "--config", str(self.folder / "config.yaml")]
        self.service = spawn([*prefix, *command], self.folder / "log.txt", apart=True)

    def restart(self) -> None:
        """Start the service again after it died, and wait until it is connected."""
        self.start()
        self.wait_connected()
        self.restarts.append(datetime.now(UTC))

    def wait_connected(self) -> bool:
        """Wait until the service is connected, or dead. Returns whether it is connected."""
        return until(lambda: self.is_dead() or self.is_connected(), START_SECONDS) and not self.is_dead()

    def is_connected(self) -> bool:
        """Return whether the service has a Stream connection."""
        return bool(fetch(f"{self.sandbox}/_sandbox/scene")["connections"])

    def is_dead(self) -> bool:
        """Return whether the service has ended."""
        return self.service is None or self.service.poll() is not None

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the service, and return its exit status."""
        if self.service is None:
            return 0
        if self.service.poll() is None:
            self.service.send_signal(number)
        return self.service.wait(END_SECONDS)

    def cut_power(self) -> None:
        """Kill the service with all that it started."""
        if self.service:
            kill_all(self.service)

    def rescues(self) -> Mapping[str, float]:
        """Return how often the service that runs now took each rescue path, as its metrics say."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/metrics", timeout=30) as answer:
            return {path: float(number) for path, number in _RESCUE.findall(answer.read().decode())}

    def messages(self) -> list[Json]:
        """Return what people see in the group."""
        found: list[Json] = fetch(f"{self.sandbox}/_sandbox/messages?conversation={GROUP}")
        return found

    def download(self, message: Json) -> bytes:
        """Return the file that a message shows."""
        with urllib.request.urlopen(message["downloadUrl"], timeout=30) as answer:  # noqa: S310
            data: bytes = answer.read()
            return data


def prepared(folder: Path, stage: Stage) -> Path:
    """Make a database that knows the schedule, and whose service was away when it was due."""
    with World(folder=folder, stage=stage) as world:
        world.configure()
        world.start()
        if not world.wait_connected():
            raise TimeoutError(f"the service does not start; see {folder}/log.txt")
        with closing(sqlite3.connect(world.database, timeout=10)) as database:
            if not until(lambda: _knows_schedule(database), START_SECONDS):
                raise TimeoutError(f"the scheduler does not look at the schedule; see {folder}/log.txt")
            world.end()
            database.execute("update facts set value = ? where key like 'tick:%'", (LAST_FIRED,))
            database.commit()
    return folder


def _knows_schedule(database: sqlite3.Connection) -> bool:
    (number,) = database.execute("select count(*) from facts where key like 'tick:%'").fetchone()
    return bool(number)


def copied(prepared_folder: Path, world: World) -> World:
    """Let a world begin where another one ended."""
    shutil.copytree(prepared_folder / "data", world.folder / "data")
    world.configure()
    return world
