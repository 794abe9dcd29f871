"""The place where a setting is written: the file and its line, or the environment variable."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.config.validation import KeyPath

PREFIX = "DINGRUN_"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One line of an error. `line` is that of the file, 0 for a variable."""

    text: str
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Sources:
    """File and environment that the settings were read from.

    - `file`: name of the file.
    - `line_of`: returns the line of a place in the file, 0 if there is no file.
    - `given`: tree of the settings that the environment gives.
    """

    file: str
    line_of: Callable[[KeyPath], int]
    given: Mapping[str, Any]

    def locate(self, place: KeyPath) -> tuple[str, int]:
        """Return where a setting is written: `config.yaml:3` and 3, or the name of the variable and 0."""
        if self.is_in_environment(place):
            return f"environment: {variable_of(place)}", 0
        line = self.line_of(place)
        return (f"{self.file}:{line}", line) if line else (self.file, 0)

    def is_in_environment(self, place: KeyPath) -> bool:
        """Tell if a variable gives the setting at this place."""
        here: Any = self.given
        for part in place:
            if isinstance(here, list):
                here = dict(enumerate(here))
            if isinstance(here, dict):
                here = {str(key).lower(): value for key, value in here.items()}.get(str(part).lower())
            if here is None:
                return False
        return True


def variables_in_use() -> Sequence[str]:
    """Return the names of our variables that have a value."""
    return sorted(name for name, value in os.environ.items() if name.upper().startswith(PREFIX) and value)


def variable_of(place: KeyPath) -> str:
    """Return the variable that gives the setting at this place, or the one that would."""
    names = {name.upper(): name for name in variables_in_use()}
    depths = range(len(place), 0, -1)
    wanted = [variable_name(place[:depth]) for depth in depths]
    return next((names[name] for name in wanted if name in names), wanted[0])


def variable_name(place: KeyPath) -> str:
    """Return the name of the variable of a setting."""
    return PREFIX + "__".join(str(part).upper() for part in place)
