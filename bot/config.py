"""The settings: read once, typed, frozen, and complaining by name.

`config.yaml` holds them, and each key can be given as an environment variable `DINGRUN_<SECTION>__<KEY>`,
which
wins over it. The `DINGDING` block keeps the names that ARL's operators know. `docs/config.md` has every key.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from bot.errors import ConfigError
from bot.models import Channel, Destination, DestinationKind, Schedule, derived_id
from bot.settings import PREFIX, ScheduleSettings, Settings, Webhook

__all__ = ["Settings", "load", "schedules_of", "webhooks_of"]

DEFAULT_FILE = "config.yaml"

EXPECTED = {  # pydantic's word for an error: what we say the key takes
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "datetime_from_date_parsing": "must be a time such as 2026-12-01 03:00",
    "datetime_parsing": "must be a time such as 2026-12-01 03:00",
    "datetime_type": "must be a time such as 2026-12-01 03:00",
}


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings, from `path`, else ./config.yaml if it is there, else the defaults.

    Raises `ConfigError` with one line: the file, the key, what it got and what it takes.
    """
    chosen = path or Path(DEFAULT_FILE)
    if path and not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    values = _read(chosen) if chosen.is_file() else {}
    _check_environment(os.environ if environment is None else environment)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigError(f"{_source(chosen)}{_explain(error)}") from None
    _check_together(settings, chosen)
    return settings


def _source(path: Path) -> str:
    return f"{path.name}: " if path.is_file() else ""


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path.name}: this is not valid YAML{where}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path.name}: must be a mapping of sections, got {type(values).__name__}")
    return {_known_case(str(key)): value for key, value in values.items() if value is not None}


def _known_case(section: str) -> str:
    return "dingding" if section == "DINGDING" else section


def _check_environment(environment: Mapping[str, str]) -> None:
    """An unknown variable of ours is a slip that would silently change nothing."""
    for name in environment:
        if name.startswith(PREFIX):
            section = name.removeprefix(PREFIX).partition("__")[0].lower()
            if section not in Settings.model_fields:
                near = _hint(_nearest(section, list(Settings.model_fields)))
                raise ConfigError(f"environment: {name} is not a setting{near}")


def _explain(error: ValidationError) -> str:
    """The first problem, in one line."""
    problem = error.errors()[0]
    path, kind, got = problem["loc"], problem["type"], problem["input"]
    key = _key(path)
    if kind == "missing":
        return f"{key} is missing"
    if kind == "extra_forbidden":
        near = _nearest(str(path[-1]), _siblings(path))
        return f"{key} is not a setting{_hint(near.upper() if key.isupper() else near)}"
    if kind in {"value_error", "assertion_error"}:
        return f"{key} {problem['ctx']['error']}" if key else str(problem["ctx"]["error"])
    expected = EXPECTED.get(kind) or problem["msg"].replace("Input should", "must")
    shown = "***" if _is_secret(path) else repr(got)
    return f"{key} {expected}, got {shown}"


def _key(path: tuple[int | str, ...]) -> str:
    """`schedules[0].cron`, and the `DINGDING` block as it is written."""
    key = ""
    for part in path:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    key = key.removeprefix(".")
    return key.upper() if path[:1] == ("dingding",) else key


def _model_at(path: tuple[int | str, ...]) -> type[BaseModel] | None:
    model: Any = Settings
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())] if field else []
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not models:
            return None
        model = models[0]
    found: type[BaseModel] = model
    return found


def _siblings(path: tuple[int | str, ...]) -> list[str]:
    model = _model_at(path[:-1])
    return list(model.model_fields) if model else []


def _is_secret(path: tuple[int | str, ...]) -> bool:
    model = _model_at(path[:-1])
    field = model.model_fields.get(str(path[-1])) if model else None
    return field is not None and SecretStr in {field.annotation, *getattr(field.annotation, "__args__", ())}


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return near[0] if near else ""


def _hint(near: str) -> str:
    return f"; did you mean {near}?" if near else ""


def _check_together(settings: Settings, path: Path) -> None:
    """What no single key can tell."""
    if not settings.configured:
        return
    webhooks = webhooks_of(settings)
    for number, schedule in enumerate(schedules_of(settings)):
        problem = _problem(settings, schedule, webhooks)
        if problem:
            raise ConfigError(f"{_source(path)}schedules[{number}].{problem} (schedule {schedule.name})")


def _problem(settings: Settings, schedule: Schedule, webhooks: Mapping[str, object]) -> str:
    """What is wrong with the destinations of a schedule, or ""."""
    robots = {place.id for place in schedule.send_to if place.kind is DestinationKind.WEBHOOK}
    others = {place.kind for place in schedule.send_to} - {DestinationKind.WEBHOOK}
    unknown = robots - webhooks.keys()
    checks = {
        f"send_to names webhook:{', '.join(unknown)}, which is not in notify.webhooks": bool(unknown),
        "send_to needs DINGDING.APP_KEY for anything but webhook:name": bool(
            others and not settings.dingding.app_key
        ),
        "send_to names a work notification, which needs DINGDING.AGENT_ID": (
            DestinationKind.WORK in others and settings.dingding.agent_id is None
        ),
        "notify_channel is webhook, but send_to has no webhook:name": (
            schedule.notify_channel is Channel.WEBHOOK and not robots
        ),
    }
    return next((problem for problem, wrong in checks.items() if wrong), "") if schedule.notify_enable else ""


def webhooks_of(settings: Settings) -> dict[str, tuple[str, str]]:
    """The custom group robots by name: access token and secret ("" without one)."""
    ding = settings.dingding
    robots = dict(settings.notify.webhooks)
    if ding.access_token:
        robots.setdefault("default", Webhook(access_token=ding.access_token, secret=ding.secret))
    return {
        name: (robot.access_token.get_secret_value(), robot.secret.get_secret_value() if robot.secret else "")
        for name, robot in robots.items()
    }


def schedules_of(settings: Settings) -> tuple[Schedule, ...]:
    """The schedules of the embedded engine, with their destinations filled in."""
    return tuple(_schedule(settings, schedule) for schedule in settings.schedules)


def _schedule(settings: Settings, schedule: ScheduleSettings) -> Schedule:
    at = schedule.at
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=settings.zone)
    return Schedule(
        id=derived_id("s", schedule.name),
        name=schedule.name,
        cron=schedule.cron,
        at=at,
        targets=schedule.targets,
        ports=schedule.ports,
        notify_enable=schedule.notify_enable,
        notify_channel=schedule.notify_channel,
        notify_on=schedule.notify_on,
        export=schedule.export,
        send_to=_destinations(settings, schedule),
    )


def _destinations(settings: Settings, schedule: ScheduleSettings) -> tuple[Destination, ...]:
    """The schedule's own, else its route, else the default group, else the default webhook robot."""
    own = schedule.send_to or settings.notify.routes.get(schedule.name, ())
    if own:
        return own
    ding = settings.dingding
    if ding.default_chat_id and schedule.notify_channel is not Channel.WEBHOOK:
        return (Destination(kind=DestinationKind.GROUP, id=ding.default_chat_id),)
    if ding.access_token:
        return (Destination(kind=DestinationKind.WEBHOOK, id="default"),)
    return ()
