"""The YAML file of the settings, and the cures for what people get wrong in YAML."""

import codecs
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.config.loader.sources import Problem
from bot.config.validation import KeyPath
from bot.errors import ConfigError

BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CURES = (  # words in YAML's complaint, and what to do about it
    (
        "mapping values are not allowed",
        'quote a value that holds ": ", and begin the keys of a block in one column',
    ),
    ("unexpected end of stream", "a quote is not closed"),
    ("unknown escape character", r"inside double quotes \ begins an escape: use single quotes"),
    ("expected <block end>", "begin the keys of a block in one column; write nothing after a closing quote"),
    ("but found another document", "--- begins a second document: one is taken"),
    ("could not determine a constructor", "put a value that begins with ! in quotes"),
    ("special characters are not allowed", "there is a control character in it"),
)
LEADING_ZERO = re.compile(r"0[0-9]+")
QUOTED_STARTS = "@`%"


class _Loader(yaml.SafeLoader):
    """Loader that refuses, or reads as it was meant, what YAML 1.1 would silently take for something else.

    - A key that is given twice: of a block pasted above an empty one nothing would be left.
    - A value such as `&abc`: a name for nothing.
    - A number such as `0147`: octal for YAML, and a staffId for whoever wrote it; it stays text.
    """

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name
        self.problems: list[Problem] = []

    def compose_scalar_node(self, anchor: dict[Any, yaml.Node]) -> yaml.ScalarNode:
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        if anchor and not node.value:
            line = node.start_mark.line + 1
            raise ConfigError(f"{self.name}:{line}: put a value that begins with & in quotes")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self.problems += _keys_given_twice(self.name, node)
        return {str(key): value for key, value in super().construct_mapping(node, deep).items()}


def _keys_given_twice(file: str, node: yaml.MappingNode) -> Iterator[Problem]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if first := lines.get(name.lower()):
            text = f"{file}:{line}: {name} is given twice, in lines {first} and {line}; remove one"
            yield Problem(text=text, line=line)
        lines.setdefault(name.lower(), line)


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    return str(node.value) if LEADING_ZERO.fullmatch(node.value) else int(loader.construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _number)


@dataclass(frozen=True, kw_only=True)
class SettingsFile:
    """Content of the file: its values, and the lines where they stand."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    root: yaml.Node | None = None

    def line_of(self, place: KeyPath) -> int:
        """Return the line of the setting at this place, or of the nearest section that is written.

        0 if there is nothing.
        """
        node, line = self.root, 0
        for part in place:
            found = _below(node, part)
            if found is None:
                break
            mark, node = found
            line = mark.line + 1
        return line


def _below(node: yaml.Node | None, part: int | str) -> tuple[yaml.Mark, yaml.Node] | None:
    """Return where a key or an entry of a list begins, and its value."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        entry = next(iter(node.value[part : part + 1]), None)
        return (entry.start_mark, entry) if entry else None
    if not isinstance(node, yaml.MappingNode):
        return None
    wanted = str(part).lower()  # the last one, because merged keys (`<<`) come first
    found = [(key.start_mark, value) for key, value in node.value if str(key.value).lower() == wanted]
    return found[-1] if found else None


def read_settings_file(path: Path) -> SettingsFile:
    """Read the mapping of sections. Raises `ConfigError` with one line that shows nothing of the content."""
    text = _text(path)
    if not text.strip():
        raise ConfigError(
            f"{path.name}: the file is empty; write settings into it, or remove it for the defaults"
        )
    try:
        loader = _Loader(text, path.name)
        root = loader.get_single_node()
        values = loader.construct_document(root) if root else {}
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path.name}{_explain(error, text)}") from None
    if root and not isinstance(values, dict | None):
        line = root.start_mark.line + 1
        raise ConfigError(f"{path.name}:{line}: must be a mapping of sections, got {type(values).__name__}")
    return SettingsFile(values=values or {}, problems=loader.problems, root=root)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path.name}:{line}: the line is not UTF-8{_encoding(content)}: save the file as UTF-8"
        ) from None


def _encoding(content: bytes) -> str:
    """Name the encoding that the content seems to have."""
    if content.startswith(BYTE_ORDER_MARKS):
        return " but UTF-16"
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    return " but GBK, it seems"


def _explain(error: Exception, text: str) -> str:
    """Say in which line the fault is, and its cure where it is one of those that people make."""
    mark = getattr(error, "problem_mark", None)
    line, column = (f":{mark.line + 1}", f" at column {mark.column + 1}") if mark else ("", "")
    cure = _cure(error, text, mark)
    return f"{line}: this is not valid YAML{column}{cure and f': {cure}'}"


def _cure(error: Exception, text: str, mark: yaml.Mark | None) -> str:
    problem = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '')}" if mark else str(error)
    if mark:
        lines = text.splitlines()[max(mark.line - 1, 0) : mark.line + 1]
        here = lines[-1][mark.column : mark.column + 1] if lines else ""
        if here == "\t":
            return "this is a tab; indent with spaces"
        if "alias" in problem:
            return 'put a value that begins with * in quotes, as in cron: "*/5 * * * *"'
        if here and here in QUOTED_STARTS:
            return f"put a value that begins with {here} in quotes"
        if "mapping values" in problem and any("：" in line for line in lines):
            return "a full-width colon (：) stands near; write : and a space"
    return next((cure for words, cure in CURES if words in problem), "")
