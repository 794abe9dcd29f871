"""Test that values from outside never become markup, and that text to copy stays the same."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cards.escaping import (
    cut,
    cut_bytes,
    escape_card,
    escape_message,
    verbatim_card,
    verbatim_message,
)
from tests.cards.markdown_reader import constructs

PIECES = (
    *"*_~`#>-+=|<>[](){}!@&$\\^:/.\n\t ",
    "1. ", "- ", "**", "~~~", "```", "](", "![", "&lt;", "&#91;", "<br>", "<font color=red>", "<a atId=1>",
    "@all", "http://", "https://evil.example/x?a=1&b=2", "www.evil.example", "192.0.2.1", "${t}", "{{ x }}",
    "{% x %}", "==", "++",
    "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\x00", "\x85", "\u2028", "\ud800", "\u1fef", "\u0301",
    "👩‍💻", "🇨🇳", "巡检", "a", "9",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=30).map("".join)
TARGETS = [
    "example.com", "xn--fiq228c.example", "192.0.2.10", "192.0.2.0/28", "2001:db8::1", "my_host.example:8443",
    "https://shop.example.com:8443/a_b/c-d?q=1&r=%20#/login", "http://192.0.2.1/~u/", "银行.example",
]  # fmt: skip

reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
fixed = settings(derandomize=True, deadline=None, max_examples=300)


def kinds(text: str) -> set[str]:
    """Return the kinds of blocks and spans that CommonMark finds in a text."""
    tokens = reader.parse(text)
    spans = {child.type for token in tokens for child in token.children or []}
    return {token.type for token in tokens} | spans - {"text"}


@fixed
@given(HOSTILE)
def test_no_construct_survives_in_prose(text: str) -> None:
    for neutral in (escape_message, escape_card):
        assert constructs(neutral(text)) == set()
        assert kinds(neutral(text)) <= {"paragraph_open", "inline", "paragraph_close"}


@fixed
@given(HOSTILE)
def test_what_can_be_copied_holds_no_construct_either(text: str) -> None:
    inert = verbatim_message(text)
    assert constructs(inert, addresses=False) <= {
        "emphasis",
        "mark",
    }  # inside words, where CommonMark sees none
    assert kinds(inert) <= {"paragraph_open", "inline", "paragraph_close"}


@fixed
@given(HOSTILE)
def test_on_a_card_what_can_be_copied_is_one_code_span(text: str) -> None:
    spans = reader.parse(verbatim_card(text))[1].children or []
    assert [span.type for span in spans if span.content] == ["code_inline"]
    assert spans[0].content == (verbatim_message(text) or "-")


@fixed
@given(HOSTILE, HOSTILE)
def test_values_side_by_side_make_no_construct_together(one: str, other: str) -> None:
    line = f"- **{escape_card(one) or 'x'}** {escape_card(other)}\n- {escape_card(other)}"
    bold = {"bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close",
            "list_item_close", "bullet_list_close", "strong_open", "strong_close"}  # fmt: skip
    assert kinds(line) <= bold


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_copied_as_they_are(target: str) -> None:
    assert verbatim_message(target) == target
    assert verbatim_card(target) == f"`{target}`"


@fixed
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_a_copied_name_is_the_same_name_to_the_router(name: str) -> None:
    assert unicodedata.normalize("NFKC", verbatim_message(name)) == " ".join(name.split())


def test_low_lines_stay_inside_words_only() -> None:
    assert verbatim_message("_a_b_ c__d") == "＿a_b＿ c＿＿d"


def test_a_url_among_other_words_is_no_target() -> None:
    assert verbatim_message("see https://evil.example") == "see https：//evil.example"


def test_a_host_in_prose_is_read_the_same_and_not_tappable() -> None:
    shown = escape_message("see https://evil.example/x")
    assert shown == "see https：//evil.\u2060example/x"


def test_names_keep_their_own_script_and_emoji() -> None:
    for name in ("每日巡检（华东）", "👩‍💻 夜班", "café", "ทดสอบ", "🇨🇳"):
        assert escape_message(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ad\u200dmin", "admin"),  # joins nothing
        ("\u1fefx\u1fef", "｀x｀"),  # a backtick, once a client normalises it
        ("a\ud800b", "ab"),  # cannot be sent
        ("=", "＝"),  # under another line: a heading
        ("a\uffffb", "ab"),
    ],
)
def test_what_hides_is_taken_out(text: str, shown: str) -> None:
    assert (escape_message(text), verbatim_message(text)) == (shown, shown)


def test_marks_piled_on_a_letter_are_thinned() -> None:
    assert escape_message("a" + "\u0336" * 50) == "a" + "\u0336" * 3


def test_a_long_value_is_cut() -> None:
    assert escape_message("x" * 1_000_000, 10) == "x" * 9 + "…"


@fixed
@given(HOSTILE, st.integers(0, 60))
def test_bytes_are_cut_between_characters(text: str, limit: int) -> None:
    shorter = cut_bytes(text, limit)
    assert len(shorter.encode()) <= limit
    assert text.encode(errors="ignore").decode().startswith(shorter.removesuffix("…"))


@pytest.mark.parametrize(
    ("text", "limit", "left"),
    [
        ("巡检", 6, "巡检"),
        ("巡检日报", 8, "巡…"),
        ("ab", 1, "a"),
        ("巡检", -1, ""),
        ("abe\u0301x", 7, "abe\u0301x"),
        ("abe\u0301xyz", 7, "ab…"),
        ("a👩‍💻bcd", 12, "a…"),
        ("👍🏽👍🏽", 12, "👍🏽…"),
        ("🇨🇳🇨🇳x", 15, "🇨🇳…"),
    ],
)
def test_what_is_one_character_to_people_is_not_cut(text: str, limit: int, left: str) -> None:
    assert cut_bytes(text, limit) == left


def test_characters_are_cut_with_a_sign() -> None:
    assert (cut("abcdef", 4), cut("abcd", 4), cut("abc", 0)) == ("abc…", "abcd", "…")


def test_the_reading_finds_what_it_is_for() -> None:
    """Check that the markdown reader of these tests finds markup."""
    text = "# [a](http://b.example) **c** <br> @d `e` | ${f}\n- g"
    found = {
        "heading",
        "link",
        "url",
        "host",
        "emphasis",
        "html",
        "mention",
        "code",
        "table",
        "variable",
        "list",
    }
    assert found <= constructs(text)
    assert re.search("strong", " ".join(kinds(text)))
