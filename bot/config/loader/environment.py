"""Settings that override `config.yaml`: variables `DINGRUN_<SECTION>__<KEY>`, secret files of that name."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from bot.config.loader.secret_files import find_secret_files, read_secret_files
from bot.config.loader.sources import PREFIX, Origin, Problem, all_variables
from bot.config.settings import Settings
from bot.config.types import did_you_mean, sections_in


class _Names(Settings, BaseSettings):
    """The variables that there are, as pydantic-settings takes them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True)


class _Variables(EnvSettingsSource):
    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Leave text that is not JSON as it is: validation rejects it with the name of the key."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            return value


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """The settings from variables and secret files. A variable wins over a file of the same name.

    - `tree`: the settings, with names in lower case.
    - `origins`: where each comes from, by the name of its variable in capitals.
    - `problems`: of names that are no setting, and of files that are unusable.
    """

    tree: Mapping[str, Any]
    origins: Mapping[str, Origin]
    problems: Sequence[Problem]


def read_overrides() -> Overrides:
    """Read the environment and the secret files."""
    origins = find_origins()
    files = {name: Path(origin.name) for name, origin in origins.items() if origin.is_file}
    texts, problems = read_secret_files(files)
    source = _Variables(_Names)
    source.env_vars = {**{name.lower(): text for name, text in texts.items()}, **source.env_vars}
    empty = {name.upper(): Origin(name=name) for name in all_variables()}
    return Overrides(tree=source(), origins=origins, problems=[*_unknown({**empty, **origins}), *problems])


def find_origins() -> Mapping[str, Origin]:
    """Return the variables that have a value, and the files that they leave, by the name in capitals."""
    files = {name: Origin(name=str(path), is_file=True) for name, path in find_secret_files().items()}
    return files | {name.upper(): Origin(name=name) for name in all_variables() if os.environ[name]}


def _unknown(origins: Mapping[str, Origin]) -> Iterator[Problem]:
    """Yield a problem for each name that is no setting: it would silently change nothing."""
    known = list(_variables(Settings, PREFIX))
    mappings = tuple(name for name in known if name.endswith("__"))
    for name, origin in origins.items():
        if name not in known and not name.startswith(mappings):
            hint = did_you_mean(name, [each for each in known if each not in mappings])
            yield Problem(text=f"{origin} is not a setting{hint}")


def _variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Yield the variables of a section. One that ends in `__` is a mapping: any name may follow."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name.upper()}"
        if get_origin(field.annotation) is dict:
            yield f"{prefix}{name.upper()}__"
        for section in sections_in(field.annotation):
            yield from _variables(section, f"{prefix}{name.upper()}__")
