"""Texts of requests are kept short, visible and without secrets."""

import pytest

from bot.audit.redaction import MAX_SAID_CHARACTERS, redact_entry
from bot.models import Person
from tests.factories import make_audit_entry


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("重跑 每日巡检", "重跑 每日巡检"),
        (
            "看 https://run.example.com/reports/labc.DEF-123_x 这个",
            "看 https://run.example.com/reports/*** 这个",
        ),
        (
            "https://oapi.dingtalk.com/robot/send?access_token=0f2e4d6c8b0a1f3e",
            "https://oapi.dingtalk.com/robot/send?***",
        ),
        ("SEC" + "0a" * 20, "***"),
        ("mongodb://bot:hunter22@db1/dingrun", "mongodb://***@db1/dingrun"),
        ("two\nlines\x1b[31m\u200b", "two lines\ufffd[31m\u200b"),
    ],
)
def test_secrets_and_control_characters_are_masked(said: str, kept: str) -> None:
    assert redact_entry(make_audit_entry(said=said)).said == kept


def test_long_texts_are_cut() -> None:
    entry = redact_entry(make_audit_entry(said="长" * 100_000, actor=Person(id="u", name="名" * 300)))
    assert len(entry.said) == MAX_SAID_CHARACTERS
    assert entry.said.endswith("…")
    assert len(entry.actor.name) == 100
