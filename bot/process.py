"""This process: its clock, and its name."""

import os
import secrets
import socket
from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


def owner_name() -> str:
    """Names this process in leases: host, process, and a part that no restart repeats."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
