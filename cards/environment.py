"""Templates and phrases, read once, and compiled for each dialect: message and card.

In every dialect each `{{ value }}` is neutralised on its way out (Jinja's `finalize`); only `Markup` text
passes. That holds for text joined or changed inside a template too, as that is no longer `Markup`. What a
template spells itself is trusted.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2
import yaml

from bot.errors import ConfigError
from cards.escaping import (
    LENGTH,
    Markup,
    escape_card,
    escape_message,
    verbatim_card,
    verbatim_message,
)
from cards.filters import Filters

FOLDER = Path(__file__).parent / "templates"
VALUES_KEPT = 2_000  # neutralised values per dialect: names, targets and words of ours come again and again
LANGUAGES = ("zh-CN", "en")

Escape = Callable[[str], Markup]
Values = Mapping[str, object]

_PROSE_AND_EXACT: Mapping[str, tuple[Escape, Escape]] = {
    "message": (escape_message, verbatim_message),
    "card": (escape_card, verbatim_card),
}
_GAP = re.compile(r"\n{3,}")


class TemplateEnvironment:
    """The templates and phrases of one language, compiled for one dialect."""

    def __init__(self, environment: jinja2.Environment, phrases: Mapping[str, str]) -> None:
        self._templates = {name: environment.get_template(name) for name in environment.list_templates()}
        self._phrases = {key: environment.from_string(text) for key, text in phrases.items()}

    def page(self, name: str, values: Values) -> str:
        """A template of this language, filled."""
        return _tidy(self._templates[name].render(values))

    def phrase(self, key: str, values: Values) -> str:
        """A phrase, filled. A key that is in no `phrases.yaml` is a mistake in the program: `KeyError`."""
        return _tidy(self._phrases[key].render(values))


@dataclass(frozen=True, kw_only=True)
class TemplateEnvironments:
    """Both of them, in one language. What is plain text on a card (title, tips) speaks `message`."""

    message_env: TemplateEnvironment
    card_env: TemplateEnvironment


def load(lang: str, zone: str) -> TemplateEnvironments:
    """Read and compile the templates of a language. Raises `ConfigError` for an unknown language or zone."""
    if lang not in LANGUAGES:
        raise ConfigError(f"lang: takes {' or '.join(LANGUAGES)}, got {lang!r}")
    folder = FOLDER / lang
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    phrases = read_yaml(folder / "phrases.yaml")
    words = read_yaml(folder / "words.yaml")
    filters = Filters(words, _zone(zone)).table
    made = {}
    for name, (prose, exact) in _PROSE_AND_EXACT.items():
        environment = _environment(sources, prose)
        environment.filters.update(filters, exact=exact)
        environment.globals.update({name: words[name] for name in ("reasons", "steps", "states")})
        made[name] = TemplateEnvironment(environment, phrases)
    return TemplateEnvironments(message_env=made["message"], card_env=made["card"])


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping of our own, as it lies beside the templates."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _environment(sources: Mapping[str, str], prose: Escape) -> jinja2.Environment:
    kept = lru_cache(VALUES_KEPT)(prose)

    def neutralised(value: object) -> object:
        if isinstance(value, Markup | int):
            return value
        text = "" if value is None else str(value)
        return kept(text) if len(text) <= LENGTH else prose(text)

    return jinja2.Environment(  # noqa: S701 (not HTML: `finalize` makes values inert in markdown)
        loader=jinja2.DictLoader(sources),
        finalize=neutralised,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"timezone: takes a name such as Asia/Shanghai, got {name!r}") from None


def _tidy(text: str) -> str:
    """Without the empty lines and blanks that the logic of a template leaves behind."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return _GAP.sub("\n\n", lines).strip()
