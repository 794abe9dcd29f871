"""Mask cracked passwords, keys and tokens in a report. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from bot.assets.kinds import HARMLESS_RECORDS
from bot.assets.values import LINE_BREAK, Document, text, unique

MASK = "••••••"
MAX_VISIBLE_KEY_CHARACTERS = 4  # by which its owner recognizes a long key
MIN_LONG_KEY_CHARACTERS = 16

_SENSITIVE_NAMES = (
    r"pass(?:w(?:or)?d)?|pwd|secret|token|api_?key|access_?key|private_?key|auth(?:orization)?|credential"
    r"|session|cookie|密码|口令|密钥"
)
_FIELD = re.compile(rf"(?i){_SENSITIVE_NAMES}|^[as]k$|^key$")
_ASSIGNED = re.compile(  # bounded repeats: foreign text must not choose how long this takes
    rf"(?i)((?:{_SENSITIVE_NAMES}|(?<=[?&])key)[\w.-]{{0,32}}[\"']?\s{{0,4}}[:=：]\s{{0,4}}[\"']?"
    r"(?:(?:bearer|basic)\s{1,4})?)"
    r"((?<=\")[^\"]+|(?<=')[^']+|[^\s\"'&,;}]+)"
)
_ACCOUNT = re.compile(
    r"(?i)user|name|login|account|host|port|url|target|^ip$"
)  # names a place or an account, not a secret
_USERINFO = re.compile(r"(://[^\s/:@]*:)([^\s/@]+)(@)")
_PAIR = re.compile(r"([^\s:/|]{1,64}[:/|])(\S+)")


@dataclass(frozen=True)
class Secret:
    """A secret value. Comparisons use `plain`; cells show `masked` unless `reports.show_secrets` is set."""

    plain: str
    masked: str


def mask_if_changed(plain: str, masked: str) -> Secret | str:
    return plain if plain == masked else Secret(plain, masked)


def join_masked(values: Iterable[Secret | str]) -> Secret | str:
    """Join values for one cell, without repetitions."""
    found = [value if isinstance(value, Secret) else Secret(value, value) for value in values]
    plain, masked = unique(value.plain for value in found), unique(value.masked for value in found)
    return mask_if_changed(LINE_BREAK.join(plain), LINE_BREAK.join(masked))


def mask_key(value: str) -> str:
    """Mask a key. The first characters of a long key stay visible."""
    return value[:MAX_VISIBLE_KEY_CHARACTERS] + MASK if len(value) >= MIN_LONG_KEY_CHARACTERS else MASK


def mask_text(value: str) -> str:
    """Mask the passwords of URLs, and the values assigned to sensitive names."""
    return _ASSIGNED.sub(rf"\1{MASK}", _USERINFO.sub(rf"\1{MASK}\3", value))


def masked_evidence(document: Document) -> Secret | str:
    """Mask `verify_data` of a vulnerability: a mapping, its JSON, `user:password`, or a response text."""
    found = document.get("verify_data")
    if isinstance(found, str) and found.lstrip()[:1] == "{":
        with suppress(ValueError, RecursionError):  # not JSON: treated as text
            found = json.loads(found)
    cracked = document.get("plg_type") == "brute"
    if isinstance(found, Mapping):
        masked = {key: _mask_field(text(key), text(value), cracked) for key, value in found.items()}
        return mask_if_changed(_format_fields(found), _format_fields(masked))
    plain = text(found)
    return mask_if_changed(plain, _mask_pair(plain, cracked))


def _format_fields(found: Mapping[str, object]) -> str:
    return ", ".join(f"{text(key)}: {text(value)}" for key, value in found.items())


def _mask_field(name: str, value: str, cracked: bool) -> str:
    """Mask a field. Of cracked logins, only fields known to be harmless stay visible."""
    if _FIELD.search(name) or (cracked and not _ACCOUNT.search(name)):
        return value and MASK
    return mask_text(value)


def _mask_pair(value: str, cracked: bool) -> str:
    pair = _PAIR.fullmatch(value.strip())
    if pair and "://" not in value:
        return pair[1] + MASK
    return MASK if cracked and value else mask_text(value)


def masked_content(document: Document) -> Secret | str:
    """Mask `content` of a WIH record. Record types that are not known to be harmless count as keys."""
    plain = text(document.get("content"))
    harmless = text(document.get("record_type")).lower() in HARMLESS_RECORDS
    return mask_if_changed(plain, mask_text(plain) if harmless else mask_key(plain))
