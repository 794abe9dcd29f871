"""Render the reference of the settings from their model: the tables of the docs, and `config.yaml`.

In a checkout, `python -m bot.config.reference` writes them. A test compares them with the model. The English
descriptions are in the model, their Chinese translations in `docs/zh-CN/settings.yaml`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from annotated_types import Ge, Le
from pydantic import BaseModel, IPvAnyNetwork, SecretStr
from pydantic.fields import FieldInfo

from bot.config.dingtalk import DingDing
from bot.config.schedules import EXAMPLE, ScheduleSettings
from bot.config.settings import Settings
from bot.config.types import SECONDS, Kind, UpperSection, sections_in

ROOT = Path(__file__).parents[2]
PAGES = {"en": Path("docs/config.md"), "zh": Path("docs/zh-CN/config.md")}
TRANSLATIONS = Path("docs/zh-CN/settings.yaml")
EXAMPLE_FILE = Path("config.yaml")
PREFIX = "DINGRUN_"
COMMENT_COLUMN = 34

HEADINGS = {
    "en": "| key | type | default | meaning | example | environment |\n|---|---|---|---|---|---|",
    "zh": "| 键 | 类型 | 默认值 | 含义 | 例子 | 环境变量 |\n|---|---|---|---|---|---|",
}
WORDS = {  # one language each
    "en": {
        "required": "required", "list": "list of {}", "or": " or ", "comma": ", ",
        "range": "{kind} from {least} to {most}", "from": "{kind} from {least}", "mapping": "mapping",
        "text": "text", "secret": "secret", "flag": "true or false", "network": "address or network",
    },
    "zh": {
        "required": "必填", "list": "{}的列表", "or": " 或 ", "comma": "、",
        "range": "{least} 到 {most} 的{kind}", "from": "不小于 {least} 的{kind}", "mapping": "映射",
        "text": "文本", "secret": "密钥", "flag": "true 或 false", "network": "地址或网段",
    },
}  # fmt: skip
PLAIN = {str: "text", SecretStr: "secret", bool: "flag", IPvAnyNetwork: "network"}
MARKED = re.compile(r"(<!-- settings: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
SENTENCE = {"en": re.compile(r"\.(?= [A-Z`])"), "zh": re.compile("。")}

HEADER = """\
# DingRun 的全部设置。由设置模型生成（python -m bot.config.reference），说明见 docs/zh-CN/config.md。
# 每个键也可以用环境变量给出，如 DINGRUN_DINGDING__APP_SECRET。原样可用：没有配置钉钉时只写日志，不推送。
# Everything that can be set, rendered from the settings model; docs/config.md says more. Each key also works
# as an environment variable, e.g. DINGRUN_DINGDING__APP_SECRET. The file is valid as it is: without DingTalk
# settings the service only logs.
"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One key of the tree, written as a person writes it: `DINGDING.APP_KEY`, `schedules[].cron`."""

    key: str
    field: FieldInfo

    @property
    def name(self) -> str:
        return self.key.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """Return the environment variable. A list can only be set as a whole."""
        return PREFIX + self.key.partition("[]")[0].upper().replace(".", "__")

    @property
    def default(self) -> Any:
        """Return the default value, or None."""
        needed = self.field.is_required()
        return None if needed else plain(self.field.get_default(call_default_factory=True))

    @property
    def example(self) -> Any:
        return self.field.examples[0] if self.field.examples else None


def sections_of(field: FieldInfo) -> Sequence[type[BaseModel]]:
    """Return the section that a field holds, alone or in a list, or those that `kind` chooses among."""
    if get_origin(field.annotation) is not tuple:
        return sections_in(field.annotation)
    item = get_args(field.annotation)[0]
    return sections_in(item) if isinstance(item, type) else ()  # one that may also be text is a value


def fields_of(sections: Sequence[type[BaseModel]]) -> Mapping[str, FieldInfo]:
    """Return the fields of sections together; `kind` takes the words of all of them."""
    fields: dict[str, FieldInfo] = {}
    for section in sections:
        for name, field in section.model_fields.items():
            fields.setdefault(name, field)
    if len(sections) > 1:
        kinds = tuple(word for each in sections for word in get_args(each.model_fields["kind"].annotation))
        fields["kind"] = copy(fields["kind"])
        fields["kind"].annotation = Literal[kinds]  # type: ignore[assignment]
    return fields


def settings_below(models: Sequence[type[BaseModel]] = (Settings,), prefix: str = "") -> Iterator[Setting]:
    """Walk the keys of the tree in the order of the model."""
    for name, field in fields_of(models).items():
        sections = sections_of(field)
        upper = issubclass(models[0], UpperSection) or DingDing in sections
        shown = name.upper() if upper else name
        if not sections:
            yield Setting(key=f"{prefix}{shown}", field=field)
        else:
            many = "[]" if get_origin(field.annotation) is tuple else ""
            yield from settings_below(sections, f"{prefix}{shown}{many}.")


def plain(value: Any) -> Any:
    """Convert a value to one that YAML can write."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_yaml(value: Any) -> str:
    """Write a value in one line. What holds a * is quoted: in front, YAML takes it for an alias."""
    if isinstance(value, str) and (not value or "*" in value):
        return json.dumps(value, ensure_ascii=False)
    dumped = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return dumped.removesuffix("...\n").strip()


def list_choices(annotation: Any) -> list[str]:
    """List the words that a setting takes. Empty if it takes other values."""
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    return [str(each.value) for each in annotation] if is_enum else []


def describe_type(annotation: Any, metadata: Sequence[Any], lang: str) -> str:
    """Word the type of a setting."""
    if get_origin(annotation) is Annotated:
        below, *more = get_args(annotation)
        return describe_type(below, [*more, *metadata], lang)
    if kind := _named(metadata):
        return _bounded(getattr(kind, lang), metadata, lang)
    return _unnamed(annotation, lang)


def _named(metadata: Sequence[Any]) -> Kind | None:
    return next((each for each in reversed(metadata) if isinstance(each, Kind)), None)


def _unnamed(annotation: Any, lang: str) -> str:
    words = WORDS[lang]
    if choices := list_choices(annotation):
        *most, last = (f"`{each}`" for each in choices)
        return f"{words['comma'].join(most)}{words['or']}{last}"
    if get_origin(annotation) is dict:
        return words["mapping"]
    inner = [each for each in get_args(annotation) if each is not NoneType]  # of a list, or beside None
    if not inner:
        return words[PLAIN[annotation]]
    one = describe_type(inner[0], (), lang)
    if get_origin(annotation) is not tuple:
        return one
    spaced = f"{one} " if one[-1].isascii() else one  # between Chinese and Latin letters
    return words["list"].format(_plural(one) if lang == "en" else spaced)


def _plural(word: str) -> str:
    return " or ".join(f"{each}{'es' if each.endswith('s') else 's'}" for each in word.split(" or "))


def _bounded(named: str, metadata: Sequence[Any], lang: str) -> str:
    least = next((plain(each.ge) for each in metadata if isinstance(each, Ge)), None)
    most = next((plain(each.le) for each in metadata if isinstance(each, Le)), None)
    if least is None:
        return named
    return WORDS[lang]["from" if most is None else "range"].format(kind=named, least=least, most=most)


def translations(path: Path = ROOT / TRANSLATIONS) -> Mapping[str, str]:
    """Read the Chinese descriptions by key."""
    known: Mapping[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return known


def render_page(text: str, lang: str, chinese: Mapping[str, str]) -> str:
    """Put the tables of a page anew between their marks: one section each, `*` for all that no mark names."""
    named = {found[2] for found in MARKED.finditer(text)}

    def table(found: re.Match[str]) -> str:
        wanted = (setting for setting in settings_below() if _group(setting, named) == found[2])
        rows = [_row(setting, lang, chinese) for setting in wanted]
        return "\n".join([f"{found[1]}\n{HEADINGS[lang]}", *rows, "", found[3]])

    return MARKED.sub(table, text)


def _group(setting: Setting, named: set[str]) -> str:
    section = re.split(r"[.\[]", setting.key)[0]
    return section if section in named else "*"


def _row(setting: Setting, lang: str, chinese: Mapping[str, str]) -> str:
    field = setting.field
    default = "" if setting.default in (None, "") else f"`{as_yaml(setting.default)}`"
    cells = (
        f"`{setting.key}`",
        describe_type(field.annotation, field.metadata, lang),
        WORDS[lang]["required"] if field.is_required() else default,
        (field.description or "") if lang == "en" else chinese.get(setting.key, ""),
        f"`{as_yaml(setting.example)}`",
        f"`{setting.variable}`",
    )
    return f"| {' | '.join(cells)} |"


def render_example(chinese: Mapping[str, str]) -> str:
    """Render `config.yaml`: every key with its default, or as a comment if it has none."""
    lines = [HEADER]
    for name, field in Settings.model_fields.items():
        sections = sections_of(field)
        shown = name.upper() if DingDing in sections else name
        if not sections:
            (setting,) = (each for each in settings_below() if each.key == name)
            lines += [commented(f"{name}: {as_yaml(setting.default)}", setting, chinese), ""]
            continue
        lines.append(f"# {chinese[shown].rstrip('。')} / {(field.description or '').rstrip('.')}")
        if ScheduleSettings in sections:
            lines += [f"{shown}: []", *_schedule_lines(chinese), ""]
        else:
            lines += [f"{shown}:", *_section_lines(sections, f"{shown}.", chinese), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section_lines(
    sections: Sequence[type[BaseModel]], prefix: str, chinese: Mapping[str, str]
) -> Iterator[str]:
    """Render the keys of a section. Above those that only one `kind` has, its name stands."""
    shown: Sequence[str] = ()
    for setting in settings_below(sections, prefix):
        owners = [each for each in sections if setting.name.lower() in each.model_fields]
        shared = len(owners) == len(sections)
        kinds = [] if shared else [list_choices(each.model_fields["kind"].annotation)[0] for each in owners]
        if kinds and kinds != shown:
            names = ", ".join(kinds)
            yield f"  # kind 为 {names} 时 / with kind {names}"
        shown = kinds
        yield _line(setting, chinese)


def _line(setting: Setting, chinese: Mapping[str, str]) -> str:
    default, blank = setting.default, setting.key.startswith("DINGDING.")
    if default is None and not blank:
        return commented(f"  # {setting.name}: {as_yaml(setting.example)}", setting, chinese)
    return commented(f"  {setting.name}: {as_yaml('' if default is None else default)}", setting, chinese)


def _schedule_lines(chinese: Mapping[str, str]) -> Iterator[str]:
    for setting in settings_below((ScheduleSettings,), "schedules[]."):
        start = "#  - " if setting.name == "name" else "#    "
        if setting.name in EXAMPLE:
            shown = f"{start}{setting.name}: {as_yaml(EXAMPLE[setting.name])}"
        else:
            shown = f"{start}# {setting.name}: {as_yaml(setting.example)}"
        yield commented(shown, setting, chinese)


def commented(text: str, setting: Setting, chinese: Mapping[str, str]) -> str:
    """Put the choices and the first sentence of the descriptions behind the value."""
    units = {"zh": "（秒）", "en": " (seconds)"} if _named(setting.field.metadata) == SECONDS else {}
    texts = {"zh": chinese.get(setting.key, ""), "en": setting.field.description or ""}
    both = [_first(text, lang) + units.get(lang, "") for lang, text in texts.items() if text]
    choices = " | ".join(list_choices(setting.field.annotation))
    return f"{text:<{COMMENT_COLUMN}}  # {choices}{choices and ': '}{' / '.join(both)}"


def _first(description: str, lang: str) -> str:
    sentence = SENTENCE[lang].split(description, maxsplit=1)[0]
    return sentence.rstrip(".。").replace("`", "")


def write_all(root: Path = ROOT) -> None:
    """Write the pages and the example anew."""
    chinese = translations(root / TRANSLATIONS)
    for lang, page in PAGES.items():
        text = (root / page).read_text(encoding="utf-8")
        (root / page).write_text(render_page(text, lang, chinese), encoding="utf-8")
    (root / EXAMPLE_FILE).write_text(render_example(chinese), encoding="utf-8")


if __name__ == "__main__":
    write_all()
