"""The section `engines`: several engines by name."""

import re
from pathlib import Path

import pytest

from bot.config.loader import collect_secrets
from bot.engines.router import EngineRouter
from bot.errors import ConfigError
from tests.config.test_engine import opened, read
from tests.fakes import FakeClock

BOTH = """
engine: {kind: embedded}
engines:
  local: {kind: embedded, concurrency: 2}
  arl: {kind: arl, url: 'https://a.com:5003', api_key: verysecret}
"""
WRONG = [
    ("engines: {External!: {kind: embedded}}", "engines.External! takes names of a-z"),
    ("engines: {external: {kind: embedded}}", "engines.external takes names"),
    ("engines: {a: {kind: embedded}, b: {}}", "engines has two engines of kind embedded"),
    ("engines: {a: {kind: arl, url: 'https://h'}}", "engines.a.api_key is missing, and kind arl needs it"),
    ("engines: {a: {kind: mrl}}", "engines.a.kind must be 'embedded' or 'arl', got 'mrl'"),
    (
        "engines: {a: {kind: arl, url: 'https://h', api_key: verysecret}}\n"
        "schedules: [{name: x, cron: '* * * * *', targets: [a.example]}]",
        "schedules belong to engine.kind embedded; with arl they are ARL's own",
    ),
    (
        BOTH + "DINGDING: {ACCESS_TOKEN: t}\nnotify: {routes: {a: ['webhook:no']}}",
        "notify.routes.a: send_to names webhook:no",
    ),
    (
        BOTH + "DINGDING: {ACCESS_TOKEN: t}\nschedules: [{name: x, cron: '* * * * *', targets: [a.example],"
        " notify_enable: true, send_to: ['webhook:no']}]",
        "schedules[0].send_to names webhook:no",
    ),
]


@pytest.mark.parametrize(("text", "complaint"), WRONG)
def test_what_is_wrong_is_named_and_no_secret_shown(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    assert any(
        re.match(rf"config\.yaml:\d+: {re.escape(complaint)}", each) for each in str(error.value).splitlines()
    )
    assert "verysecret" not in str(error.value)


def test_several_engines_take_the_place_of_the_one(tmp_path: Path) -> None:
    settings = read(tmp_path, BOTH)
    assert list(settings.engine_sections) == ["local", "arl"]
    assert collect_secrets(settings) == ("verysecret",)


def test_one_engine_has_no_name(tmp_path: Path) -> None:
    assert list(read(tmp_path, "engine: {kind: embedded}").engine_sections) == [""]


def test_a_route_may_name_a_schedule_of_the_embedded_engine_or_one_of_arl(tmp_path: Path) -> None:
    schedules = "schedules: [{name: x, cron: '* * * * *', targets: [a.example]}]\n"
    routes = "DINGDING: {ACCESS_TOKEN: t}\nnotify: {routes: {x: ['webhook:default'], y: ['webhook:default']}}"
    assert set(read(tmp_path, BOTH + schedules + routes).notify.routes) == {"x", "y"}


async def test_all_of_them_are_opened_as_one(tmp_path: Path, clock: FakeClock) -> None:
    async with opened(read(tmp_path, BOTH), tmp_path, clock) as engine:
        assert isinstance(engine, EngineRouter)
        owns = {name: part.has_own_scheduler for name, part in engine.parts.items()}
        assert owns == {"local": False, "arl": True}
