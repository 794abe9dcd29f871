"""This process: clock, owner name, CPU limit and signals."""

import asyncio
import math
import os
import secrets
import signal
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of each period, or `max`


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def owner_name() -> str:
    """Return the name of this process in leases: host, process id and a random part."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def usable_cpus(limit: Path = CPU_LIMIT) -> int:
    """Return the number of CPUs that this process may use, with the limit of a container."""
    cpus = len(os.sched_getaffinity(0))
    try:
        quota, period = limit.read_text(encoding="ascii").split()
        return max(1, min(cpus, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # not in a container, or without a limit
        return cpus


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, but no longer than this."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
