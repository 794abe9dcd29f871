"""Run `dingrun-exec` as a process of its own, against a server that records what is reported."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import ROOT

PROGRAM = ROOT / "bot" / "exec" / "dingrun_exec.py"
KEY = "drk_test_key"
LIMIT_SECONDS = 30


@dataclass
class Reported:
    """One request that the program sent."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def run(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class Recorder(ThreadingHTTPServer):
    """A server that answers 200, or what it is told to, and keeps the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Reported] = []
        self.status = 200
        self.refused: dict[str, int] = {}  # status by part of the path
        self.busy: list[int] = []  # seconds of `Retry-After`, for a request each that is too many
        self.answers: dict[str, list[dict[str, Any]]] = {}  # by path, each once
        self.silent = threading.Event()  # never answer
        self.stopping = threading.Event()
        self.seen = threading.Condition()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ends(self) -> list[dict[str, Any]]:
        """Return the reported ends, in order."""
        puts = [each.run for each in self.requests if each.method == "PUT" and each.path.count("/") == 3]
        return [run for run in puts if run["status"] != "running"]

    def logs(self) -> list[str]:
        return [each.body.decode() for each in self.requests if each.path.endswith("/log")]

    def wait_for(self, count: int) -> None:
        """Wait until so many requests have come."""
        with self.seen:
            assert self.seen.wait_for(lambda: len(self.requests) >= count, LIMIT_SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet about clients that have gone."""

    def stop(self) -> None:
        """Refuse connections from now on."""
        self.stopping.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        record = Reported(self.command, parts.path, parts.query, dict(self.headers), body)
        with self.server.seen:
            self.server.requests.append(record)
            self.server.seen.notify_all()
        if self.server.silent.is_set():
            self.server.stopping.wait(LIMIT_SECONDS)
        answers = self.server.answers.get(parts.path, [])
        if parts.path == "/v1/commands" and not answers:
            self.server.stopping.wait(LIMIT_SECONDS)  # as long as there is no command
            return
        text = json.dumps(answers.pop(0) if answers else {}).encode()
        busy = self.server.busy.pop(0) if self.server.busy else 0
        refused = [status for part, status in self.server.refused.items() if part in parts.path]
        self.send_response(429 if busy else [*refused, self.server.status][0])
        if busy:
            self.send_header("Retry-After", str(busy))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    server = Recorder()
    yield server
    server.stop()


@dataclass
class Wrapper:
    """Starts the program as a host would."""

    folder: Path
    url: str
    python: str = sys.executable
    more: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def environment(self) -> dict[str, str]:
        own = {"DINGRUN_URL": self.url, "DINGRUN_KEY": KEY, "DINGRUN_SPOOL": str(self.spool)}
        return {**os.environ, "PYTHONUNBUFFERED": "", **own, **self.more}

    def start(self, *argv: str, **kwargs: Any) -> subprocess.Popen[bytes]:
        """Start the program, with pipes unless told otherwise."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command: Sequence[str] = [self.python, str(PROGRAM), *argv]
        kwargs = {**pipes, **kwargs}
        process = subprocess.Popen(command, env=self.environment, cwd=self.folder, **kwargs)  # noqa: S603
        self.started.append(process)
        return process

    def run(self, *argv: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run the program to its end."""
        process = self.start(*argv, stdin=subprocess.PIPE)
        output, errors = process.communicate(input, timeout=LIMIT_SECONDS)
        return subprocess.CompletedProcess(argv, process.returncode, output, errors)

    def spooled(self) -> list[str]:
        """Return the names of the reports that wait."""
        return sorted(path.name for path in self.spool.glob("*.json*"))

    def close(self) -> None:
        """End what still runs, and close the pipes."""
        for process in self.started:
            process.kill()
            process.wait(LIMIT_SECONDS)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe and not pipe.closed:
                    pipe.close()


@pytest.fixture
def wrapper(recorder: Recorder, tmp_path: Path) -> Iterator[Wrapper]:
    wrapper = Wrapper(folder=tmp_path, url=recorder.url)
    yield wrapper
    wrapper.close()
