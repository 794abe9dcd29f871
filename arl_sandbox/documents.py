"""How ARL reads targets and writes times, and the words it has for states. Pure."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")  # of all its containers
NO_TIME = "-"  # a time that has not come
RECURRENT_SCAN, FUTURE_SCAN = "recurrent_scan", "future_scan"
RISK_CRUISING = "risk_cruising"
FINAL_STATES = frozenset({"done", "error", "stop"})
TASK_NAME_PREFIXES = {RECURRENT_SCAN: "周期任务", FUTURE_SCAN: "定时任务"}
MAX_SCHEDULE_NAME_LENGTH = 15  # of a schedule's name, in the names of its tasks

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
})  # ARL looks a domain up in the list of public suffixes; of what is not in it these are written most
# As `is_vaild_ip_target` of app/utils/ip.py: numbers of any size, and any sign before a range's last one.
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?|\d+\.\d+\.(\d+\D\d+|\d{3,})-\d+")
_DOMAIN = re.compile(r"([\w-]+\.)+[\w-]+")
_ID = re.compile(r"[0-9a-fA-F]{24}")


def is_id(text: object) -> bool:
    """Whether MongoDB's driver takes it for an id; ARL fails with HTTP 500 on anything else."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def format_time(time: datetime) -> str:
    """A time as ARL writes it: its own, without a zone."""
    return time.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def split_target(target: str) -> tuple[list[str], list[str]]:
    """The addresses (ranges, networks) and the domains of a line, each once, in lower case."""
    words = list(dict.fromkeys(word for word in re.split(r"[,\s]+", target.lower()) if word))
    return [word for word in words if is_address(word)], [word for word in words if not is_address(word)]


def is_address(word: str) -> bool:
    return _ADDRESS.fullmatch(word) is not None


def is_domain(word: str) -> bool:
    """Whether it ends as domains do: `a.example.com` does, `a.example` does not."""
    last = word.rpartition(".")[2]
    return _DOMAIN.fullmatch(word) is not None and last not in NON_PUBLIC_SUFFIXES and not last.isdecimal()
