"""Addresses are shown without their secrets."""

import pytest

from bot.telemetry.redaction import find_secrets, mask_addresses, redact_url


@pytest.mark.parametrize(
    ("address", "line", "secrets"),
    [
        ("sqlite:///data/dingrun.db", "sqlite:///data/dingrun.db", set()),
        ("mongodb://h1,h2:27018/runs", "mongodb://h1,h2:27018/runs", set()),
        ("mongodb://me:p%40ss@h/runs?w=1", "mongodb://***@h/runs?***", {"p%40ss", "p@ss"}),
        ("mongodb://me:p@s?s@h", "mongodb://***@h", {"p@s?s"}),
        ("mongodb+srv://me@h/?tlsCertificateKeyFilePassword=key", "mongodb+srv://***@h/?***", {"key"}),
        ("mongodb://h/?authMechanismProperties=TOKEN:t", "mongodb://h/?***", {"TOKEN:t"}),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_secrets(address: str, line: str, secrets: set[str]) -> None:
    assert redact_url(address) == line
    assert find_secrets(address) == secrets


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("got 'https://me:pw@h/x'", "got 'https://***@h/x'"),
        ("https://oapi/robot/send?access_token=abc&sign=d e", "https://oapi/robot/send?*** e"),
        ("webhook?access_token=abc", "webhook?access_token=***"),
        (f"SEC{'0a' * 32} stays unknown", "*** stays unknown"),
        ("takes redis://[:PASSWORD@]HOST[:PORT]", "takes redis://[:PASSWORD@]HOST[:PORT]"),
        ("user:boss@example", "user:boss@example"),
    ],
)
def test_keys_in_free_text_are_masked(text: str, masked: str) -> None:
    assert mask_addresses(text) == masked
