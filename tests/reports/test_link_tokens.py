"""Tokens of links: ours are known, whatever was altered is not."""

import random
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.reports.link_tokens import MAX_TOKEN_CHARACTERS, generate_key, read_token, sign_token

KEY = "k" * 64
LETTERS = string.ascii_letters + string.digits + "-_."


def test_a_token_names_its_link() -> None:
    assert read_token(sign_token("labc", KEY), KEY) == "labc"
    assert len(sign_token("l" + "a" * 20, KEY)) < MAX_TOKEN_CHARACTERS


def test_keys_are_never_the_same() -> None:
    assert len({generate_key() for _ in range(100)}) == 100


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
