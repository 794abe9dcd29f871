#!/usr/bin/env python3
"""Run a command and tell DingRun how it ended: `dingrun-exec -s backup -- /opt/backup.sh --full`.

One file that needs nothing but Python 3.8 or later, so that it can be copied to any host.

- The command runs as it would without this program: same arguments, input, output and exit status. Signals
  are passed on to it.
- Reporting never delays or fails the command. The start is reported beside it. The end is stored in the spool
  folder, then sent with 3 attempts of 5 seconds. What could not be sent is sent by the next call.
- `DINGRUN_URL` and `DINGRUN_KEY` (or `file:/path/of/the/key`) say where to. Without them the command runs all
  the same, and a line on stderr says that nothing is reported. `DINGRUN_TIMEOUT` sets the seconds of an
  attempt, `DINGRUN_SPOOL` the spool folder.

It is one long file on purpose, and the only one that supports Python 3.8.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Any, BinaryIO, Callable, Deque, Dict, Iterator, List, Optional, Sequence, Tuple

ATTEMPTS = 3
ATTEMPT_SECONDS = 5.0  # without DINGRUN_TIMEOUT
RETRY_SECONDS = 0.5
MAX_RETRY_AFTER_SECONDS = 5.0  # that the server may ask for between two attempts
UPLOAD_SECONDS = 60.0
WAIT_SECONDS = 70.0  # for the deliveries
START_GRACE_SECONDS = 0.5  # for a start report that is under way when the command ends
OUTPUT_GRACE_SECONDS = 1.0  # for output after the end of the command, by processes that it left behind
KILL_GRACE_SECONDS = 10.0  # between SIGTERM and SIGKILL
CHUNK_BYTES = 65_536
MAX_TAIL_BYTES = 100_000  # what DingRun keeps of a log
MAX_LINE_BYTES = 65_536  # searched by --count
MAX_QUIET_BYTES = 1_000_000  # of output that --quiet-ok keeps in memory, the rest is in a file
MAX_SPOOLED_SENT = 20  # reports of earlier calls that one call sends
MAX_SPOOL_SECONDS = 7 * 86_400
MAX_MARK_SECONDS = 14 * 86_400  # longer than DingRun gives a command out
MAX_SLUG = 60
MAX_NAME = 40  # characters of the name of a count
MAX_COUNTS = 20
MAX_REASON = 300  # characters of the reason of a failure
LAST_BYTES = 2_000  # of each stream, to find the reason in
IDLE_SECONDS = 1.0  # between two questions of a runner when the server does not let it wait
COMMAND_MARK, RUN_MARK = "command-", "running-"  # begin the names of files in the spool folder
SLUG_PATTERN = r"[a-z0-9_-]{1,60}"
NOT_EXECUTABLE, NOT_FOUND = 126, 127  # exit status, as of a shell
START_FIELDS = frozenset({"schedule", "started_at", "labels"})
INVALID, TOO_MANY = 422, 429  # HTTP status
GONE = frozenset({400, 404, 409, 410, 413, INVALID})  # sending it again would not help
PASSED_SIGNALS = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "CONT", "WINCH")
TERMINAL_SIGNALS = ("INT", "QUIT", "WINCH")  # a terminal sends these to the command itself
RUNNER_SIGNALS = (signal.SIGTERM,)  # the runner sends these, maybe before the program is ready
STOP_SIGNALS = ("HUP", "INT", "QUIT", "TERM")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
SIZES = {"": 1, "k": 1_000, "m": 1_000_000}

Json = Dict[str, Any]


def complain(text: str) -> None:
    """Write a line to stderr, unless it is closed or its disk is full."""
    with contextlib.suppress(OSError):
        os.write(2, (f"dingrun-exec: {text}\n").encode("utf-8", "replace"))


# ---------------------------------------------------------------------------------------------- arguments


def seconds(text: str) -> float:
    """Parse a duration such as 90, 30s, 15m, 2h or 1d."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smhd]?)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"takes a duration such as 30s, 15m, 2h, got {text!r}")
    return float(match.group(1)) * UNITS[match.group(2)]


def size(text: str) -> int:
    """Parse a number of bytes such as 10k, at most `MAX_TAIL_BYTES`."""
    match = re.fullmatch(r"(\d+)([km]?)", text.lower())
    if not match:
        raise argparse.ArgumentTypeError(f"takes a size such as 10k, got {text!r}")
    return min(int(match.group(1)) * SIZES[match.group(2)], MAX_TAIL_BYTES)


def count(text: str) -> Tuple[str, Any]:
    """Parse NAME=REGEX. The first group is the number; without a group, matches are counted."""
    name, equals, pattern = text.partition("=")
    try:
        if name and equals and len(name) <= MAX_NAME:
            return name, re.compile(pattern.encode())
    except re.error as error:
        raise argparse.ArgumentTypeError(f"has an invalid expression: {error}") from None
    raise argparse.ArgumentTypeError(f"takes NAME=REGEX, got {text!r}")


def assets(text: str) -> Json:
    """Parse FILE:kind:key, for example found.jsonl:nuclei:host,template-id."""
    parts = text.rsplit(":", 2)
    if len(parts) != 3 or not all(parts):
        raise argparse.ArgumentTypeError(f"takes FILE:kind:key, got {text!r}")
    return {"path": os.path.abspath(parts[0]), "kind": parts[1], "key": parts[2]}


def slug(text: str) -> str:
    """Check the slug of a schedule."""
    if not re.fullmatch(SLUG_PATTERN, text):
        raise argparse.ArgumentTypeError(f"takes 1 to 60 of a-z 0-9 _ -, got {text!r}")
    return text


def slug_of(command: str) -> str:
    """Derive a slug from the name of a program."""
    name = re.sub(r"[^a-z0-9_-]+", "-", os.path.splitext(os.path.basename(command))[0].lower()).strip("-")
    return name[:MAX_SLUG] or "job"


def allowed(text: str) -> Tuple[str, List[str]]:
    """Parse SLUG=COMMAND, which the runner splits as a shell would and runs without one.

    The command may begin with options of this program, as in `backup=--tail 1k -- /opt/backup.sh`.
    """
    name, equals, command = text.partition("=")
    if not equals or not command.strip():
        raise argparse.ArgumentTypeError(f"takes SLUG=COMMAND, got {text!r}")
    words = shlex.split(command)
    return slug(name.strip()), words if words[0].startswith("-") else ["--", *words]


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="dingrun-exec",
        usage="dingrun-exec [OPTION ...] -- COMMAND [ARG ...]\n"
        "       dingrun-exec --runner HOST --allow SLUG=COMMAND ...",
        description="Run a command and tell DingRun how it ended. DINGRUN_URL and DINGRUN_KEY say where to.",
    )
    add = parser.add_argument
    add("-s", "--slug", type=slug, help="name of the schedule (default: the name of the command)")
    plan = parser.add_mutually_exclusive_group()
    plan.add_argument("--cron", help="when it should run, five fields; missing runs are reported")
    plan.add_argument("--every", type=seconds, help="or how often, such as 1h")
    add("--grace", type=seconds, help="how late it may be, such as 5m")
    add("--max-runtime", type=seconds, help="how long it may take, such as 2h")
    add("--tz", help="time zone of --cron, such as Asia/Shanghai")
    add(
        "--assets",
        type=assets,
        action="append",
        default=[],
        metavar="FILE:KIND:KEY",
        help="JSON lines it wrote",
    )
    add(
        "--count",
        type=count,
        action="append",
        default=[],
        metavar="NAME=REGEX",
        help="number found in its output",
    )
    add("--file", action="append", default=[], metavar="FILE", help="file to send instead of the report")
    add("--tail", type=size, default=10_000, help="bytes of output to report (default: 10k)")
    add("--no-output", action="store_true", help="report no output, and do not read it")
    add("--quiet-ok", action="store_true", help="show its output only if it fails")
    add("--kill-after", type=seconds, help="end it after this time: SIGTERM, and SIGKILL 10 s later")
    add("--lock", choices=("skip", "wait"), help="what to do while the same slug still runs on this host")
    add("--wait-delivered", action="store_true", help="wait until the group has been told")
    add("--rid", help=argparse.SUPPRESS)
    add("--runner", metavar="HOST", help="wait for 重跑 and 停止 from the chat, and run what --allow names")
    add("--allow", type=allowed, action="append", default=[], metavar="SLUG=COMMAND", help="for --runner")
    add("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. Ends the program on an error."""
    parser = build_parser()
    options = parser.parse_args(argv)
    if options.command and options.command[0] == "--":
        del options.command[0]
    if not options.runner and not options.command:
        parser.error("the command is missing: dingrun-exec -s backup -- /opt/backup.sh")
    if options.runner and not options.allow:
        parser.error("--runner needs --allow SLUG=COMMAND")
    for _, words in options.allow:
        parse(words)  # an error ends the runner now, not the run later
    if options.command and not options.slug:
        options.slug = slug_of(options.command[0])
    return options


# ------------------------------------------------------------------------------------------------- output


class Tail:
    """The last bytes of the output, from both streams in the order of their arrival."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: Deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self._cut = False

    def add(self, chunk: bytes) -> None:
        """Add output. Memory stays below the limit and one chunk."""
        with self._lock:
            self._chunks.append(chunk)
            self._size += len(chunk)
            while self._chunks and self._size - len(self._chunks[0]) >= self._limit:
                self._size -= len(self._chunks.popleft())
                self._cut = True

    def text(self) -> str:
        """Return the tail as text without control characters, from the beginning of a line if possible."""
        data = b"".join(self._chunks)
        if self._cut or len(data) > self._limit:
            data = data[-self._limit :] if self._limit else b""
            _, newline, rest = data.partition(b"\n")
            data = rest if newline and rest else data
        return plain(data)


def plain(data: bytes) -> str:
    """Return output as text without control characters."""
    text = data.decode("utf-8", "replace")
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[^\n\t\x20-\uffff\U00010000-\U0010ffff]|\x7f", "", text)


class Counts:
    """Numbers that `--count` finds in the output, line by line."""

    def __init__(self, wanted: Sequence[Tuple[str, Any]]) -> None:
        self._wanted = wanted
        self._rest = b""
        self.found: Dict[str, Tuple[int, bool]] = {}  # a number, and whether it is a sum

    def add(self, chunk: bytes) -> None:
        """Search the lines that a chunk completes. A very long line is searched in pieces."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._search(line)

    def close(self) -> None:
        """Search the last line."""
        self._search(self._rest)
        self._rest = b""

    def _search(self, line: bytes) -> None:
        for name, pattern in self._wanted:
            for match in pattern.finditer(line):
                if not pattern.groups:
                    self.found[name] = (self.found.get(name, (0, True))[0] + 1, True)
                elif match.group(1) and match.group(1).isdigit():
                    self.found[name] = (int(match.group(1)[:18]), False)


class Stream:
    """Copies one output stream of the command, as it comes, and keeps what is asked for."""

    def __init__(self, source: BinaryIO, target: int, tail: Tail, options: argparse.Namespace) -> None:
        self._source, self._target, self._tail = source, target, tail
        self._counts = Counts(options.count)
        self._kept: Optional[BinaryIO] = None
        self.lost = ""  # why the output could not be written
        self.last = b""
        if options.quiet_ok:
            import tempfile  # only when needed: it takes 10 ms

            self._kept = tempfile.SpooledTemporaryFile(MAX_QUIET_BYTES)  # type: ignore[assignment]  # noqa: SIM115
        self.thread = threading.Thread(target=self._pump, daemon=True)
        self.thread.start()

    @property
    def found(self) -> Dict[str, Tuple[int, bool]]:
        """Return the numbers of `--count`."""
        self._counts.close()
        return self._counts.found

    def show(self) -> None:
        """Write what `--quiet-ok` has kept back."""
        if self._kept:
            self._kept.seek(0)
            for chunk in iter(lambda: self._kept.read(CHUNK_BYTES) if self._kept else b"", b""):
                self._write(chunk)

    def _pump(self) -> None:
        while True:
            try:
                chunk = os.read(self._source.fileno(), CHUNK_BYTES)
            except (OSError, ValueError):
                return
            if not chunk or not self._copy(chunk):
                self._source.close()
                return

    def _copy(self, chunk: bytes) -> bool:
        """Take a chunk. Returns False when the reader of the output is gone: the command gets SIGPIPE."""
        self._tail.add(chunk)
        self.last = (self.last + chunk)[-LAST_BYTES:]
        self._counts.add(chunk)
        try:
            if self._kept:
                self._kept.write(chunk)
            else:
                return self._write(chunk)
        except OSError as error:
            self.lost = error.strerror or str(error)
        return True

    def _write(self, chunk: bytes) -> bool:
        view = memoryview(chunk)
        while view and not self.lost:
            try:
                view = view[os.write(self._target, view) :]
            except OSError as error:
                if error.errno == errno.EPIPE:
                    return False
                if error.errno == errno.EAGAIN:  # somebody has made our output non-blocking
                    time.sleep(0.01)
                    continue
                self.lost = error.strerror or str(error)  # such as a full disk: the command goes on
        return True


# ---------------------------------------------------------------------------------------------- reporting


class Server:
    """The API of DingRun, with attempts that end in time."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url.rstrip("/"), key
        limit = os.environ.get("DINGRUN_TIMEOUT", "")
        self._limit = float(limit) if re.fullmatch(r"\d{1,3}(\.\d{1,3})?", limit) else ATTEMPT_SECONDS

    @classmethod
    def from_environment(cls) -> Optional[Server]:
        """Return the server that the environment names, or None, with a line on stderr."""
        url, key = os.environ.get("DINGRUN_URL", ""), os.environ.get("DINGRUN_KEY", "")
        if key.startswith("file:"):
            try:
                with open(key[len("file:") :], encoding="utf-8") as file:
                    key = file.read().strip()
            except (OSError, ValueError) as error:
                complain(f"DINGRUN_KEY: {error}")
                key = ""
        if not re.match(r"https?://[^/]", url) or not re.fullmatch(r"[\x21-\x7e]+", key):
            complain("nothing is reported: set DINGRUN_URL to http(s)://… and DINGRUN_KEY to a key")
            return None
        return cls(url, key)

    def send(
        self, method: str, path: str, body: Any = None, limit: Optional[float] = None, **headers: str
    ) -> Tuple[int, Json]:
        """Send a request, up to `ATTEMPTS` times. Returns the HTTP status, or 0, and the answer."""
        status, answer = 0, {}  # type: Tuple[int, Json]
        for attempt in range(ATTEMPTS):
            if attempt:
                pause = answer.get("retry_after") or RETRY_SECONDS * attempt
                time.sleep(min(pause, MAX_RETRY_AFTER_SECONDS))
                if hasattr(body, "seek"):
                    body.seek(0)
            status, answer = self.attempt(method, path, body, headers, limit or self._limit)
            if not is_temporary(status):
                break
        return status, answer

    def attempt(
        self, method: str, path: str, body: Any, headers: Dict[str, str], limit: float
    ) -> Tuple[int, Json]:
        """Send a request once. A server that is slow, at any step, is left alone after `limit` seconds."""
        result: List[Tuple[int, Json]] = []
        request = threading.Thread(
            target=lambda: result.append(self._request(method, path, body, headers, limit)), daemon=True
        )
        request.start()
        request.join(limit)
        return result[0] if result else (0, {})

    def _request(
        self, method: str, path: str, body: Any, headers: Dict[str, str], limit: float
    ) -> Tuple[int, Json]:
        import http.client  # beside the command, not before it
        from urllib.parse import urlsplit

        sent = {"Authorization": "Bearer " + self._key, "User-Agent": "dingrun-exec"}
        if isinstance(body, dict):
            sent["Content-Type"], body = "application/json", json.dumps(body).encode()
        elif isinstance(body, str):
            sent["Content-Type"], body = "text/plain; charset=utf-8", body.encode("utf-8", "replace")
        sent.update((name.replace("_", "-"), value) for name, value in headers.items())
        base = urlsplit(self._url)
        kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
        try:
            connection = kind(base.netloc, timeout=limit)
            try:
                connection.request(method, base.path + path, body, sent)
                response = connection.getresponse()
                text = response.read(1_000_000)
            finally:
                connection.close()
            answer = json.loads(text) if text.startswith(b"{") else {}
            pause = response.getheader("Retry-After") or ""
            if pause.isdigit():
                answer["retry_after"] = int(pause)
        except (OSError, ValueError, http.client.HTTPException):
            return 0, {}
        return response.status, answer


def is_temporary(status: int) -> bool:
    """Tell if sending it again may help: no answer, too many requests, or an error of the server."""
    return status in {0, TOO_MANY} or status >= 500


def status_text(status: int) -> str:
    """Return an HTTP status for people. 0 stands for no answer."""
    return f"HTTP {status}" if status else "no answer"


def now() -> str:
    """Return the time as the API takes it."""
    stamp = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stamp)) + f".{int(stamp % 1 * 1_000):03d}Z"


def new_rid() -> str:
    """Return a random id for a run."""
    bits = os.urandom(16).hex()
    return "-".join((bits[:8], bits[8:12], "4" + bits[13:16], "a" + bits[17:20], bits[20:]))


def spool_folder() -> str:
    """Return the folder for reports that could not be sent, which only this user can read."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    folder = os.environ.get("DINGRUN_SPOOL") or os.path.join(state, "dingrun")
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    except OSError:
        pass
    folder = f"/tmp/dingrun-{os.getuid()}"  # noqa: S108 - checked below: nobody else's
    os.makedirs(folder, 0o700, exist_ok=True)
    status = os.lstat(folder)
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(errno.EACCES, "belongs to others", folder)
    return folder


class Spool:
    """Reports on disk, one file each. A report is stored before it is sent, and removed after it."""

    def __init__(self) -> None:
        self.folder = ""
        try:
            self.folder = spool_folder()
        except OSError as error:
            complain(f"reports cannot be kept for later: {error}")

    def put(self, report: Json) -> None:
        """Store the report of an end, completely or not at all."""
        path = os.path.join(self.folder, report["rid"] + ".json")
        try:
            with open(path + ".part", "w", encoding="utf-8") as file:
                json.dump(report, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(path + ".part", path)
        except OSError as error:
            complain(f"the report cannot be kept for later: {error}")

    def remove(self, rid: str) -> None:
        """Remove a report that was sent."""
        for suffix in (".json", ".json.part"):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self.folder, rid + suffix))

    def left(self) -> Iterator[Json]:
        """Yield the reports of earlier calls, oldest first. Another call cannot have one at the same time."""
        import fcntl

        names = [name for name in os.listdir(self.folder) if name.endswith(".json")] if self.folder else []
        paths = [os.path.join(self.folder, name) for name in names]
        for path in sorted(paths, key=_modified)[:MAX_SPOOLED_SENT]:
            with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - _modified(path) < MAX_SPOOL_SECONDS:
                    yield json.load(file)
                else:
                    os.unlink(path)


def _modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


class Reporter:
    """Reports one run: its start beside the command, its end after it."""

    def __init__(self, server: Server, options: argparse.Namespace, rid: str) -> None:
        self._server, self._options, self.rid = server, options, rid
        self._spool = Spool()
        self._start: Optional[threading.Thread] = None
        self._started = False  # the start has arrived
        self.started_at = now()

    def begin(self) -> None:
        """Report the start, and then what earlier calls could not send, without waiting for either."""
        self._start = threading.Thread(target=self._report_start, daemon=True)
        self._start.start()

    def _report_start(self) -> None:
        body = {"status": "running", "started_at": self.started_at, **self._about()}
        status, _ = self._send_run("/v1/runs/" + self.rid, body)
        self._started = 200 <= status < 300
        if status:
            for report in self._spool.left():
                if report["rid"] != self.rid:
                    self._deliver(report)

    def _about(self) -> Json:
        options, host = self._options, os.uname().nodename
        expect = {
            "cron": options.cron,
            "every": options.every,
            "grace": options.grace,
            "max_runtime": options.max_runtime,
            "timezone": options.tz,
        }
        expect = {name: value for name, value in expect.items() if value}
        about = {"schedule": options.slug, "labels": {"host": host}}  # type: Json
        return {**about, "expect": expect} if expect else about

    def end(self, outcome: Json, log: str) -> None:
        """Store and send the end. What cannot be sent in time stays in the spool."""
        run = {**self._about(), **outcome, "started_at": self.started_at, "ended_at": now()}
        files = [os.path.abspath(path) for path in self._options.file]
        report = {"rid": self.rid, "run": run, "log": log, "assets": self._options.assets, "files": files}
        self._spool.put(report)
        if self._start:
            self._start.join(START_GRACE_SECONDS)
        if self._deliver(report) and self._options.wait_delivered:
            self._wait_delivered()

    def _deliver(self, report: Json) -> bool:
        """Send a report: output and files first, so that they are there when the end is shown."""
        path, run = "/v1/runs/" + report["rid"], report["run"]
        status, answer = self._open(path, report)
        complete = True
        if status:
            complete = self._send_extras(path, report)
            status, answer = self._send_run(path, run)
        if (complete and 200 <= status < 300) or status in GONE:
            self._spool.remove(report["rid"])
        if not 200 <= status < 300:
            reason = answer.get("detail") or answer.get("title") or status_text(status)
            later = "" if status in GONE else ", the next call reports it"
            complain(f"the end of {run['schedule']} was not reported: {reason}{later}")
        return 200 <= status < 300

    def _send_run(self, path: str, run: Json) -> Tuple[int, Json]:
        """Send what is known of the run. An invalid `--cron` does not keep its end from being told."""
        status, answer = self._server.send("PUT", path, run)
        if status == INVALID and "expect" in run:
            complain("when it should run was refused: {}".format(answer.get("detail", "")))
            rest = {key: value for key, value in run.items() if key != "expect"}
            status, answer = self._server.send("PUT", path, rest)
        return status, answer

    def _open(self, path: str, report: Json) -> Tuple[int, Json]:
        """Make sure that the run is known before something is added to it, as its start may be lost."""
        has_extras = report["log"] or report["assets"] or report["files"]
        if not has_extras or (self._started and report["rid"] == self.rid):
            return 200, {}
        about = {key: value for key, value in report["run"].items() if key in START_FIELDS}
        return self._server.send("PUT", path, {"status": "running", **about})

    def _send_extras(self, path: str, report: Json) -> bool:
        """Send output and files. False if something is to be sent again by the next call."""
        from urllib.parse import quote

        complete = True
        if report["log"]:
            key = report["rid"] + "-log"
            status, _ = self._server.send("POST", path + "/log", report["log"], Idempotency_Key=key)
            complete = not is_temporary(status)
        for each in report["assets"]:
            key = quote(each["key"], safe=",")
            headers = {"Content-Type": "application/x-ndjson"}
            if each["path"].endswith(".gz"):
                headers["Content-Encoding"] = "gzip"
            place = "{}/assets/{}?key={}".format(path, quote(each["kind"], safe=""), key)
            complete = self._upload(place, each["path"], headers) and complete
        for file in report["files"]:
            name = quote(os.path.basename(file), safe="")
            headers = {"Content-Type": "application/octet-stream"}
            complete = self._upload(f"{path}/files/{name}", file, headers) and complete
        return complete

    def _upload(self, path: str, file: str, headers: Dict[str, str]) -> bool:
        """Upload a file. False if it is to be sent again by the next call."""
        try:
            with open(file, "rb") as body:
                headers = {"Content-Length": str(os.fstat(body.fileno()).st_size), **headers}
                status, answer = self._server.send("PUT", path, body, UPLOAD_SECONDS, **headers)
        except OSError as error:
            complain(f"{file} was not sent: {error.strerror}")
            return True
        if not 200 <= status < 300:
            complain("{} was not sent: {}".format(file, answer.get("detail") or status_text(status)))
        return not is_temporary(status)

    def _wait_delivered(self) -> None:
        path = f"/v1/runs/{self.rid}?wait=delivered&within=60"
        _, answer = self._server.send("GET", path, None, WAIT_SECONDS)
        complain("delivery: {}".format(answer.get("push_status", "unknown")))


# ---------------------------------------------------------------------------------------------------- run


class Process:
    """The command as a child process, with signals passed on to it."""

    def __init__(self, options: argparse.Namespace, tail: Tail) -> None:
        self._own_group = not os.isatty(0)  # a command at a terminal stays in its group, to read from it
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._early: List[int] = []  # signals that came before the child was there
        self.stopped_by = ""  # the last signal that was passed on and usually ends a command
        self.timed_out = False
        piped = not options.no_output or bool(options.count) or options.quiet_ok
        pipe = subprocess.PIPE if piped else None
        self._wakeup, wakeup = os.pipe()  # is written to by a signal, and at the end of the command
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        self._pass_signals()
        child = subprocess.Popen(  # noqa: S603 - running it is what this program is for
            options.command, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=self._own_group
        )
        self._child = child
        threading.Thread(target=lambda: (child.wait(), os.write(wakeup, b"\0")), daemon=True).start()
        for number in self._early:
            self.kill(number)
        self.streams: List[Stream] = []
        for source, target in ((child.stdout, 1), (child.stderr, 2)):
            if source:
                self.streams.append(Stream(source, target, tail, options))  # type: ignore[arg-type]

    def _pass_signals(self) -> None:
        for name in PASSED_SIGNALS:
            number = getattr(signal, f"SIG{name}")
            if not self._own_group and name in TERMINAL_SIGNALS:
                signal.signal(number, lambda *_: None)
            elif signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
                signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, RUNNER_SIGNALS)  # see `Runner._start`

    def _on_signal(self, number: int, _frame: object) -> None:
        name = signal.Signals(number).name
        if name[len("SIG") :] in STOP_SIGNALS:
            self.stopped_by = name
        if self._child is None:
            self._early.append(number)
        self.kill(number)

    def kill(self, number: int) -> None:
        """Send a signal to the command and, in a session of its own, to all of its processes."""
        child = self._child
        if child is None or child.returncode is not None:
            return
        with contextlib.suppress(OSError):
            (os.killpg if self._own_group else os.kill)(child.pid, number)

    def wait(self, limit: Optional[float]) -> int:
        """Wait for the end. Returns the status as `subprocess` gives it: negative for a signal."""
        child = self._child
        if child is None:
            raise RuntimeError("the command has not started")
        for grace, number in ((limit, signal.SIGTERM), (KILL_GRACE_SECONDS, signal.SIGKILL)):
            if limit is not None and not self._ends_within(child, grace):
                self.timed_out = True
                self.kill(number)
        self._ends_within(child, None)
        return int(child.returncode)

    def _ends_within(self, child: subprocess.Popen[bytes], limit: Optional[float]) -> bool:
        """Wait for the end, and pass on signals meanwhile, also one that came just before the wait."""
        deadline = None if limit is None else time.monotonic() + limit
        while child.returncode is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            if select.select([self._wakeup], [], [], left)[0]:
                os.read(self._wakeup, CHUNK_BYTES)
        return True

    def finish_output(self) -> None:
        """Wait for the rest of the output. Processes that the command left behind do not hold it up."""
        deadline = time.monotonic() + OUTPUT_GRACE_SECONDS
        for stream in self.streams:
            stream.thread.join(max(0.0, deadline - time.monotonic()))


def outcome_of(process: Process, code: int) -> Json:
    """Return how the command ended, as the API takes it."""
    outcome = {"exit_code": code if code >= 0 else 128 - code}  # type: Json
    outcome["status"] = "success" if code == 0 else "failed"
    if code < 0:
        outcome["signal"] = signal.Signals(-code).name
    if process.timed_out:
        outcome.update(status="timed_out", error="ended by --kill-after")
    elif code < 0 and process.stopped_by:
        outcome["status"] = "stopped"
    found = merged([stream.found for stream in process.streams])
    if found:
        outcome["counts"] = dict(list(found.items())[:MAX_COUNTS])
    return outcome


def last_line(streams: Sequence[Stream]) -> str:
    """Return the last line of stderr, or else of stdout: the reason of a failure."""
    lines = [line.strip() for stream in streams for line in plain(stream.last).splitlines()]
    return next((line[:MAX_REASON] for line in reversed(lines) if line), "")


def lost_output(streams: Sequence[Stream]) -> str:
    """Say why output could not be written, if so."""
    lost = next((stream.lost for stream in streams if stream.lost), "")
    return f"\n[output could not be written: {lost}]" if lost else ""


def merged(streams: Sequence[Dict[str, Tuple[int, bool]]]) -> Dict[str, int]:
    """Add up the matches in all streams. Of numbers, the last one counts."""
    found: Dict[str, int] = {}
    for stream in streams:
        for name, (number, is_sum) in stream.items():
            found[name] = found.get(name, 0) + number if is_sum else number
    return found


def run_command(options: argparse.Namespace) -> int:
    """Run the command, report it, and return its exit status."""
    lock = hold_lock(options)
    if lock is None:
        complain(f"{options.slug} is still running here, skipped")
        return 0
    server = Server.from_environment()
    reporter = Reporter(server, options, options.rid or new_rid()) if server else None
    if reporter:
        os.environ["DINGRUN_RUN"] = reporter.rid
    running = mark_running(reporter.rid) if reporter else None
    tail = Tail(0 if options.no_output else options.tail)
    try:
        process = Process(options, tail)
    except OSError as error:
        unmark_running(running)
        return could_not_start(reporter, options, error)
    if reporter:
        reporter.begin()
    code = process.wait(options.kill_after)
    process.finish_output()
    outcome = outcome_of(process, code)
    for stream in process.streams if code else ():
        stream.show()
    unmark_running(running)
    if reporter:
        log = tail.text()
        reason = {"error": last_line(process.streams)} if log and outcome["status"] == "failed" else {}
        reporter.end({**reason, **outcome}, log + lost_output(process.streams))
    return int(outcome["exit_code"])


def running_path(rid: str) -> str:
    """Return the file that says which process executes a run, for the runner of this host."""
    return os.path.join(spool_folder(), RUN_MARK + re.sub(r"[^A-Za-z0-9_-]", "_", rid))


def mark_running(rid: str) -> Optional[Any]:
    """Write down that this process executes a run. The lock on the file ends with the process."""
    import fcntl

    try:
        file = open(running_path(rid), "w", encoding="utf-8")  # noqa: SIM115
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(str(os.getpid()))
        file.flush()
    except OSError:
        return None  # it cannot be stopped from the chat then
    return file


def unmark_running(file: Optional[Any]) -> None:
    """Remove the file of a run that has ended."""
    if file:
        with contextlib.suppress(OSError):
            os.unlink(file.name)


def process_of(rid: str) -> int:
    """Return the process that executes a run, or 0. A file without its lock was left by a dead one."""
    import fcntl

    path = running_path(rid)
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read())
        os.unlink(path)
    return 0


def sweep(folder: str) -> None:
    """Remove the marks of commands that are given out no more, and of runs whose process was killed."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if not name.startswith((COMMAND_MARK, RUN_MARK)) or time.time() - _modified(path) < MAX_MARK_SECONDS:
            continue
        if name.startswith(RUN_MARK):
            process_of(name[len(RUN_MARK) :])
        else:
            os.unlink(path)


def could_not_start(reporter: Optional[Reporter], options: argparse.Namespace, error: OSError) -> int:
    """Report a command that does not exist or cannot be executed, as a shell would."""
    code = NOT_FOUND if error.errno == errno.ENOENT else NOT_EXECUTABLE
    text = f"{options.command[0]}: {error.strerror}"
    complain(text)
    if reporter:
        reporter.end({"status": "failed", "exit_code": code, "error": text}, "")
    return code


def hold_lock(options: argparse.Namespace) -> Optional[object]:
    """Take the lock of the slug if wanted. Returns None if another call has it and this one is to be skipped.

    The lock ends with this process, however it ends.
    """
    if not options.lock:
        return object()
    import fcntl

    try:
        file = open(os.path.join(spool_folder(), options.slug + ".lock"), "w", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        complain(f"cannot lock, running all the same: {error}")
        return object()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if options.lock == "skip" else 0))
    except BlockingIOError:
        return None
    return file


# ------------------------------------------------------------------------------------------------- runner


class Runner:
    """Waits for commands from the chat, and executes only what `--allow` names."""

    def __init__(self, server: Server, options: argparse.Namespace) -> None:
        self._server, self._host = server, options.runner
        self._allowed = dict(options.allow)
        self._children: Dict[str, subprocess.Popen[bytes]] = {}
        self._folder = spool_folder()

    def run(self) -> int:
        """Ask for commands until a signal ends the program. What is running goes on."""
        pause = 1.0
        while True:
            asked = time.monotonic()
            status, answer = self._server.attempt("GET", self._path(), None, {}, 45.0)
            if status == 200:
                pause = 1.0
                for command in answer.get("commands") or []:
                    self._take(command)
                time.sleep(max(0.0, IDLE_SECONDS - (time.monotonic() - asked)))
            else:
                complain(f"no commands: {status_text(status)}")
                time.sleep(pause)
                pause = 1.0 if status == TOO_MANY else min(pause * 2, 60.0)
            self._children = {rid: child for rid, child in self._children.items() if child.poll() is None}

    def _path(self) -> str:
        from urllib.parse import quote

        return "/v1/commands?runner={}&wait=30".format(quote(self._host, safe=""))

    def _take(self, command: Json) -> None:
        """Carry out a command once, whatever happens: the mark on disk comes before the act."""
        refused = ""
        acts: Dict[str, Callable[[Json], str]] = {"run.rerun": self._start, "run.stop": self._stop}
        try:
            if self._mark(str(command["id"])):
                refused = acts.get(str(command.get("type")), self._unknown)(command)
        except OSError as error:  # such as a full disk, or a process that has ended just now
            refused = f"{self._host}: {error.strerror}"
        if refused:
            complain("{}: {}".format(command["schedule"], refused))
        outcome = {"outcome": "refused", "reason": refused} if refused else {"outcome": "accepted"}
        self._server.send("POST", "/v1/commands/{}/done".format(command["id"]), outcome)

    def _mark(self, id_: str) -> bool:
        """Write down that a command is carried out. False if it was before."""
        sweep(self._folder)
        try:
            path = os.path.join(self._folder, COMMAND_MARK + re.sub(r"[^A-Za-z0-9_-]", "", id_))
            with open(path, "x", encoding="utf-8"):
                return True
        except FileExistsError:
            return False

    def _start(self, command: Json) -> str:
        words = self._allowed.get(command["schedule"])
        if not words:
            return f"not allowed on {self._host}"
        rid = str(command["rid"])
        argv = [
            sys.executable,
            os.path.abspath(__file__),
            "-s",
            command["schedule"],
            "--rid",
            rid,
            *words,
        ]
        signal.pthread_sigmask(signal.SIG_BLOCK, RUNNER_SIGNALS)  # the child unblocks them when it is ready
        try:
            self._children[rid] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, RUNNER_SIGNALS)
        return ""

    def _stop(self, command: Json) -> str:
        """Stop a run of this host, whoever started it. Only those of slugs that `--allow` names."""
        rid = str(command["rid"])
        child = self._children.get(rid)
        if child and child.poll() is None:
            child.terminate()
            return ""
        process = process_of(rid) if command["schedule"] in self._allowed else 0
        if not process:
            return f"not running on {self._host}"
        os.kill(process, signal.SIGTERM)
        return ""

    def _unknown(self, command: Json) -> str:
        return "unknown command {}".format(command.get("type"))


def main() -> None:
    """Run the program."""
    options = parse(sys.argv[1:])
    if not options.runner:
        sys.exit(run_command(options))
    server = Server.from_environment()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.exit(Runner(server, options).run() if server else 2)


if __name__ == "__main__":
    main()
