"""Tokens of login links and sessions."""

import pytest

from bot.logins.tokens import MAX_TOKEN_CHARACTERS, form_token, is_signed, login_token, new_session_token


def test_the_same_cause_is_the_same_link_for_whoever_has_the_key() -> None:
    assert login_token("m1", "key") == login_token("m1", "key")
    assert len({login_token("m1", "key"), login_token("m2", "key"), login_token("m1", "other")}) == 3


def test_sessions_are_signed_and_never_the_same() -> None:
    one, other = new_session_token("key"), new_session_token("key")
    assert one != other
    assert is_signed(one, "key")
    assert not is_signed(one, "other")


@pytest.mark.parametrize("token", ["", "x", "x.y", "é.x", "a" * MAX_TOKEN_CHARACTERS + ".b"])
def test_what_nobody_signed_is_no_session(token: str) -> None:
    assert not is_signed(token, "key")


def test_forms_belong_to_one_session() -> None:
    assert form_token("one", "key") != form_token("other", "key")
