"""Make texts of requests fit for the audit: visible, short and without secrets. Pure."""

import re
from dataclasses import replace

from bot.foreign_text import printable
from bot.models import AuditEntry
from bot.telemetry.logging import redacted
from bot.telemetry.redaction import STARS, mask_addresses
from cards.escaping import cut

MAX_SAID_CHARACTERS = 200
MAX_DETAIL_CHARACTERS = 200
MAX_NAME_CHARACTERS = 100

_READ_CHARACTERS = 2_000  # of a longer text, the rest is not looked at
_REPORT_TOKEN = re.compile(r"(/reports/)[^\s/?#\"'<>)\]]{1,200}")


def redact_entry(entry: AuditEntry) -> AuditEntry:
    """Return the entry with all texts from outside shortened, in one line and without secrets."""
    actor = replace(entry.actor, name=_clean(entry.actor.name, MAX_NAME_CHARACTERS))
    return replace(
        entry,
        actor=actor,
        place_name=_clean(entry.place_name, MAX_NAME_CHARACTERS),
        said=_clean(entry.said, MAX_SAID_CHARACTERS),
        detail=_clean(entry.detail, MAX_DETAIL_CHARACTERS),
    )


def _clean(text: str, length: int) -> str:
    """Return one line of at most `length` characters, with download links, keys and passwords masked."""
    line = " ".join(printable(text[:_READ_CHARACTERS]).split())
    masked = _REPORT_TOKEN.sub(rf"\1{STARS}", redacted(mask_addresses(line)))
    return cut(masked, length)
