"""JSON bodies: how deep one may be, and which of its parts are secret. Pure."""

from collections.abc import Mapping
from typing import Any

MAX_JSON_DEPTH = 50
"""Deeper than any real request."""

SECRET_FIELDS = {
    "access_token", "accesstoken", "appsecret", "clientsecret", "client_secret", "sign", "session",
    "sessionwebhook", "ticket",
}  # fmt: skip


def is_too_deep(value: Any, levels: int = MAX_JSON_DEPTH) -> bool:
    """Whether a JSON value is nested deeper than any real request."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(is_too_deep(v, levels - 1) for v in inner)


def redact(value: Any) -> Any:
    """The same with secrets as stars."""
    if isinstance(value, Mapping):
        return {k: "***" if str(k).lower() in SECRET_FIELDS else redact(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact(v) for v in value]
    return value
