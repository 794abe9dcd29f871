"""The place where a setting is written: a line of the file, an environment variable, or a secret file."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.config.validation import KeyPath

PREFIX = "DINGRUN_"
OF_EXEC = frozenset({"DINGRUN_KEY", "DINGRUN_RUN", "DINGRUN_SPOOL", "DINGRUN_TIMEOUT", "DINGRUN_URL"})
"""Names of `dingrun-exec`, in whose environment our commands may run, too. They are no settings."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One line of an error. `line` is that of the file, 0 for a variable or a secret file."""

    text: str
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Origin:
    """An environment variable by its name, or a secret file by its path."""

    name: str
    is_file: bool = False

    def __str__(self) -> str:
        return f"{'file' if self.is_file else 'environment:'} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All that the settings were read from.

    - `file`: name of the file.
    - `line_of`: returns the line of a place in the file, 0 if there is no file.
    - `given`: tree of the settings that variables and secret files give.
    - `origins`: these variables and files, by the name of the variable in capitals.
    """

    file: str
    line_of: Callable[[KeyPath], int]
    given: Mapping[str, Any]
    origins: Mapping[str, Origin]

    def locate(self, place: KeyPath) -> tuple[str, int]:
        """Return where a setting is written: `config.yaml:3` and 3, or its variable or secret file and 0."""
        if origin := self.overriding(place):
            return str(origin), 0
        line = self.line_of(place)
        return (f"{self.file}:{line}", line) if line else (self.file, 0)

    def overriding(self, place: KeyPath) -> Origin | None:
        """Return the variable or the secret file that gives the setting at this place, if one does."""
        here: Any = self.given
        for part in place:
            if isinstance(here, list):
                here = dict(enumerate(here))
            if isinstance(here, dict):
                here = {str(key).lower(): value for key, value in here.items()}.get(str(part).lower())
            if here is None:
                return None
        wanted = [variable_name(place[:depth]) for depth in range(len(place), 0, -1)]
        named = (self.origins[name] for name in wanted if name in self.origins)
        return next(named, Origin(name=wanted[0]) if wanted else None)


def all_variables() -> Sequence[str]:
    """Return the names of the variables that are there for settings, also of empty ones."""
    ours = (name for name in os.environ if name.upper().startswith(PREFIX))
    return sorted(name for name in ours if name.upper() not in OF_EXEC)


def variable_name(place: KeyPath) -> str:
    """Return the name of the variable of a setting."""
    return PREFIX + "__".join(str(part).upper() for part in place)
