"""Collect the secrets of the settings, for whoever must never show them."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, SecretStr

from bot.config.settings import Settings
from bot.config.types import SecretUrl
from bot.telemetry.redaction import find_secrets, find_url_parts


def collect_secrets(settings: Settings) -> tuple[str, ...]:
    """Collect the secrets of the settings, which must never be logged.

    Of an address, only the password and secret options count, unless it is a `SecretUrl`: then all but its
    host does. Of `user:password`, the password counts too.
    """
    return tuple(dict.fromkeys(word for value in _leaves(settings) for word in _secret_words(value)))


def _leaves(value: object) -> Iterator[object]:
    """Walk the tree of settings down to its single values."""
    if isinstance(value, BaseModel):
        value = [getattr(value, name) for name in type(value).model_fields]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _secret_words(value: object) -> Iterator[str]:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(plain, str) or not plain:
        return
    if isinstance(value, SecretUrl):
        yield from find_url_parts(plain)
    elif "://" in plain:
        yield from find_secrets(plain)
    elif isinstance(value, SecretStr):
        yield plain
        if password := plain.partition(":")[2]:
            yield password
