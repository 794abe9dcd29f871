"""Depth limit and redaction of JSON bodies. Pure functions."""

from collections.abc import Mapping
from typing import Any

from yarl import URL

MAX_JSON_DEPTH = 50
"""No real request is nested deeper."""

SECRET_FIELDS = {
    "access_token", "accesstoken", "appsecret", "clientsecret", "client_secret", "device_code", "nonce",
    "session", "sessionwebhook", "sign", "ticket",
}  # fmt: skip


def is_too_deep(value: Any, levels: int = MAX_JSON_DEPTH) -> bool:
    """Return True if a JSON value is nested deeper than `levels`."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(is_too_deep(v, levels - 1) for v in inner)


def redact(value: Any) -> Any:
    """Return a copy of a JSON value with secrets replaced by `***`."""
    if isinstance(value, Mapping):
        return {k: "***" if str(k).lower() in SECRET_FIELDS else redact(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact(v) for v in value]
    return value


def redact_address(url: str) -> str:
    """Return a URL without user, password and query, which may be secrets. Of anything else, return ""."""
    try:
        return str(URL(url).with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return ""
