"""Severities of findings: their order and their colors. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.assets.values import Document, first, text

COLORS = {  # background and text, the worst first
    "critical": ("A8071A", "FFFFFF"),
    "high": ("FF9C98", "5C0011"),
    "medium": ("FFD591", "613400"),
    "low": ("FFF1B8", "614700"),
    "info": ("D6E4FF", "10239E"),
    "unknown": ("EEF0F3", "475467"),
}
SEVERITIES = tuple(COLORS)


@dataclass(frozen=True)
class Severity:
    """The severity of a finding. Cells show it in their language and in its color."""

    name: str  # one of `SEVERITIES`

    @property
    def rank(self) -> int:
        """Return its place, 0 for the worst."""
        return SEVERITIES.index(self.name)


def parse_severity(documents: Sequence[Document], field: str) -> Severity | str:
    """Return the severity of a finding. Words that are not known stay as they are."""
    said = text(first(documents, field))
    name = said.strip().lower()
    return Severity(name) if name in COLORS else said


def severity_rank(documents: Sequence[Document], field: str) -> str:
    """Return a key that sorts the worst findings first, and unknown words last."""
    severity = parse_severity(documents, field)
    return f"{severity.rank if isinstance(severity, Severity) else len(SEVERITIES)}"
