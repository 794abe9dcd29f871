"""Errors of the command line in the language of its reader."""

import os
import re
from pathlib import Path

from bot.config.loader import DEFAULT_FILE
from cards.catalogue import explain_setting

_LANG = re.compile(r"^lang: *[\"']?(zh-CN|en)\b", re.MULTILINE)
_VARIABLE = "DINGRUN_LANG"
_ORIGINS = {"environment": "环境变量 ", "file": "文件 "}


def in_language(error: str, config: Path | None) -> str:
    """Return the lines of an error in the language that the settings name, though they may be invalid."""
    lang = _language(config)
    lines = [explain_setting(line, lang) for line in error.splitlines()]
    return "\n".join(lines if lang == "en" else map(_with_origin, lines))


def _with_origin(line: str) -> str:
    """Say in Chinese that a variable or a file of a secret is meant."""
    return re.sub(r"^(environment|file)(:?) (?=DINGRUN_|/)", lambda found: _ORIGINS[found[1]], line)


def _language(config: Path | None) -> str:
    try:
        text = (config or Path(DEFAULT_FILE)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = _LANG.search(text)
    return os.environ.get(_VARIABLE) or (found[1] if found else "zh-CN")
