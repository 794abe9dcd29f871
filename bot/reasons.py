"""Reasons of failures as they are stored and logged: a code with values, in no language.

The texts are in `cards/words/reasons.yaml`, and `cards.catalogue.explain` fills them in.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_STORED = re.compile(r"(?P<code>[a-z_]{1,40})(?: (?P<values>\{.*\}))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Reason why a task or a run failed. Stored as `connection_refused {"ports": "80, 443"}`."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} {json.dumps(self.values, ensure_ascii=False)}" if self.values else self.code

    @classmethod
    def parse(cls, stored: str) -> "Reason | None":
        """Parse a stored reason. Returns None for any other text, such as an error of another system."""
        found = _STORED.fullmatch(stored)
        if found is None:
            return None
        try:
            values = json.loads(found["values"] or "{}")
        except (ValueError, RecursionError):
            return None
        return cls(code=found["code"], values={name: str(value) for name, value in values.items()})


def reason(code: str, **values: object) -> str:
    """Build a reason as it is stored. Values that are empty are left out."""
    given = {name: str(value) for name, value in values.items() if value not in {None, ""}}
    return str(Reason(code=code, values=given))


def reported_reason(text: str) -> str:
    """Return what another system says as a stored reason, even if it reads like a code of ours."""
    return reason("reported", why=text) if Reason.parse(text) else text
