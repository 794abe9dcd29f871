"""The settings file that `dingrun init` writes: short, commented, and read back as it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.cli.init import config_text
from bot.cli.init.config_text import render_settings, without_defaults
from bot.config.loader import load
from bot.config.settings import Settings

SMALL: dict[str, Any] = {
    "DINGDING": {"APP_KEY": "dingabc", "APP_SECRET": 's3*cret: "#1', "DEFAULT_CHAT_ID": "cid6EU=="},
    "schedules": [
        {"name": "每日巡检", "cron": "*/5 * * * *", "targets": ["example.com"], "notify_enable": True}
    ],
    "lang": "en",
    "notify": {"routes": {"每日巡检": [{"to": "group:cid6EU==", "notify_on": "always"}]}},
    "web": {"port": 8780},
    "access": {"admins": ["0147"]},
}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    text = render_settings(SMALL)
    assert yaml.safe_load(text) == SMALL
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    settings = load(tmp_path / "config.yaml")
    assert settings.access.admins == ("0147",)
    assert settings.dingding.app_secret
    assert settings.dingding.app_secret.get_secret_value() == 's3*cret: "#1'


def test_every_key_has_its_comment_in_both_languages() -> None:
    lines = render_settings(SMALL).splitlines()
    (line,) = [each for each in lines if "DEFAULT_CHAT_ID" in each]
    assert line.endswith("# 默认通知的群 / Group that is notified by default")
    keys = [each for each in lines if ": " in each.partition("#")[0]]
    assert all(" / " in each.partition("# ")[2] for each in keys)


def test_keys_stand_in_the_order_of_the_model() -> None:
    written = yaml.safe_load(render_settings(dict(reversed(SMALL.items()))))
    names = [name.lower() for name in written]
    assert names == [name for name in Settings.model_fields if name in names]


def test_without_the_translations_the_comments_are_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_text, "ROOT", tmp_path)
    monkeypatch.setattr(config_text, "INSTALLED", tmp_path)
    text = render_settings(SMALL)
    assert "# Group that is notified by default" in text
    assert yaml.safe_load(text) == SMALL


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"dingding": {"app_key": "x", "agent_id": None}}, {"DINGDING": {"APP_KEY": "x"}}),
        ({"lang": "zh-CN", "timezone": "UTC"}, {"timezone": "UTC"}),
        ({"reports": {"keep_days": 30}, "schedules": [], "web": None}, {}),
        ({"engine": {"kind": "embedded", "concurrency": 8}}, {"engine": {"concurrency": 8}}),
        ({"notify": {"routes": {}, "remind_after": 5}}, {"notify": {"remind_after": 5}}),
        ({"access": {"admins": []}, "exporter": {"kind": "local"}}, {}),
    ],
)
def test_defaults_are_left_out(written: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    assert without_defaults(written) == kept


def test_of_the_example_nothing_is_left() -> None:
    example = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8"))
    assert without_defaults(example) == {}
