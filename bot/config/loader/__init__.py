"""Load the settings once: typed, frozen, with errors that name key, value and line, all of them at once.

`config.yaml` holds them, and each key can be given as an environment variable `DINGRUN_<SECTION>__<KEY>`,
which wins over it. The `DINGDING` block keeps the names that ARL's operators know.
`docs/config.md` has every key.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.config.loader.environment import read_environment, unknown_variables
from bot.config.loader.problems import combined, explain_conflict, explain_errors
from bot.config.loader.secrets import collect_secrets
from bot.config.loader.sources import Sources, variables_in_use
from bot.config.loader.yaml_file import SettingsFile, read_settings_file
from bot.config.settings import Settings
from bot.config.validation import find_conflicts
from bot.errors import ConfigError

__all__ = ["Settings", "collect_secrets", "describe_source", "load", "validate"]

DEFAULT_FILE = "config.yaml"


def load(path: Path | None = None) -> Settings:
    """Read the settings, from `path`, else ./config.yaml if it is there, else the defaults.

    Raises `ConfigError` with one line per problem, in the order of the file: the file and the line, or the
    variable; the key; the value, or stars where it may be a secret; what is accepted.
    """
    chosen = path or Path(DEFAULT_FILE)
    if path and not path.is_file():
        raise ConfigError(f"{path}: no such file")
    return validate(read_settings_file(chosen) if chosen.is_file() else SettingsFile(), chosen)


def validate(file: SettingsFile, chosen: Path = Path(DEFAULT_FILE)) -> Settings:
    """Validate what a file has, with the environment over it. Raises `ConfigError` as `load` does."""
    given = read_environment()
    sources = Sources(file=chosen.name, line_of=file.line_of, given=given)
    problems = [*unknown_variables(), *file.problems]
    try:
        settings = Settings.model_validate(_merged(file.values, given))
    except ValidationError as error:
        raise combined([*problems, *explain_errors(error, sources)]) from None
    problems += [explain_conflict(conflict, sources) for conflict in find_conflicts(settings)]
    if problems:
        raise combined(problems)
    return settings


def describe_source(path: Path | None = None) -> str:
    """Say what `load` reads: the file by its whole path, and the variables by their names."""
    chosen = (path or Path(DEFAULT_FILE)).absolute()
    file = str(chosen) if chosen.is_file() else f"没有 {chosen}，用默认值 / no such file, defaults"
    given = variables_in_use()
    return f"{file}{'; 环境变量 / environment: ' if given else ''}{', '.join(given)}"


def _merged(written: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the environment, whose names come in lower case, over the file."""
    merged = dict(written)
    for key, value in given.items():
        name = next((each for each in merged if each.lower() == key.lower()), key)
        both = isinstance(merged.get(name), dict) and isinstance(value, dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged
