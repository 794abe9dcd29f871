"""Load the settings once: typed, frozen, with errors that name the key.

`config.yaml` holds them, and each key can be given as an environment variable `DINGRUN_<SECTION>__<KEY>`,
which wins over it. The `DINGDING` block keeps the names that ARL's operators know.
`docs/config.md` has every key.
"""

import os
import re
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from bot.config.dingtalk import DingDing
from bot.config.notify import OtherApp, Webhook
from bot.config.settings import Settings
from bot.config.types import did_you_mean, sections_in
from bot.config.validation import validate_combinations
from bot.config.yaml_file import read_settings_file
from bot.errors import ConfigError
from bot.telemetry.redaction import find_secrets, mask_addresses

__all__ = ["Settings", "collect_secrets", "load"]

DEFAULT_FILE = "config.yaml"
PREFIX = "DINGRUN_"
MAX_LINE_LENGTH = 300

TAKES = {  # what a key accepts: pydantic's error types
    "must be a whole number": "int_parsing int_type int_from_float",
    "must be a number": "float_parsing float_type",
    "must be true or false": "bool_parsing bool_type",
    "must be text": "string_type",
    "takes at most {max_length} characters": "string_too_long",
    "must not be empty": "string_too_short too_short",
    "must be a list": "list_type tuple_type",
    "must be a mapping": "dict_type model_type model_attributes_type",
    "must be an address or a network such as 192.0.2.0/28": "ip_any_network",
    "must be a time such as 2026-12-01 03:00": "datetime_parsing datetime_from_date_parsing datetime_type",
}
EXPECTED = {kind: takes for takes, kinds in TAKES.items() for kind in kinds.split()}

KeyPath = tuple[int | str, ...]  # of a setting in the tree, as in `("schedules", 0, "cron")`


def load(path: Path | None = None) -> Settings:
    """Read the settings, from `path`, else ./config.yaml if it is there, else the defaults.

    Raises `ConfigError` with one line: the file or the environment, the key, the value, what is accepted.
    """
    chosen = path or Path(DEFAULT_FILE)
    if path and not path.is_file():
        raise ConfigError(f"{path}: no such file")
    written = read_settings_file(chosen) if chosen.is_file() else {}
    given = _environment()
    try:
        settings = Settings.model_validate(_merged(written, given))
    except ValidationError as error:
        raise ConfigError(_line(_explain(error, chosen, given))) from None
    if problem := validate_combinations(settings):
        section = re.split(r"[^a-z]", problem)[0]
        raise ConfigError(_line(f"{_source((section,), chosen, given)}: {problem}"))
    return settings


class _Names(Settings, BaseSettings):
    """Tells pydantic-settings which variables there are."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True)


class _Variables(EnvSettingsSource):
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Leave text that is not JSON as it is: validation rejects it with the name of the key."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            return value


def describe_source(path: Path | None = None) -> str:
    """Say what `load` reads: the file by its whole path, and the variables by their names."""
    chosen = (path or Path(DEFAULT_FILE)).absolute()
    file = str(chosen) if chosen.is_file() else f"没有 {chosen}，用默认值 / no such file, defaults"
    given = sorted(name for name, value in os.environ.items() if name.upper().startswith(PREFIX) and value)
    return f"{file}{'; 环境变量 / environment: ' if given else ''}{', '.join(given)}"


def _environment() -> dict[str, Any]:
    """Read the environment. An unknown variable is an error: it would silently change nothing."""
    known = list(_variables(Settings, PREFIX))
    mappings = tuple(name for name in known if name.endswith("__"))
    for name in os.environ:
        ours = name.upper().startswith(PREFIX) and name.upper() not in known
        if ours and not name.upper().startswith(mappings):
            hint = did_you_mean(name.upper(), [each for each in known if each not in mappings])
            raise ConfigError(f"environment: {name} is not a setting{hint}")
    return _Variables(_Names)()


def _variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Yield the variables of a section. One that ends in `__` is a mapping: any name may follow."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name.upper()}"
        if get_origin(field.annotation) is dict:
            yield f"{prefix}{name.upper()}__"
        for section in sections_in(field.annotation):
            yield from _variables(section, f"{prefix}{name.upper()}__")


def _merged(written: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the environment, whose names come in lower case, over the file."""
    merged = dict(written)
    for key, value in given.items():
        name = next((each for each in merged if each.lower() == key.lower()), key)
        both = isinstance(merged.get(name), dict) and isinstance(value, dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


def _source(place: KeyPath, path: Path, given: Any) -> str:
    """Name where the setting at this place was given: `environment`, or the file."""
    here = given
    for part in place:
        if isinstance(here, list):
            here = dict(enumerate(here))
        if isinstance(here, dict):
            here = {str(key).lower(): value for key, value in here.items()}.get(str(part).lower())
        if here is None:
            return path.name
    return "environment"


def _explain(error: ValidationError, path: Path, given: Mapping[str, Any]) -> str:
    """Word the first problem; a misspelt key comes before the key that is missing because of it."""
    problem = min(error.errors(), key=lambda each: each["type"] == "missing")
    place = _place(problem["loc"])
    kind, context = problem["type"], problem.get("ctx", {})
    source = _source(place[:-1] if kind == "missing" else place, path, given)
    key = f"{source}: {_key(place)}"
    if kind == "missing":
        chosen = problem["loc"][-2] if place != problem["loc"] else ""
        return f"{key} is missing{chosen and f', and kind {chosen} needs it'}"
    if kind == "extra_forbidden":
        known = [name for section in sections_in(_type_at(place[:-1])) for name in section.model_fields]
        siblings = [_name(place[:-1], each) for each in known]
        return f"{key} is not a setting{did_you_mean(_name(place[:-1], place[-1]), siblings)}"
    if kind == "value_error":
        return f"{key} {context['error']}"
    if kind == "union_tag_invalid":
        got = _shown((*place, "kind"), problem["input"]["kind"])
        return f"{key}.kind must be {context['expected_tags'].replace(', ', ' or ')}, got {got}"
    takes = EXPECTED.get(kind, "").format(**context) or problem["msg"].replace("Input should", "must")
    if source == "environment" and takes in {"must be a list", "must be a mapping"}:
        takes += " in JSON"
    return f"{key} {takes}, got {_shown(place, problem['input'])}"


def _place(loc: KeyPath) -> KeyPath:
    """Return the place of an error in the tree.

    pydantic says more than that: "[key]" for a key of a mapping, and which of several sections it chose.
    """
    place: KeyPath = ()
    chosen = False
    for part in loc:
        if part == "[key]":
            continue
        if not chosen and len(sections_in(_type_at(place))) > 1:
            chosen = True
            continue
        place, chosen = (*place, part), False
    return place


def _line(text: str) -> str:
    """Return one line without control characters, without secrets of addresses, and not too long."""
    line = mask_addresses("".join(letter if letter.isprintable() else " " for letter in text))
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[:MAX_LINE_LENGTH]}…"


def _type_at(place: KeyPath) -> Any:
    """Return the type of the setting at this path, or None if there is no such setting."""
    kind: Any = Settings
    for part in place:
        if sections := sections_in(kind):
            fields = [section.model_fields.get(str(part)) for section in sections]
            kinds = tuple(field.annotation for field in fields if field)
            kind = Union[kinds] if kinds else None  # noqa: UP007 - of as many as there are
        else:
            inner = [each for each in get_args(kind) if each is not ...]
            kind = inner[-1] if inner else None
    return kind


def _holds_secret(kind: Any) -> bool:
    if hasattr(kind, "model_fields"):
        return any(_holds_secret(field.annotation) for field in kind.model_fields.values())
    return kind is SecretStr or any(_holds_secret(each) for each in get_args(kind))


def _shown(place: KeyPath, got: object) -> str:
    """Shorten a rejected value. One that may hold a secret is shown as stars."""
    kind = _type_at(place)
    hidden = kind is None or _holds_secret(kind) or place == ("store", "url")
    return "***" if hidden else reprlib.repr(got)


def _name(parent: KeyPath, part: int | str) -> str:
    """Return the name as it is written: `DINGDING` and the keys of robots are in capitals."""
    upper = (parent, part) == ((), "dingding") or _type_at(parent) in {DingDing, OtherApp, Webhook}
    return str(part).upper() if upper else str(part)


def _key(place: KeyPath) -> str:
    """Return the path as it is written: `schedules[0].cron`, `DINGDING.APP_KEY`."""
    key = ""
    for depth, part in enumerate(place):
        key += f"[{part}]" if isinstance(part, int) else f".{_name(place[:depth], part)}"
    return key.removeprefix(".")


def collect_secrets(settings: Settings) -> tuple[str, ...]:
    """Collect the secrets of the settings, which must never be logged.

    Of an address, only the password and secret options count. Of `user:password`, the password counts too.
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
    if "://" in plain:
        yield from find_secrets(plain)
    elif isinstance(value, SecretStr):
        yield plain
        if password := plain.partition(":")[2]:
            yield password
