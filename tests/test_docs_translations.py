"""A Chinese page has all that its English one has: the same skeleton, code and names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
CHINESE = DOCS / "zh-CN"
PAIRS = {
    "README.md": (ROOT / "README.md", ROOT / "README.zh-CN.md"),
    "dingtalk_sandbox/README.md": tuple((ROOT / "dingtalk_sandbox").glob("README*.md")),
    **{
        str(path.relative_to(CHINESE)): (DOCS / path.relative_to(CHINESE), path)
        for path in sorted(CHINESE.rglob("*.md"))
    },
}
ENGLISH_ONLY = {"mongodb.md": ("Collections", "Tests")}
"""Sections for those who work on DingRun itself."""
ENGLISH_PAGES = {
    "architecture.md": "for those who work on DingRun itself",
    "fidelity.md": "for those who work on the sandbox: rules, sources and tests",
    "glossary.md": "has both languages on one page",
    "sandbox-coverage.md": "is generated, for those who work on the sandbox",
}
"""Pages that have no translation, with the reason."""

FENCE = re.compile(r"^ *```(\w*)")
CODE_MARK = "a block of code in "
BLOCK = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"(^|\s)#\s?.*$")
HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+")
NAME = re.compile(r"[A-Za-z]\w*(?:[._/-]\w+)+|[A-Z]+(?:_[A-Z]+)+")


def without_sections(text: str, headings: tuple[str, ...]) -> str:
    for heading in headings:
        assert f"\n## {heading}\n" in text
        text = re.sub(rf"\n## {heading}\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL)
    return text


def both(name: str) -> tuple[str, str]:
    english, chinese = sorted(PAIRS[name], key=lambda path: "zh-CN" in str(path))
    text = without_sections(english.read_text(encoding="utf-8"), ENGLISH_ONLY.get(name, ()))
    return text, chinese.read_text(encoding="utf-8")


def skeleton(text: str) -> Iterator[str]:
    """Yield headings by level, blocks of code by language, rows of tables, items of lists and paragraphs."""
    before = ""
    for line in BLOCK.sub(lambda block: f"{CODE_MARK}{FENCE.findall(block[0])[0]}", text).splitlines():
        kind = kind_of(line)
        if kind != "text" or not before:
            yield kind
        before = line


def kind_of(line: str) -> str:
    if heading := re.match(r"#+ ", line):
        return heading[0]
    if line.startswith(CODE_MARK):
        return line
    if re.match(r" *\|", line):
        return f"row of {re.sub('`[^`]*`', '', line).count('|') - 1}"
    return "item" if re.match(r" *(-|\d+\.) ", line) else "text" if line else ""


def code_of(text: str) -> list[str]:
    """Return the lines of code without their comments, and without Chinese."""
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    bare = [HAN.sub("", COMMENT.sub("", line)).strip() for line in lines]
    return [line for line in bare if line]


def names_in(text: str) -> set[str]:
    """Return the settings, files, addresses and options that a page names."""
    return {
        name
        for code in re.findall(r"`([^`]+)`", BLOCK.sub("", text))
        for name in NAME.findall(HAN.sub(" ", code))
    }


@pytest.mark.parametrize("name", PAIRS)
def test_a_page_and_its_translation_have_the_same_skeleton(name: str) -> None:
    english, chinese = both(name)
    assert list(filter(None, skeleton(chinese))) == list(filter(None, skeleton(english)))


@pytest.mark.parametrize("name", PAIRS)
def test_a_page_and_its_translation_have_the_same_code(name: str) -> None:
    english, chinese = both(name)
    assert code_of(chinese) == code_of(english)


@pytest.mark.parametrize("name", PAIRS)
def test_a_page_and_its_translation_name_the_same_settings_and_files(name: str) -> None:
    english, chinese = both(name)
    assert names_in(chinese) == names_in(english)


def test_every_page_is_there_in_chinese_or_has_a_reason() -> None:
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if CHINESE not in path.parents}
    assert pages - PAIRS.keys() == ENGLISH_PAGES.keys()
