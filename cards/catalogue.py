"""Short texts in each language: one source for cards, answers and the workbook. Read once.

| folder | what it has |
|---|---|
| `cards/words` | names of kinds, labels of the workbook, reasons and errors: plain texts |
| `cards/phrases` | answers in the chat: templates |
| `cards/templates` | cards and messages: templates, and the words of the filters |

Errors are raised, logged and stored in English. `errors.yaml` has their translations by their English text,
as gettext does, so that a text of another system is shown as it is. `settings.yaml` has those of settings and
commands, and `help.yaml` those of `--help`.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

import yaml

from bot.reasons import Reason

WORDS = Path(__file__).parent / "words"  # a file for each topic, with all languages
SOURCE_LANGUAGE = "en"  # of the errors that our code raises
MAX_TRANSLATED = 1_000  # characters of an error; longer ones are shown as they are
MAX_DEPTH = 3  # an error in an error in an error

_FIELD = re.compile(r"\{(\w+)\}")
_OPTIONAL = re.compile(r"\[(.*?)\]")
_INNER = {"error", "why"}  # values that are errors themselves


@cache
def load_topic(topic: str) -> Mapping[str, Mapping[str, str]]:
    """Read the texts of a topic: by key, the text in each language."""
    return dict(yaml.safe_load((WORDS / f"{topic}.yaml").read_text(encoding="utf-8")))


@cache
def load_words(topic: str, lang: str) -> Mapping[str, str]:
    """Return the texts of a topic in one language, by key."""
    return {key: texts[lang] for key, texts in load_topic(topic).items()}


def display_name(kind: str, lang: str) -> str:
    """Return the name of an asset kind or highlight. Unknown kinds keep their own name."""
    return load_words("kinds", lang).get(kind, kind)


@lru_cache(1_000)
def explain(stored: str, lang: str, depth: int = 0) -> str:
    """Return the text of a stored reason or error in a language. Other texts stay as they are."""
    reason = Reason.parse(stored)
    if reason and reason.code in load_topic("reasons"):
        return _fill(load_words("reasons", lang)[reason.code], reason.values)
    found = _find_error(stored)
    if found is None or depth >= MAX_DEPTH:
        return stored
    key, values = found
    said = {name: explain(value, lang, depth + 1) for name, value in values.items()}
    return _fill(load_words("errors", lang)[key], said)


def without_details(stored: str) -> str:
    """Return a stored reason without the values that its text can do without, such as ports."""
    reason = Reason.parse(stored)
    if reason is None or reason.code not in load_topic("reasons"):
        return stored
    text = _OPTIONAL.sub("", load_words("reasons", SOURCE_LANGUAGE)[reason.code])
    needed = set(_FIELD.findall(text))
    return str(Reason(code=reason.code, values={k: v for k, v in reason.values.items() if k in needed}))


def explain_setting(error: str, lang: str, depth: int = 0) -> str:
    """Return a line of an error of settings or commands in a language. Other texts stay as they are."""
    found = None if lang == SOURCE_LANGUAGE or depth > MAX_DEPTH else _find_error(error, "settings")
    if found is None:
        return explain(error, lang)
    key, values = found
    inner = {name: explain_setting(values[name], lang, depth + 1) for name in _INNER & values.keys()}
    words = {"words": values.get("words", "").replace(" or ", " 或 ").replace(", ", "、")}
    text = load_words("settings", lang)[key]
    return _FIELD.sub(lambda field: {**values, **words, **inner}[field[1]], text)


def explain_help(text: str, lang: str) -> str:
    """Return a paragraph of the help of a command in a language. Other texts stay as they are."""
    return _translations("help", lang).get(text, text)


@cache
def _translations(topic: str, lang: str) -> Mapping[str, str]:
    return {texts[SOURCE_LANGUAGE]: texts[lang] for texts in load_topic(topic).values()}


@lru_cache(1_000)
def _find_error(text: str, topic: str = "errors") -> tuple[str, Mapping[str, str]] | None:
    """Find the error that has this English text, and return its key and its values."""
    if len(text) > MAX_TRANSLATED:
        return None
    for key, pattern in _error_patterns(topic):
        match = pattern.fullmatch(text)
        if match:
            return key, match.groupdict()
    return None


@cache
def _error_patterns(topic: str) -> list[tuple[str, re.Pattern[str]]]:
    """Return a pattern for each error: what follows another error first, then by the length of fixed text."""
    texts = load_words(topic, SOURCE_LANGUAGE)

    def specificity(key: str) -> tuple[bool, int]:
        return texts[key].startswith("{error}"), len(_FIELD.sub("", texts[key]))

    return [(key, _pattern(texts[key])) for key in sorted(texts, key=specificity, reverse=True)]


def _pattern(text: str) -> re.Pattern[str]:
    parts = _FIELD.split(text)  # fixed text and names of fields in turn
    turned = [f"(?P<{part}>.*?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)]
    return re.compile("".join(turned), re.DOTALL)


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Fill in the values. A part in brackets is left out if one of its values is missing."""
    text = _OPTIONAL.sub(lambda part: part[1] if set(_FIELD.findall(part[1])) <= values.keys() else "", text)
    return _FIELD.sub(lambda field: values.get(field[1], "?"), text)
