"""Answers of a scene to calls that the sandbox does not emulate (`stubs:` of a scene file)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PARAMETER = re.compile(r"\{(\w+)\}")
VALUE = re.compile(r"\{\{ {0,9}([\w.]{1,200}) {0,9}\}\}")


@dataclass(frozen=True, kw_only=True)
class Stub:
    """One answer. `{name}` in the path matches a part of it."""

    path: str
    method: str = "POST"
    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)  # texts in it may have values: `{{ body.subject }}`

    def __post_init__(self) -> None:
        try:
            re.compile(self._pattern)
        except re.error as problem:
            raise ValueError(f"the names in {self.path} must be different words ({problem})") from None

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the parts of a path by name, or None if the stub is not for this call."""
        found = re.fullmatch(self._pattern, path) if method == self.method else None
        return found.groupdict() if found else None

    @property
    def _pattern(self) -> str:
        pieces = enumerate(PARAMETER.split(self.path))
        return "".join(
            f"(?P<{piece}>[^/]{{1,500}})" if index % 2 else re.escape(piece) for index, piece in pieces
        )


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy of a body with its values. A text that is one value only keeps the type of it."""
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill(value, values) for value in template]
    if not isinstance(template, str):
        return template
    if whole := VALUE.fullmatch(template):
        return _look_up(whole[1], values)
    return VALUE.sub(lambda found: str(_look_up(found[1], values)), template)


def _look_up(path: str, values: Mapping[str, Any]) -> Any:
    """Return the value at a path such as `body.items.0.name`, or "" if there is none."""
    here: Any = values
    for name in path.split("."):
        if isinstance(here, list) and name.isdecimal() and int(name) < len(here):
            here = here[int(name)]
        elif isinstance(here, Mapping) and name in here:
            here = here[name]
        else:
            return ""
    return here
