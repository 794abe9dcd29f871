"""The settings: read once, typed, frozen, and complaining by name.

`config.yaml` holds them, and each key can be given as an environment variable `DINGRUN_<SECTION>__<KEY>`,
which wins over it. The `DINGDING` block keeps the names that ARL's operators know.
`docs/config.md` has every key.
"""

import difflib
import os
import reprlib
from collections.abc import Hashable, Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from bot.errors import ConfigError
from bot.models import Channel, Destination, DestinationKind, Schedule, derived_id
from bot.plan import REACH
from bot.settings import DingDing, ScheduleSettings, Settings, Webhook

__all__ = ["Settings", "load", "schedules_of", "secrets_of", "webhooks_of"]

DEFAULT_FILE = "config.yaml"
PREFIX = "DINGRUN_"
MAPPINGS = ("DINGRUN_DINGDING__CARD_VARIABLES__", "DINGRUN_NOTIFY__ROUTES__", "DINGRUN_NOTIFY__WEBHOOKS__")
LATER = {"arl", "celery"}  # names that a later version brings
LONGEST_LINE = 300

TAKES = {  # what we say a key takes: pydantic's words for the error
    "must be a whole number": "int_parsing int_type int_from_float",
    "must be a number": "float_parsing float_type",
    "must be true or false": "bool_parsing bool_type",
    "must be text": "string_type",
    "takes at most {max_length} characters": "string_too_long",
    "must not be empty": "string_too_short too_short",
    "must be a list": "list_type tuple_type",
    "must be a mapping": "dict_type model_type model_attributes_type",
    "must be a time such as 2026-12-01 03:00": "datetime_parsing datetime_from_date_parsing datetime_type",
}
EXPECTED = {kind: takes for takes, kinds in TAKES.items() for kind in kinds.split()}
APP_NEEDED = "needs DINGDING.APP_KEY for anything but webhook:name"
AGENT_NEEDED = "names a work notification, which needs DINGDING.AGENT_ID"
NEEDS = {Channel.OPENAPI: ("app_key",), Channel.WORK_NOTICE: ("app_key", "agent_id")}

Place = tuple[int | str, ...]  # of a setting in the tree, as in `("schedules", 0, "cron")`


def load(path: Path | None = None) -> Settings:
    """Read the settings, from `path`, else ./config.yaml if it is there, else the defaults.

    Raises `ConfigError` with one line: the file (or the environment), the key, what it got, what it takes.
    """
    chosen = path or Path(DEFAULT_FILE)
    if path and not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    written = _read(chosen) if chosen.is_file() else {}
    given = _environment()
    try:
        settings = Settings.model_validate(_merged(written, given))
    except ValidationError as error:
        raise ConfigError(_line(_explain(error, chosen, given))) from None
    if wrong := _wrong_together(settings):
        raise ConfigError(_line(f"{_source(('schedules',), chosen, given)}: {wrong}"))
    return settings


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice: of a block pasted above an empty one nothing would be left."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [str(key.value).lower() for key, _ in node.value]
        twice = next((name for name in names if names.count(name) > 1), "")
        if twice:
            raise ConfigError(f"{self.name}: {twice} is given twice below line {node.start_mark.line + 1}")
        return {str(key): value for key, value in super().construct_mapping(node, deep).items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        loader.name = path.name
        values = loader.get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path.name}: this is not valid YAML{where}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if not isinstance(values, dict | None):
        raise ConfigError(f"{path.name}: must be a mapping of sections, got {type(values).__name__}")
    return values or {}


class _Names(Settings, BaseSettings):
    """Tells pydantic-settings which variables there are."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True)


class _Variables(EnvSettingsSource):
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """What is no JSON stays text, and is refused by name like any other wrong value."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            return value


def _environment() -> dict[str, Any]:
    """What the environment gives. A variable that is no setting would silently change nothing: an error."""
    known = list(_variables(Settings, PREFIX))
    for name in os.environ:
        ours = name.upper().startswith(PREFIX) and name.upper() not in known
        if ours and not name.upper().startswith(MAPPINGS):
            raise ConfigError(f"environment: {name} is not a setting{_hint(name.upper(), known)}")
    return _Variables(_Names)()


def _variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _variables(field.annotation, f"{prefix}{name.upper()}__")


def _merged(written: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The environment over the file; its names come in lower case."""
    merged = dict(written)
    for key, value in given.items():
        name = next((each for each in merged if each.lower() == key.lower()), key)
        both = isinstance(merged.get(name), dict) and isinstance(value, dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


def _source(place: Place, path: Path, given: Any) -> str:
    """Where the setting at this place was given: `environment`, or the file's name."""
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
    """The first problem; a slip in a name comes before the key that is missing because of it."""
    problem = min(error.errors(), key=lambda each: each["type"] == "missing")
    place, kind, context = problem["loc"], problem["type"], problem.get("ctx", {})
    source = _source(place[:-1] if kind == "missing" else place, path, given)
    key = f"{source}: {_key(place)}"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "extra_forbidden":
        siblings = [_name(place[:-1], each) for each in getattr(_type_at(place[:-1]), "model_fields", {})]
        return f"{key} is not a setting{_hint(_name(place[:-1], place[-1]), siblings)}"
    if kind == "value_error":
        return f"{key} {context['error']}"
    takes = EXPECTED.get(kind, "").format(**context) or problem["msg"].replace("Input should", "must")
    if kind == "literal_error" and str(problem["input"]) in LATER:
        return f"{key} {takes}; {problem['input']} is not in this version"
    if source == "environment" and takes in {"must be a list", "must be a mapping"}:
        takes += " in JSON"
    return f"{key} {takes}, got {_shown(place, problem['input'])}"


def _line(text: str) -> str:
    """One line, whatever stands in the values it shows."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def _type_at(place: Place) -> Any:
    """The type of the setting at this place, or None when there is no such setting."""
    kind: Any = Settings
    for part in place:
        if hasattr(kind, "model_fields"):
            field = kind.model_fields.get(part)
            kind = field.annotation if field else None
        else:
            inner = [each for each in get_args(kind) if each is not ...]
            kind = inner[-1] if inner else None
    return kind


def _holds_secret(kind: Any) -> bool:
    if hasattr(kind, "model_fields"):
        return any(_holds_secret(field.annotation) for field in kind.model_fields.values())
    return kind is SecretStr or any(_holds_secret(each) for each in get_args(kind))


def _shown(place: Place, got: object) -> str:
    """A wrong value, shortened; where a secret may stand, never."""
    kind = _type_at(place)
    return "***" if kind is None or _holds_secret(kind) else reprlib.repr(got)


def _name(parent: Place, part: int | str) -> str:
    """The name as it is written: `DINGDING` and the keys of robots are in capitals."""
    upper = (parent, part) == ((), "dingding") or _type_at(parent) in {DingDing, Webhook}
    return str(part).upper() if upper else str(part)


def _key(place: Place) -> str:
    """The place as it is written: `schedules[0].cron`, `DINGDING.APP_KEY`."""
    key = ""
    for depth, part in enumerate(place):
        key += f"[{part}]" if isinstance(part, int) else f".{_name(place[:depth], part)}"
    return key.removeprefix(".")


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _wrong_together(settings: Settings) -> str:
    """What no single key can tell, or "". With nothing of DingTalk set everything is right: it only logs."""
    if not settings.configured:
        return ""
    webhooks = webhooks_of(settings)
    told = [(at, each) for at, each in enumerate(schedules_of(settings)) if each.notify_enable]
    found = ((at, each.name, _wrong(settings, each, webhooks)) for at, each in told)
    return next((f"schedules[{at}].{wrong} (schedule {name})" for at, name, wrong in found if wrong), "")


def _wrong(settings: Settings, schedule: Schedule, webhooks: Mapping[str, object]) -> str:
    """What is wrong with the channel and the destinations of a schedule, or ""."""
    ding, channel = settings.dingding, schedule.notify_channel
    kinds = {place.kind for place in schedule.send_to}
    robots = {place.id for place in schedule.send_to if place.kind is DestinationKind.WEBHOOK}
    unknown = ", ".join(sorted(robots - webhooks.keys()))
    lacks = next((key.upper() for key in NEEDS.get(channel, ()) if not getattr(ding, key)), "")
    reach = REACH[channel] | ({DestinationKind.USER} if channel is Channel.WORK_NOTICE else set())
    takes = " or ".join(sorted(f"{kind}:…" for kind in reach))
    nobody = not kinds & reach and (kinds or channel is Channel.WEBHOOK)
    checks = (
        (unknown, f"send_to names webhook:{unknown}, which is not in notify.webhooks"),
        (lacks, f"notify_channel is {channel}, which needs DINGDING.{lacks}"),
        (not ding.app_key and kinds - {DestinationKind.WEBHOOK}, f"send_to {APP_NEEDED}"),
        (not ding.agent_id and DestinationKind.WORK in kinds, f"send_to {AGENT_NEEDED}"),
        (nobody, f"notify_channel is {channel}, but send_to has no {takes}"),
    )
    return next((problem for wrong, problem in checks if wrong), "")


def webhooks_of(settings: Settings) -> dict[str, tuple[str, str]]:
    """The custom group robots by name: access token and secret ("" without one)."""
    ding, robots = settings.dingding, dict(settings.notify.webhooks)
    if ding.access_token:
        robots.setdefault("default", Webhook(access_token=ding.access_token, secret=ding.secret))
    return {
        name: (robot.access_token.get_secret_value(), robot.secret.get_secret_value() if robot.secret else "")
        for name, robot in robots.items()
    }


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Everything the settings hold that must never be written anywhere; for `bot.log.configure`."""
    ding, robots = settings.dingding, settings.notify.webhooks.values()
    held = [ding.app_secret, ding.access_token, ding.secret, settings.web.status_token]
    held += [word for robot in robots for word in (robot.access_token, robot.secret)]
    return tuple(each.get_secret_value() for each in held if each)


def schedules_of(settings: Settings) -> tuple[Schedule, ...]:
    """The schedules of the embedded engine, with their destinations filled in."""
    return tuple(_schedule(settings, schedule) for schedule in settings.schedules)


def _schedule(settings: Settings, schedule: ScheduleSettings) -> Schedule:
    at = schedule.at
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=settings.zone)
    return Schedule(
        id=derived_id("s", schedule.name),
        at=at and at.astimezone(UTC),
        send_to=_destinations(settings, schedule),
        **schedule.model_dump(exclude={"at", "send_to"}),
    )


def _destinations(settings: Settings, schedule: ScheduleSettings) -> tuple[Destination, ...]:
    """The schedule's own, else its route, else the default group, else the default webhook robot."""
    if own := schedule.send_to or settings.notify.routes.get(schedule.name):
        return own
    ding = settings.dingding
    if ding.default_chat_id and schedule.notify_channel is not Channel.WEBHOOK:
        return (Destination(kind=DestinationKind.GROUP, id=ding.default_chat_id),)
    if ding.access_token:
        return (Destination(kind=DestinationKind.WEBHOOK, id="default"),)
    return ()
