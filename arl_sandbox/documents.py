"""ARL's constants, time format and target parsing. Pure functions."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")  # the time zone of all ARL containers
NO_TIME = "-"  # stands for a time that is not set
RECURRENT_SCAN, FUTURE_SCAN = "recurrent_scan", "future_scan"
RISK_CRUISING = "risk_cruising"
FINAL_STATES = frozenset({"done", "error", "stop"})
TASK_NAME_PREFIXES = {RECURRENT_SCAN: "周期任务", FUTURE_SCAN: "定时任务"}
MAX_SCHEDULE_NAME_LENGTH = 15  # longer names are cut in the names of tasks

NON_PUBLIC_SUFFIXES = frozenset({
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
    "test",
})  # ARL checks the public suffix list. These are the common suffixes that are not in it.
# As `is_vaild_ip_target` in app/utils/ip.py: octets of any size, any character before a range's last part.
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?|\d+\.\d+\.(\d+\D\d+|\d{3,})-\d+")
_DOMAIN = re.compile(r"([\w-]+\.)+[\w-]+")
_ID = re.compile(r"[0-9a-fA-F]{24}")


def is_id(text: object) -> bool:
    """Return True for a valid MongoDB ObjectId. ARL fails with HTTP 500 on anything else."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def format_time(time: datetime) -> str:
    """Format a time as ARL does: local time without a zone."""
    return time.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def split_target(target: str) -> tuple[list[str], list[str]]:
    """Split a target into (addresses, domains), lower case and without duplicates."""
    words = list(dict.fromkeys(word for word in re.split(r"[,\s]+", target.lower()) if word))
    return [word for word in words if is_address(word)], [word for word in words if not is_address(word)]


def is_address(word: str) -> bool:
    return _ADDRESS.fullmatch(word) is not None


def is_domain(word: str) -> bool:
    """Return True for a domain with a public suffix: `a.example.com`, but not `a.example`."""
    last = word.rpartition(".")[2]
    return _DOMAIN.fullmatch(word) is not None and last not in NON_PUBLIC_SUFFIXES and not last.isdecimal()
