"""Print on the command line in the language of its reader."""

import os
import re
from pathlib import Path

from bot.config.loader import DEFAULT_FILE
from cards.catalogue import SOURCE_LANGUAGE, explain_setting
from cards.environment import LANGUAGES

_LANG = re.compile(r"^lang: *[\"']?(zh-CN|en)\b", re.MULTILINE)
LANG_OPTION = "dingrun.lang"  # in `click.Context.meta`: the language that an option names
_VARIABLE = "DINGRUN_LANG"
_ORIGINS = {"environment": "环境变量 ", "file": "文件 "}


def in_language(text: str, config: Path | None, lang: str = "") -> str:
    """Return lines in a language, by default that of the settings, though they may be invalid."""
    lang = lang or reader_language(config)
    lines = [explain_setting(line, lang) for line in text.splitlines()]
    return "\n".join(lines if lang == SOURCE_LANGUAGE else map(_with_origin, lines))


def _with_origin(line: str) -> str:
    """Say in Chinese that a variable or a file of a secret is meant."""
    return re.sub(r"^(environment|file)(:?) (?=DINGRUN_|/)", lambda found: _ORIGINS[found[1]], line)


def reader_language(config: Path | None) -> str:
    """Return the language of the settings, though they may be invalid. Chinese unless they say otherwise."""
    try:
        text = (config or Path(DEFAULT_FILE)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = _LANG.search(text)
    named = os.environ.get(_VARIABLE) or (found[1] if found else "")
    return named if named in LANGUAGES else LANGUAGES[0]
