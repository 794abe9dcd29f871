"""Word what is wrong in the settings: where it is written, the key, the value and what is accepted."""

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args

from pydantic import SecretStr, ValidationError

from bot.config.dingtalk import DingDing
from bot.config.loader.sources import Problem, Sources
from bot.config.notify import OtherApp, Webhook
from bot.config.settings import Settings
from bot.config.types import did_you_mean, nearest, sections_in
from bot.config.validation import Conflict, KeyPath
from bot.errors import ConfigError
from bot.telemetry.redaction import STARS, mask_addresses

MAX_LINE_LENGTH = 300
MAX_PROBLEMS = 100  # lines of one error

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
CHOICES = frozenset({"literal_error", "enum"})  # pydantic's types for one of several words

Details = Mapping[str, Any]  # of one error of pydantic


def combined(problems: Iterable[Problem]) -> ConfigError:
    """Return the error with a line for each problem, in the order of the file. What overrides it is first."""
    lines = [_line(each.text) for each in sorted(problems, key=lambda each: each.line)]
    if len(lines) > MAX_PROBLEMS:
        lines = [*lines[:MAX_PROBLEMS], f"… and {len(lines) - MAX_PROBLEMS} more"]
    return ConfigError("\n".join(lines))


def explain_conflict(conflict: Conflict, sources: Sources) -> Problem:
    """Word a problem between several settings."""
    where, line = sources.locate(conflict.place)
    return Problem(text=f"{where}: {conflict.text}", line=line)


def explain_errors(error: ValidationError, sources: Sources) -> Sequence[Problem]:
    """Word each problem that pydantic found.

    Of several about one place the first counts, and a key that is missing only because it is misspelt is
    left out.
    """
    found: dict[KeyPath, Details] = {}
    for each in error.errors():
        found.setdefault(_place(each["loc"]), dict(each))
    meant = {
        (*place[:-1], name.lower())
        for place, each in found.items()
        if each["type"] == "extra_forbidden" and (name := nearest(_name(place), _names_beside(place)))
    }
    return [
        _explain(place, each, sources)
        for place, each in found.items()
        if each["type"] != "missing" or place not in meant
    ]


def _explain(place: KeyPath, details: Details, sources: Sources) -> Problem:
    missing = details["type"] == "missing"
    where, line = sources.locate(place[:-1] if missing else place)
    text = _complaint(place, details)
    if origin := sources.overriding(place):
        text = re.sub(r"must be a (list|mapping)\b", r"must be a \1 in JSON", text, count=1)
        if origin.is_file:  # holds a secret, whatever the setting is
            text = re.sub(r"\bgot .*", f"got {STARS}", text, flags=re.DOTALL)
    return Problem(text=f"{where}: {_key(place)}{text}", line=line)


def _complaint(place: KeyPath, details: Details) -> str:
    """Say what is wrong with a key, to be appended to it."""
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        chosen = details["loc"][-2] if place != details["loc"] else ""
        return f" is missing{chosen and f', and kind {chosen} needs it'}"
    if kind == "extra_forbidden":
        return f" is not a setting{did_you_mean(_name(place), _names_beside(place))}"
    if kind == "value_error":
        return f" {context['error']}"
    if kind == "union_tag_invalid":
        choices, got = context["expected_tags"], details["input"]["kind"]
        hint = did_you_mean(str(got), re.findall(r"'([^']*)'", choices))
        return f".kind must be {choices.replace(', ', ' or ')}, got {_shown((*place, 'kind'), got)}{hint}"
    takes = EXPECTED.get(kind, "").format(**context) or details["msg"].replace("Input should", "must")
    choices = re.findall(r"'([^']*)'", str(context.get("expected"))) if kind in CHOICES else []
    hint = did_you_mean(str(details["input"]), choices)
    return f" {takes}, got {_shown(place, details['input'])}{hint}"


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


def holds_secret(kind: Any) -> bool:
    """Tell if a setting of this type is a secret, or has one in it."""
    if hasattr(kind, "model_fields"):
        return any(holds_secret(field.annotation) for field in kind.model_fields.values())
    is_secret = isinstance(kind, type) and issubclass(kind, SecretStr)
    return is_secret or any(holds_secret(each) for each in get_args(kind))


def _shown(place: KeyPath, got: object) -> str:
    """Shorten a rejected value. One that may hold a secret is shown as stars."""
    kind = _type_at(place)
    hidden = kind is None or holds_secret(kind) or place == ("store", "url")
    return STARS if hidden else reprlib.repr(got)


def _names_beside(place: KeyPath) -> Sequence[str]:
    """Return the names of the settings of the section that this place is in."""
    known = [name for section in sections_in(_type_at(place[:-1])) for name in section.model_fields]
    return [_name((*place[:-1], each)) for each in known]


def _name(place: KeyPath) -> str:
    """Return the last name as it is written: `DINGDING` and the keys of robots are in capitals."""
    *parent, part = place
    upper = (parent, part) == ([], "dingding") or _type_at(tuple(parent)) in {DingDing, OtherApp, Webhook}
    return str(part).upper() if upper else str(part)


def _key(place: KeyPath) -> str:
    """Return the path as it is written: `schedules[0].cron`, `DINGDING.APP_KEY`."""
    key = ""
    for depth, part in enumerate(place):
        key += f"[{part}]" if isinstance(part, int) else f".{_name(place[: depth + 1])}"
    return key.removeprefix(".")
