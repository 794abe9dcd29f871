"""Limit the connections of the web server: their number, their duration, and the log lines of their faults.

A connection is dropped if

- the headers of its next request are not complete in time (aiohttp's keep-alive timer covers this too),
- the client does not read a piece of the response in time.
"""

import asyncio
import logging
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.telemetry.metrics import Metrics
from bot.web.clients import Network, is_within

log = logging.getLogger(__name__)

DESCRIPTORS_PER_CONNECTION = 4  # a download has two, and the rest of the service needs some as well
SEND_BUFFER_BYTES = 256 * 1024  # of the kernel: what lies there has left us, but not arrived
LOG_INTERVAL_SECONDS = 60.0
LINGER_SECONDS = 2.0  # for the rest of a body that nobody reads


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """Limits of connections. `per_address` does not apply to our reverse proxies."""

    total: int = 200
    per_address: int = 50
    header_seconds: float = 15.0
    send_seconds: float = 60.0  # for one piece of an answer


class FaultLog:
    """Counts faults by kind and logs one line per kind and minute."""

    def __init__(self, metrics: Metrics, *, now: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._now = now
        self._logged: dict[str, float] = {}
        self._held_back: Counter[str] = Counter()

    def note(self, kind: str, address: str, *, bug: BaseException | None = None) -> None:
        """Count a fault. A `bug` is logged with its traceback."""
        self._metrics.web_fault(kind)
        now = self._now()
        if now - self._logged.get(kind, -LOG_INTERVAL_SECONDS) < LOG_INTERVAL_SECONDS:
            self._held_back[kind] += 1
            return
        self._logged[kind] = now
        level, before = logging.ERROR if bug else logging.INFO, self._held_back.pop(kind, 0)
        log.log(level, "web: %s from %s (and %d before)", kind, address, before, exc_info=bug)


class ConnectionPool:
    """The protocol factory of the web server."""

    def __init__(
        self, server: web.Server, limits: ConnectionLimits, faults: FaultLog, proxies: Sequence[Network] = ()
    ) -> None:
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.limits = limits
        self.faults = faults
        self._server = server
        self._total = min(limits.total, descriptors // DESCRIPTORS_PER_CONNECTION)
        self._proxies = proxies
        self._open: dict[Connection, str] = {}  # oldest first, with their addresses

    def __call__(self) -> "Connection":
        return Connection(self, self._server)

    @property
    def open(self) -> int:
        """Return the number of connections."""
        return len(self._open)

    def admit(self, connection: "Connection", address: str) -> bool:
        """Admit a connection, or return False. If the limit is reached, the oldest idle one is dropped.

        A client with many idle connections therefore locks nobody out, not even others of its address.
        """
        same = [each for each, its in self._open.items() if its == address]
        crowded = len(same) >= self.limits.per_address and not is_within(address, self._proxies)
        if crowded or self.open >= self._total:
            self.faults.note("too many connections", address)
            idle = next((each for each in (same if crowded else self._open) if each.is_idle), None)
            if idle is None:
                return False
            self.release(idle)
            idle.drop()
        self._open[connection] = address
        return True

    def release(self, connection: "Connection") -> None:
        """Release a connection. Idempotent."""
        self._open.pop(connection, None)


class Connection(web.RequestHandler):
    """One connection, within the limits of its pool."""

    def __init__(self, pool: ConnectionPool, server: web.Server) -> None:
        options: dict[str, Any] = {"access_log": None, "logger": log}
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=pool.limits.header_seconds,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,  # the API unpacks bodies itself, within limits
            **options,
        )
        self._pool = pool
        self._address: str | None = None  # once it has a place
        self.is_busy = False  # while a request is handled; the server says so
        self._send_timer: asyncio.TimerHandle | None = None
        self._wire: asyncio.Transport | None = None  # the base class forgets its own too early

    @property
    def is_idle(self) -> bool:
        """Tell if no request is handled or answered."""
        return not self.is_busy and self._send_timer is None

    def drop(self) -> None:
        """Close it at once, without sending the rest."""
        if self._wire is not None:
            self._wire.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = wire = cast(asyncio.Transport, transport)
        address = str((wire.get_extra_info("peername") or ("",))[0])
        if not self._pool.admit(self, address):
            wire.abort()
            return
        self._address = address
        wire.set_write_buffer_limits(high=0)  # so that a pause says: something waits to be taken
        wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._address is None:
            return
        self._pool.release(self)
        self._stop_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        loop = asyncio.get_running_loop()
        self._send_timer = loop.call_later(self._pool.limits.send_seconds, self._give_up)

    def resume_writing(self) -> None:
        self._stop_timer()
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that cannot be parsed, or an unexpected error, with one log line."""
        if exc is not None:
            self._note(exc)
        return super().handle_error(request, status, None, message)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Count the errors of the base class. Those that `handle_error` passes on are counted already."""
        error = kw.get("exc_info", RuntimeError(*args))
        if error is not None:
            self._note(error)

    def _note(self, error: BaseException) -> None:
        bug = None if isinstance(error, HttpProcessingError) else error
        self._pool.faults.note(type(error).__name__, self._address or "", bug=bug)

    def _give_up(self) -> None:
        self._pool.faults.note("answer not read", self._address or "")
        self.drop()

    def _stop_timer(self) -> None:
        timer, self._send_timer = self._send_timer, None
        if timer is not None:
            timer.cancel()
