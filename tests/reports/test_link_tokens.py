"""Tokens of links: ours are known, whatever was altered is not."""

import random
import string
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.reports.link_tokens import (
    KEY_BYTES,
    MAX_TOKEN_CHARACTERS,
    LinkPolicy,
    generate_key,
    new_link,
    read_token,
    rejection_reason,
    sign_token,
)
from tests.factories import NOW, make_link, make_report

KEY = "k" * 64
LETTERS = string.ascii_letters + string.digits + "-_."


def test_a_token_names_its_link() -> None:
    assert read_token(sign_token("labc", KEY), KEY) == "labc"
    assert len(sign_token("l" + "a" * 20, KEY)) < MAX_TOKEN_CHARACTERS


def test_keys_are_never_the_same() -> None:
    keys = {generate_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(bytes.fromhex(key)) for key in keys} == {KEY_BYTES}


def test_a_token_is_the_same_in_every_version() -> None:
    """People have links in their chats when a bot is upgraded."""
    assert sign_token("labc", KEY) == "labc.mWc211sz1K7k7-LIycvfqqspKSYCWSdDFMlr0yvyRyI"


def test_an_id_of_a_link_is_the_same_in_every_version() -> None:
    link = new_link(make_report(), "job1", LinkPolicy(), NOW)
    assert link.id == "lzrwyyqzxueupdd54ant4"
    assert new_link(make_report(), "job1", LinkPolicy(), NOW, number=1).id != link.id


def test_the_longest_token_is_read() -> None:
    length = MAX_TOKEN_CHARACTERS - len(sign_token("", KEY))
    assert read_token(sign_token("l" * length, KEY), KEY) == "l" * length
    assert read_token(sign_token("l" * (length + 1), KEY), KEY) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"downloads": 2}, ""),
        ({"downloads": 3}, "exhausted"),
        ({"downloads": 4}, "exhausted"),
        ({"expires_at": NOW}, "expired"),
        ({"expires_at": NOW + timedelta(microseconds=1)}, ""),
        ({"revoked_at": NOW, "expires_at": NOW}, "revoked"),
    ],
)
def test_a_link_is_rejected_for_one_reason(changes: dict[str, object], reason: str) -> None:
    assert rejection_reason(make_link(**changes), NOW) == reason


def test_no_link_is_unknown() -> None:
    assert rejection_reason(None, NOW) == "unknown"


def test_thousands_of_altered_tokens_are_refused() -> None:
    token, chance = sign_token("labcdefghij", KEY), random.Random(5)  # noqa: S311 - the same every time
    for _ in range(5_000):
        letters = list(token)
        for _ in range(chance.randint(1, 3)):
            letters[chance.randrange(len(letters))] = chance.choice(LETTERS)
        altered = "".join(letters)
        assert altered == token or read_token(altered, KEY) is None


def test_changing_a_single_character_invalidates_a_token() -> None:
    """The last letter of a signature has two bits that decoding ignores."""
    token = sign_token("labcdefghij", KEY)
    for place in range(len(token)):
        for letter in LETTERS:
            altered = token[:place] + letter + token[place + 1 :]
            assert altered == token or read_token(altered, KEY) is None


def test_cut_lengthened_and_foreign_tokens_are_refused() -> None:
    token = sign_token("labcdefghij", KEY)
    cut = [token[:length] for length in range(len(token))]
    longer = [token + end for end in ("=", "==", "A", ".", "\n", "%00", "\u200b", "x" * 1000)]
    for wrong in [*cut, *longer, " " + token, token.upper(), sign_token("labcdefghij", "another")]:
        assert read_token(wrong, KEY) is None


@given(st.text(max_size=120))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_token_or_none(text: str) -> None:
    assert read_token(text, KEY) is None
