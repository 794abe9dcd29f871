"""Redaction of URLs that may contain a user name, a password or a key."""

import re
from urllib.parse import parse_qsl, unquote

STARS = "***"
_USER = re.compile(r"(://)[^\s/@\[\]'\"]{1,300}@")
_QUERY = re.compile(r"(://[^\s?'\"]{1,300}\?|access_token=)[^\s'\"]{1,999}")
_KEY = re.compile(r"SEC[0-9a-f]{32,99}")
SECRET_OPTIONS = ("password", "properties")  # as in `tlsCertificateKeyFilePassword`


def redact_url(address: str) -> str:
    """Mask user, password and options of a URL."""
    scheme, mark, rest = address.partition("://")
    who, at, where = rest.rpartition("@")
    place, question, _ = where.partition("?")
    return f"{scheme}{mark}{STARS if who else ''}{at}{place}{question}{STARS if question else ''}"


def mask_addresses(text: str) -> str:
    """Mask credentials of URLs, and keys of robots, in free text."""
    text = _USER.sub(rf"\1{STARS}@", text)
    return _KEY.sub(STARS, _QUERY.sub(rf"\1{STARS}", text))


def find_secrets(address: str) -> set[str]:
    """Return the passwords in a URL, as written and decoded."""
    rest = address.partition("://")[2]
    who, _, where = rest.rpartition("@")
    options = parse_qsl(where.partition("?")[2])
    held = [value for name, value in options if name.lower().endswith(SECRET_OPTIONS)]
    password = who.partition(":")[2]
    return {word for word in (password, unquote(password), *held) if word}


def find_url_parts(address: str) -> set[str]:
    """Return every part of a URL that is a secret as a whole, as written and decoded.

    Of its host only a name without a dot counts, which is a key in many URLs of Apprise.
    """
    rest = address.partition("://")[2]
    who, _, where = rest.rpartition("@")
    host, *path = re.split(r"[/?#&=]", where)
    words = [address, rest, where, *who.split(":"), *path, *([] if "." in host else re.split(":", host))]
    return {form for word in words for form in (word, unquote(word)) if form and form != "localhost"}
