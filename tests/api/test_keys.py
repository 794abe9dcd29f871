"""Keys are known by their hashes."""

import pytest

from bot.api.keys import KeyKind, KeyRing, digest_key, new_key
from bot.config.settings import Settings
from bot.wiring.api import build_keys
from tests.api.harness import PING, api_key

RING = KeyRing([api_key("a", PING, slugs=("backup-*", "x"))])


def test_a_key_is_found_by_its_text_and_kind() -> None:
    found = RING.find(PING, KeyKind.PING)
    assert found is not None
    assert found.name == "a"
    assert RING.find(PING, KeyKind.TOKEN) is None
    assert RING.find("drp_\udcff", KeyKind.PING) is None


@pytest.mark.parametrize(("slug", "reaches"), [("backup-db", True), ("x", True), ("xy", False)])
def test_a_key_reaches_the_slugs_of_its_patterns(slug: str, *, reaches: bool) -> None:
    found = RING.find(PING, KeyKind.PING)
    assert found is not None
    assert found.reaches(slug) is reaches


@pytest.mark.parametrize(("kind", "prefix"), [(KeyKind.PING, "drp_"), (KeyKind.TOKEN, "drt_")])
def test_new_keys_tell_their_kind_are_long_and_differ(kind: KeyKind, prefix: str) -> None:
    keys = {new_key(kind) for _ in range(3)}
    assert len(keys) == 3
    assert {key[:4] for key in keys} == {prefix}
    assert min(map(len, keys)) > 40


def test_the_settings_may_hold_a_key_or_its_hash() -> None:
    hashed = f"sha256:{digest_key(PING).hex()}"
    given = {"plain": {"kind": "ping", "key": "drp_another-key-1"}, "hashed": {"kind": "ping", "key": hashed}}
    ring = build_keys(Settings.model_validate({"api": {"keys": given}}))
    names = [
        getattr(ring.find(text, KeyKind.PING), "name", "") for text in (PING, "drp_another-key-1", hashed)
    ]
    assert names == ["hashed", "plain", ""]
