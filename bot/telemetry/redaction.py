"""Addresses that may hold a name and a password: how they are shown, and what in them never is."""

import re
from urllib.parse import parse_qsl, unquote

STARS = "***"
_USER = re.compile(r"(://)[^\s/@\[\]'\"]{1,300}@")
_QUERY = re.compile(r"(://[^\s?'\"]{1,300}\?|access_token=)[^\s'\"]{1,999}")
_KEY = re.compile(r"SEC[0-9a-f]{32,99}")
SECRET_OPTIONS = ("password", "properties")  # as in `tlsCertificateKeyFilePassword`


def redact_url(address: str) -> str:
    """The address with stars for whoever it names and for its options."""
    scheme, mark, rest = address.partition("://")
    who, at, where = rest.rpartition("@")
    place, question, _ = where.partition("?")
    return f"{scheme}{mark}{STARS if who else ''}{at}{place}{question}{STARS if question else ''}"


def mask_addresses(text: str) -> str:
    """Put stars into free text for what addresses in it tell of people and keys, and for robots' keys."""
    text = _USER.sub(rf"\1{STARS}@", text)
    return _KEY.sub(STARS, _QUERY.sub(rf"\1{STARS}", text))


def find_secrets(address: str) -> set[str]:
    """Collect the passwords of an address, as written and decoded."""
    rest = address.partition("://")[2]
    who, _, where = rest.rpartition("@")
    options = parse_qsl(where.partition("?")[2])
    held = [value for name, value in options if name.lower().endswith(SECRET_OPTIONS)]
    password = who.partition(":")[2]
    return {word for word in (password, unquote(password), *held) if word}
