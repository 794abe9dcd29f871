"""Read values of foreign events. Nothing here raises but `BadEventError`. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.external.merge import RunReport
from bot.external.models import RunLink

Event = Mapping[str, Any]

MAX_SLUG_LENGTH = 60
MAX_ID_LENGTH = 64
MAX_TEXT_CHARACTERS = 500
MAX_LINE_CHARACTERS = 200
_NOT_SLUG = re.compile(r"[^a-z0-9_-]+")
_NOT_ID = re.compile(r"[^A-Za-z0-9._:-]")
_HTTP = re.compile(r"https?://[^\s<>\"]{1,2000}")


class BadEventError(Exception):
    """An event lacks what a report needs."""


@dataclass(frozen=True, kw_only=True)
class EventReport:
    """A report that an event stands for."""

    slug: str
    client_id: str
    report: RunReport


def at(event: object, *path: str) -> Any:
    """Return the value at a path of keys, or None."""
    for name in path:
        if not isinstance(event, Mapping):
            return None
        event = event.get(name)
    return event


def text_at(event: object, *path: str) -> str:
    """Return the text or number at a path, or ""."""
    value = at(event, *path)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def required(event: object, *path: str) -> str:
    """Return the text at a path. Raises `BadEventError` if there is none."""
    value = text_at(event, *path)
    if not value:
        raise BadEventError(f"{'.'.join(path)} is missing")
    return value


def items_at(event: object, *path: str) -> Sequence[Event]:
    """Return the documents in the list at a path."""
    value = at(event, *path)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else ()


def slug_from(*names: str) -> str:
    """Build a slug from names. One without any letter that a slug takes gets a hash."""
    joined = "-".join(filter(None, names))
    slug = _NOT_SLUG.sub("-", joined.lower()).strip("-")[:MAX_SLUG_LENGTH].strip("-")
    return slug or "x-" + hashlib.sha256(joined.encode(errors="replace")).hexdigest()[:12]


def id_from(*parts: str) -> str:
    """Build the id of a run from parts. A long one gets a hash."""
    joined = _NOT_ID.sub("_", ":".join(filter(None, parts)))
    if len(joined) <= MAX_ID_LENGTH:
        return joined
    return hashlib.sha256(joined.encode()).hexdigest()


def time_at(event: object, *path: str) -> datetime | None:
    """Return the time at a path: RFC 3339, `2026-12-01 03:00:00 UTC`, or (milli)seconds since 1970."""
    value = at(event, *path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(float(value))
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    try:
        time = datetime.fromisoformat(value.strip().replace(" UTC", "+00:00"))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _from_epoch(number: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(number / 1000 if number > 10**11 else number, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def line(text: str) -> str:
    """Return a text as one short line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_LINE_CHARACTERS]


def links_to(url: str, title: str) -> tuple[RunLink, ...] | None:
    """Return a link, if there is an address."""
    return (RunLink(title=title, url=url),) if _HTTP.fullmatch(url) else None


def event_key(*parts: str) -> str:
    """Return the key under which an event counts once."""
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:24]
