"""Settings that are given as environment variables, `DINGRUN_<SECTION>__<KEY>`."""

import os
from collections.abc import Iterator
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from bot.config.loader.sources import PREFIX, Problem
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


def read_environment() -> dict[str, Any]:
    """Return the tree of settings that the variables give, with names in lower case."""
    return _Variables(_Names)()


def unknown_variables() -> Iterator[Problem]:
    """Yield a problem for each variable that is no setting: it would silently change nothing."""
    known = list(_variables(Settings, PREFIX))
    mappings = tuple(name for name in known if name.endswith("__"))
    for name in os.environ:
        ours = name.upper().startswith(PREFIX) and name.upper() not in known
        if ours and not name.upper().startswith(mappings):
            hint = did_you_mean(name.upper(), [each for each in known if each not in mappings])
            yield Problem(text=f"environment: {name} is not a setting{hint}")


def _variables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Yield the variables of a section. One that ends in `__` is a mapping: any name may follow."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name.upper()}"
        if get_origin(field.annotation) is dict:
            yield f"{prefix}{name.upper()}__"
        for section in sections_in(field.annotation):
            yield from _variables(section, f"{prefix}{name.upper()}__")
