"""Load the settings once: typed, frozen, with errors that name key, value and line, all of them at once.

`config.yaml` holds them. Each key can also be given by an environment variable `DINGRUN_<SECTION>__<KEY>`, or
by a secret file of that name. The variable wins over the file, and both over `config.yaml`. The `DINGDING`
block keeps the names that ARL's operators know.
`docs/config.md` has every key.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.config.loader.environment import find_origins, read_overrides
from bot.config.loader.problems import combined, explain_conflict, explain_errors
from bot.config.loader.secrets import collect_secrets
from bot.config.loader.sources import Sources
from bot.config.loader.yaml_file import SettingsFile, read_settings_file
from bot.config.settings import Settings
from bot.config.validation import find_conflicts
from bot.errors import ConfigError

__all__ = ["Settings", "collect_secrets", "describe_source", "load", "validate"]

DEFAULT_FILE = "config.yaml"


def load(path: Path | None = None) -> Settings:
    """Read the settings, from `path`, else ./config.yaml if it is there, else the defaults.

    Raises `ConfigError` with one line per problem, in the order of the file: the file and the line, the
    variable or the secret file; the key; the value, or stars where it may be a secret; what is accepted.
    """
    chosen = path or Path(DEFAULT_FILE)
    if path and not path.is_file():
        raise ConfigError(f"{path}: no such file")
    return validate(read_settings_file(chosen) if chosen.is_file() else SettingsFile(), chosen)


def validate(file: SettingsFile, chosen: Path = Path(DEFAULT_FILE)) -> Settings:
    """Validate what a file has, with what overrides it. Raises `ConfigError` as `load` does."""
    overrides = read_overrides()
    sources = Sources(file=chosen.name, line_of=file.line_of, given=overrides.tree, origins=overrides.origins)
    problems = [*overrides.problems, *file.problems]
    try:
        settings = Settings.model_validate(_merged(file.values, overrides.tree))
    except ValidationError as error:
        raise combined([*problems, *explain_errors(error, sources)]) from None
    problems += [explain_conflict(conflict, sources) for conflict in find_conflicts(settings)]
    if problems:
        raise combined(problems)
    return settings


def describe_source(path: Path | None = None) -> str:
    """Say what `load` reads: the file by its whole path, variables by their names, and secret files."""
    chosen = (path or Path(DEFAULT_FILE)).absolute()
    file = str(chosen) if chosen.is_file() else f"没有 {chosen}，用默认值 / no such file, defaults"
    kinds = {False: "环境变量 / environment", True: "密钥文件 / secret files"}
    origins = find_origins().values()
    given = {
        kind: [each.name for each in origins if each.is_file is is_file] for is_file, kind in kinds.items()
    }
    return "; ".join([file, *(f"{kind}: {', '.join(names)}" for kind, names in given.items() if names)])


def _merged(written: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the environment, whose names come in lower case, over the file."""
    merged = dict(written)
    for key, value in given.items():
        name = next((each for each in merged if each.lower() == key.lower()), key)
        both = isinstance(merged.get(name), dict) and isinstance(value, dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged
