"""`dingrun audit`: print who asked for what, as a table or as JSON lines. The audit is only read."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.audit.reader import AuditReader
from bot.config.loader import Settings
from bot.errors import ConfigError
from bot.models import AuditChannel, AuditEntry
from bot.runtime import utc_now
from bot.telemetry.logging import for_terminal
from bot.wiring.stores import open_stores
from cards.environment import TEMPLATES, read_yaml

PIPE_WIDTH = 240  # characters of a line that no terminal shows
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

_SPAN = re.compile(r"(\d{1,5}) ?([mhd])")


@dataclass(frozen=True, kw_only=True)
class AuditQuery:
    """The entries to print. An empty filter matches all."""

    schedule: str = ""
    person: str = ""
    since: str = ""
    limit: int = 100


async def find_entries(settings: Settings, query: AuditQuery) -> Sequence[AuditEntry]:
    """Return the newest entries that match, newest first. Raises `ConfigError` for an unreadable time."""
    since = parse_since(query.since, utc_now(), settings.zone) if query.since else None
    stores = open_stores(settings.store.url)
    await stores.store.open()
    try:
        return await AuditReader(stores.audit).find(
            schedule=query.schedule, actor=query.person, since=since, limit=query.limit
        )
    finally:
        await stores.store.close()


def parse_since(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the time of `2026-11-28`, `2026-11-28 09:30`, or of a span before now such as `7d` or `12h`."""
    if span := _SPAN.fullmatch(text.strip()):
        return now - int(span[1]) * UNITS[span[2]]
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(f"--since takes 7d, 12h, 30m or 2026-11-28 [09:30], got {text!r}") from None
    return at if at.tzinfo else at.replace(tzinfo=zone)


def json_lines(entries: Sequence[AuditEntry]) -> Iterator[str]:
    """Yield each entry as a JSON object. Times are UTC in ISO 8601."""
    for entry in entries:
        yield json.dumps(asdict(entry) | {"at": entry.at.isoformat()}, ensure_ascii=False)


def print_table(entries: Sequence[AuditEntry], settings: Settings, *, file: TextIO | None = None) -> None:
    """Print a table as wide as the terminal, in the language and the time zone of the settings."""
    words = read_yaml(TEMPLATES / settings.lang / "words.yaml")
    table = Table(*words["audit_columns"], box=None, pad_edge=False)
    for entry in entries:
        cells = _cells(entry, settings.zone, words)
        table.add_row(*(Text(for_terminal(cell), overflow="fold") for cell in cells))
    out = file or sys.stdout
    Console(file=out, width=None if out.isatty() else PIPE_WIDTH).print(table)


def print_entries(
    entries: Sequence[AuditEntry], settings: Settings, *, form: str, say: Callable[[str], object]
) -> None:
    """Print entries in the form `table` or `jsonl`."""
    if form == "table":
        print_table(entries, settings)
    else:
        for line in json_lines(entries):
            say(line)


def _said(entry: AuditEntry) -> str:
    """Return the words, and what they were understood as if they do not say it, as in `2 (停止)`."""
    meant = entry.command if entry.channel is AuditChannel.MESSAGE and entry.command not in entry.said else ""
    return " ".join(part for part in (entry.said, meant and f"({meant})") if part)


def _cells(entry: AuditEntry, zone: ZoneInfo, words: Mapping[str, Any]) -> Sequence[str]:
    """Return the cells of a row, in the order of `audit_columns`. `words` are those of the cards."""
    detail = f": {entry.detail}" if entry.detail else ""
    rule, channel = words["rules"].get(entry.rule, entry.rule), words["channels"][entry.channel.value]
    return (
        f"{entry.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        " ".join(part for part in (entry.actor.name, entry.actor.id) if part) or "-",
        " ".join(part for part in (channel, entry.place_name or entry.place, entry.address) if part),
        _said(entry),
        entry.schedule_name,
        entry.run_id,
        rule if entry.allowed else f"✗ {rule}",
        f"{words['outcomes'][entry.outcome.value]}{detail}",
    )
