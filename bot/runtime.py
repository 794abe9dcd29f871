"""This process: its clock, its name, and what the machine lets it use."""

import math
import os
import secrets
import socket
from datetime import UTC, datetime
from pathlib import Path

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of each period, or `max`


def utc_now() -> datetime:
    return datetime.now(UTC)


def owner_name() -> str:
    """Names this process in leases: host, process, and a part that no restart repeats."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def usable_cpus(limit: Path = CPU_LIMIT) -> int:
    """Count the processors that this process may use: those of the machine, or fewer in a container."""
    cpus = len(os.sched_getaffinity(0))
    try:
        quota, period = limit.read_text(encoding="ascii").split()
        return max(1, min(cpus, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # no container, or one without a limit
        return cpus
