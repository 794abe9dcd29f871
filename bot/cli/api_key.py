"""`dingrun api key NAME`: make a key of the API. Nothing is stored: the settings take its hash."""

import re
from collections.abc import Iterator

from bot.api.keys import KeyKind, digest_key, new_key
from bot.config.api.settings import HASH_PREFIX
from bot.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def make_key(name: str, kind: str) -> Iterator[str]:
    """Yield the lines that show a new key and what to add to the settings. Raises `ConfigError`."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"NAME takes A-Z a-z 0-9 _ and -, up to 40 characters, got {name!r}")
    key = new_key(KeyKind(kind))
    yield f"密钥，只显示这一次 / the key, shown only once:  {key}"
    yield "加到 config.yaml / add to config.yaml:"
    yield "api:"
    yield "  keys:"
    yield f'    {name}: {{kind: {kind}, key: "{HASH_PREFIX}{digest_key(key).hex()}"}}'
