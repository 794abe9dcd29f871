"""Read the templates and phrases once, and compile them for each dialect: message and card.

In every dialect, each `{{ value }}` is escaped on output (Jinja's `finalize`). Only `Markup` is put out as it
is. Text that a template joins or changes is no longer `Markup`, so it is escaped as well. The text of the
template itself is trusted.
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
    MAX_LENGTH,
    Markup,
    escape_card,
    escape_message,
    verbatim_card,
    verbatim_message,
)
from cards.filters import Filters

TEMPLATES = Path(__file__).parent / "templates"  # a folder for each language
PHRASES = Path(__file__).parent / "phrases"  # a file for each topic, with all languages
CACHE_SIZE = 2_000  # escaped values of each dialect; names and targets are repeated on many cards
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
        """Render a template."""
        return _tidy(self._templates[name].render(values))

    def phrase(self, key: str, values: Values) -> str:
        """Render a phrase.

        Raises:
            KeyError: No phrase has this key.
        """
        return _tidy(self._phrases[key].render(values))


@dataclass(frozen=True, kw_only=True)
class TemplateEnvironments:
    """Both dialects in one language. The title and the tips of a card use `message_env`."""

    message_env: TemplateEnvironment
    card_env: TemplateEnvironment
    zone: ZoneInfo


def load(lang: str, zone: str) -> TemplateEnvironments:
    """Read and compile the templates and phrases of a language.

    Raises:
        ConfigError: The language or the time zone is unknown.
    """
    if lang not in LANGUAGES:
        raise ConfigError(f"lang: takes {' or '.join(LANGUAGES)}, got {lang!r}")
    folder = TEMPLATES / lang
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    phrases = {key: texts[lang] for key, texts in load_phrases().items()}
    words = read_yaml(folder / "words.yaml")
    place = _zone(zone)
    filters = Filters(words, place).table
    environments = {}
    for name, (prose, exact) in _PROSE_AND_EXACT.items():
        environment = _environment(sources, prose)
        environment.filters.update(filters, exact=exact)
        environment.globals.update({
            name: words[name]
            for name in ("reasons", "steps", "modes", "states", "outcomes", "channels", "triggers", "rules")
        })
        environments[name] = TemplateEnvironment(environment, phrases)
    return TemplateEnvironments(
        message_env=environments["message"], card_env=environments["card"], zone=place
    )


def load_phrases() -> dict[str, Mapping[str, str]]:
    """Read the phrases of all topics: by key, the text in each language.

    Raises:
        ValueError: Two topics have a phrase of the same key.
    """
    phrases: dict[str, Mapping[str, str]] = {}
    for path in sorted(PHRASES.glob("*.yaml")):
        topic = read_yaml(path)
        if twice := phrases.keys() & topic.keys():
            raise ValueError(f"{path.name} repeats {', '.join(sorted(twice))}")
        phrases |= topic
    return phrases


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping from a YAML file."""
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _environment(sources: Mapping[str, str], prose: Escape) -> jinja2.Environment:
    cached = lru_cache(CACHE_SIZE)(prose)

    def escape(value: object) -> object:
        if isinstance(value, Markup | int):
            return value
        text = "" if value is None else str(value)
        return cached(text) if len(text) <= MAX_LENGTH else prose(text)

    return jinja2.Environment(  # noqa: S701 (not HTML: `finalize` escapes values for markdown)
        loader=jinja2.DictLoader(sources),
        finalize=escape,
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
    """Remove the empty lines and trailing spaces that the logic of a template leaves behind."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return _GAP.sub("\n\n", lines).strip()
