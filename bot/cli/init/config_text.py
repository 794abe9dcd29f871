"""Write a settings file with the few keys that somebody needs, commented as the reference describes them.

`config.yaml` in a checkout shows every key. What `dingrun init` writes has only those that differ from their
defaults, with the same comments.
"""

import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from bot.config.reference import (
    ROOT,
    TRANSLATIONS,
    Setting,
    as_yaml,
    commented,
    sections_of,
    settings_below,
    translations,
)
from bot.config.schedules import ScheduleSettings
from bot.config.settings import Settings

INSTALLED = Path(sys.prefix) / "share/dingrun"  # where a wheel puts the files that are no code
UPPER = "DINGDING"

HEADER = """\
# DingRun 的设置，由 dingrun init 写成，再次运行它可以修改。没写的键用默认值，全部见 docs/zh-CN/config.md。
# Settings of DingRun, written by dingrun init; run it again to change them. Keys that are not here have their
# defaults; docs/config.md has all of them.
"""


def chinese_descriptions() -> Mapping[str, str]:
    """Return the Chinese descriptions, in a checkout or from a wheel. Without them, comments are English."""
    places = (ROOT / TRANSLATIONS, INSTALLED / TRANSLATIONS.name)
    return next((translations(path) for path in places if path.is_file()), {})


def normalized(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a file with the `DINGDING` block as it is written: in capitals."""
    found: dict[str, Any] = {}
    for key, value in deepcopy(dict(values)).items():
        name = UPPER if key.upper() == UPPER else key
        is_upper = name == UPPER and isinstance(value, Mapping)
        found[name] = {str(each).upper(): value[each] for each in value} if is_upper else value
    return found


def without_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a file without keys that are empty or have their defaults."""
    kept = normalized(values)
    for setting in settings_below():
        *sections, name = setting.key.split(".")
        section = kept if not sections else kept.get(sections[0])
        known = "[]" not in setting.key and isinstance(section, dict) and name in section
        if section and known and section[name] in (None, "", setting.default):
            del section[name]
    return {key: value for key, value in kept.items() if value not in (None, {}, [])}


def render_settings(values: Mapping[str, Any]) -> str:
    """Render a settings file. Its keys are in the order of the model, each with its description."""
    chinese = chinese_descriptions()
    blocks = [_block(name, values[name], chinese) for name in _in_order(values)]
    return "\n".join([HEADER, *("\n".join(block) + "\n" for block in blocks)])


def _in_order(values: Mapping[str, Any]) -> list[str]:
    known = [UPPER if name.upper() == UPPER else name for name in Settings.model_fields]
    return [name for name in known if name in values]


def _block(name: str, value: Any, chinese: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of one section, or of one key at the top."""
    field = Settings.model_fields[name.lower()]
    sections = sections_of(field)
    if not sections:
        yield commented(f"{name}: {as_yaml(value)}", Setting(key=name, field=field), chinese)
        return
    titles = (chinese.get(name, "").rstrip("。"), (field.description or "").rstrip("."))
    yield f"# {' / '.join(filter(None, titles))}"
    yield f"{name}:"
    if ScheduleSettings in sections:
        for schedule in value:
            yield from _schedule(schedule, chinese)
        return
    for setting in settings_below(sections, f"{name}."):
        if setting.name in value:
            yield commented(f"  {setting.name}: {as_yaml(value[setting.name])}", setting, chinese)


def _schedule(schedule: Mapping[str, Any], chinese: Mapping[str, str]) -> Iterator[str]:
    start = "  - "
    for setting in settings_below((ScheduleSettings,), "schedules[]."):
        if setting.name in schedule:
            yield commented(f"{start}{setting.name}: {as_yaml(schedule[setting.name])}", setting, chinese)
            start = "    "
