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
    body: Any = field(default_factory=dict)  # texts in it may have values, such as `{{ body.subject }}`

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the parts of a path by name, or None if the stub is not for this call."""
        if method != self.method:
            return None
        pieces = enumerate(PARAMETER.split(self.path))
        pattern = "".join(
            f"(?P<{piece}>[^/]{{1,500}})" if index % 2 else re.escape(piece) for index, piece in pieces
        )
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


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
        if isinstance(here, list) and name.isdigit() and int(name) < len(here):
            here = here[int(name)]
        elif isinstance(here, Mapping) and name in here:
            here = here[name]
        else:
            return ""
    return here
