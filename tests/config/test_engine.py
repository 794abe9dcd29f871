"""The settings of ARL as the engine, and which engine they choose."""

import re
import ssl
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from arl_sandbox import API_KEY
from bot.config.engine import ArlSettings, EmbeddedSettings
from bot.config.loader import collect_secrets, load
from bot.config.resolve import recipient_resolver
from bot.config.settings import Settings
from bot.engines.arl.engine import ArlEngine
from bot.engines.embedded.engine import EmbeddedEngine
from bot.errors import ConfigError
from bot.models import Channel, NotifyOn
from bot.ports import Engine
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.engines import build_trust, open_engine
from bot.wiring.stores import sqlite_stores
from tests.arl_sandbox.arl_fixture import open_arl_fixture
from tests.arl_sandbox.tls import self_signed
from tests.factories import make_schedule
from tests.fakes import FakeClock

ARL = "engine: {kind: arl, url: 'https://a.com:5003/api/', api_key: k%s}"
DIGEST = "AB:" * 31 + "AB"

WRONG = [
    ("engine: {kind: arl}", "engine.url is missing, and kind arl needs it"),
    ("engine: {kind: arl, url: 'https://a.com'}", "engine.api_key is missing, and kind arl needs it"),
    (
        "engine: {kind: arl, api_key: k, url: 'http://u:verysecret@a'}",
        "engine.url takes the address of ARL",
    ),
    (
        "engine: {kind: arl, url: 'https://a', api_key: [verysecret]}",
        "engine.api_key must be text, got ***",
    ),
    (ARL % ", basic_auth: verysecret", "engine.basic_auth takes user:password"),
    (ARL % ", mongo_uri: verysecret", "engine.mongo_uri takes mongodb://"),
    (ARL % ", fingerprint: 12", "engine.fingerprint takes the SHA-256 of the certificate"),
    (ARL % ", ca_file: /no/such.pem", "engine.ca_file takes a file of certificates"),
    (ARL % ", timezone: Mars", "engine.timezone must be a time zone"),
    (
        f"engine: {{kind: arl, api_key: k, url: 'http://a', fingerprint: '{DIGEST}'}}",
        "engine pins a certificate, so",
    ),
    (
        ARL % f", ca_file: /etc/hosts, fingerprint: '{DIGEST}'",
        "engine takes ca_file or",
    ),
    (
        ARL % "" + "\nschedules: [{name: a, cron: '0 3 * * *', targets: [a.com]}]",
        "schedules belong to engine.kind",
    ),
    (
        ARL % "" + "\nDINGDING: {ACCESS_TOKEN: t}\nnotify: {routes: {a: ['webhook:no']}}",
        "notify.routes.a: send_to names webhook:no",
    ),
    (
        ARL % ""
        + "\nDINGDING: {ACCESS_TOKEN: t}\nnotify: {routes: {a: [{to: 'webhook:default', mention: [owner]}]}}",
        "notify.routes.a: send_to mentions owner, but ARL's schedules have no owner",
    ),
]


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def opened(settings: Settings, tmp_path: Path, clock: FakeClock) -> AbstractAsyncContextManager[Engine]:
    return open_engine(settings, sqlite_stores(SqliteStore(tmp_path / "x.db")), clock=clock, owner="me")


@pytest.mark.parametrize(("text", "complaint"), WRONG)
def test_what_is_wrong_is_named_and_no_secret_shown(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text)
    assert any(
        re.match(rf"config\.yaml:\d+: {re.escape(complaint)}", each) for each in str(error.value).splitlines()
    )
    assert "verysecret" not in str(error.value)


def arl_settings(tmp_path: Path, more: str = "") -> ArlSettings:
    engine = read(tmp_path, ARL % more).engine
    assert isinstance(engine, ArlSettings)
    return engine


def test_the_keys_of_another_engine_have_no_effect(tmp_path: Path) -> None:
    arl = arl_settings(tmp_path, ", concurrency: 2, ports: [22]")
    assert not {"concurrency", "ports"} & arl.model_fields_set
    assert isinstance(read(tmp_path, "engine: {url: '', api_key: k}").engine, EmbeddedSettings)


@pytest.mark.parametrize(("key", "hint"), [("urll", "url"), ("concurency", "concurrency")])
def test_a_misspelt_key_is_no_key_of_another_engine(tmp_path: Path, key: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=rf"engine\.{key} is not a setting.*{hint}"):
        read(tmp_path, ARL % f", {key}: 1")


def test_the_environment_reaches_the_keys_of_every_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGRUN_ENGINE__KIND", "arl")
    monkeypatch.setenv("DINGRUN_ENGINE__API_KEY", "k")
    with pytest.raises(ConfigError, match=r"^environment: DINGRUN_ENGINE: engine\.url is missing"):
        read(tmp_path, "engine: {kind: embedded}")
    monkeypatch.setenv("DINGRUN_ENGINE__URL", "ftp://h")
    with pytest.raises(
        ConfigError, match=r"^environment: DINGRUN_ENGINE__URL: engine\.url takes the address"
    ):
        read(tmp_path, "engine: {kind: embedded}")


def test_the_address_is_taken_with_and_without_its_api(tmp_path: Path) -> None:
    assert arl_settings(tmp_path).url == "https://a.com:5003"


def test_every_secret_of_arl_is_known_to_whoever_must_star_it(tmp_path: Path) -> None:
    more = ", basic_auth: 'admin:p', mongo_uri: 'mongodb://u:m@h/arl'"
    assert set(collect_secrets(read(tmp_path, ARL % more))) == {"k", "admin:p", "p", "m"}


def test_a_certificate_is_pinned_by_its_fingerprint(tmp_path: Path) -> None:
    trust = build_trust(arl_settings(tmp_path, f", fingerprint: '{DIGEST}'"))
    assert [type(way) for way in trust.checks] == [aiohttp.Fingerprint]


def test_without_a_pin_the_system_s_own_trust_counts(tmp_path: Path) -> None:
    assert build_trust(arl_settings(tmp_path)).checks == (True,)


def test_certificates_are_taken_from_a_file_alone(tmp_path: Path) -> None:
    files = self_signed(tmp_path)
    signed, _ = build_trust(arl_settings(tmp_path, f", ca_file: {files.certificate}")).checks
    assert isinstance(signed, ssl.SSLContext)
    assert signed.verify_mode is ssl.CERT_REQUIRED
    assert signed.check_hostname
    assert signed.cert_store_stats()["x509"] == 1


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"engine\.ca_file"):
        build_trust(arl_settings(tmp_path, ", ca_file: /etc/hosts"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [("# nothing", EmbeddedEngine), (ARL % "", ArlEngine), (ARL % ", mongo_uri: 'mongodb://h'", ArlEngine)],
)
async def test_the_settings_choose_the_engine(
    tmp_path: Path, clock: FakeClock, text: str, kind: type
) -> None:
    async with opened(read(tmp_path, text), tmp_path, clock) as engine:
        assert isinstance(engine, kind)
        assert engine.has_own_scheduler is (kind is ArlEngine)


@pytest.mark.parametrize(("zone", "hour"), [("Asia/Shanghai", 3), ("UTC", 11)])
async def test_times_of_arl_are_read_in_the_zone_of_the_settings(
    tmp_path: Path, clock: FakeClock, zone: str, hour: int
) -> None:
    async with open_arl_fixture(clock, None) as beside:
        id_ = beside.database.add_task("x", "domain", "a.example", start_time="2026-11-24 11:00:00")
        text = f"engine: {{kind: arl, url: '{beside.arl.url}', api_key: {API_KEY}, timezone: {zone}}}"
        async with opened(read(tmp_path, text), tmp_path, clock) as engine:
            (task,) = (await engine.tasks([id_])).values()
    assert task.start_time == datetime(2026, 11, 24, hour, tzinfo=UTC)


ROUTES = "\nnotify: {routes: {%s: ['user:boss', {to: 'group:cidB', notify_on: failed}]}}"


@pytest.mark.parametrize("by", ["s1", "每日巡检"])
def test_a_route_by_id_or_name_turns_the_notifications_of_a_schedule_on(tmp_path: Path, by: str) -> None:
    schedule = recipient_resolver(read(tmp_path, ARL % "" + ROUTES % by))(make_schedule())
    assert (schedule.notify_enable, [str(place) for place in schedule.send_to]) == (
        True,
        ["user:boss", "group:cidB"],
    )
    assert schedule.recipient_options[0].notify_on is NotifyOn.FAILED


@pytest.mark.parametrize("enable", [True, False])
def test_without_a_route_the_schedule_itself_says_whether_it_tells(tmp_path: Path, enable: bool) -> None:
    ding = "\nDINGDING: {APP_KEY: k, APP_SECRET: s, DEFAULT_CHAT_ID: cidA}"
    schedule = recipient_resolver(read(tmp_path, ARL % "" + ding))(make_schedule(notify_enable=enable))
    assert (schedule.notify_enable, [str(place) for place in schedule.send_to]) == (enable, ["group:cidA"])


DING = "\nDINGDING: {APP_KEY: k, APP_SECRET: s, DEFAULT_CHAT_ID: cidA}"


@pytest.mark.parametrize("channel", [Channel.WEBHOOK, Channel.WORK_NOTICE])
def test_a_channel_that_reaches_nobody_here_gives_way_to_the_usual_one(
    tmp_path: Path, channel: Channel
) -> None:
    fork = make_schedule(notify_enable=True, notify_channel=channel)
    schedule = recipient_resolver(read(tmp_path, ARL % "" + DING))(fork)
    assert (schedule.notify_channel, [str(place) for place in schedule.send_to]) == (
        Channel.DINGDING,
        ["group:cidA"],
    )


def test_a_channel_of_the_fork_that_reaches_somebody_is_kept(tmp_path: Path) -> None:
    robot = "\nDINGDING: {APP_KEY: k, APP_SECRET: s, DEFAULT_CHAT_ID: cidA, ACCESS_TOKEN: t}"
    fork = make_schedule(notify_enable=True, notify_channel=Channel.WEBHOOK)
    schedule = recipient_resolver(read(tmp_path, ARL % "" + robot))(fork)
    assert (schedule.notify_channel, [str(place) for place in schedule.send_to]) == (
        Channel.WEBHOOK,
        ["webhook:default"],
    )


def test_a_route_goes_before_the_channel_of_the_fork_and_leaves_it_its_notify_on(tmp_path: Path) -> None:
    fork = make_schedule(notify_channel=Channel.WEBHOOK, notify_on=NotifyOn.FAILED)
    schedule = recipient_resolver(read(tmp_path, ARL % "" + DING + ROUTES % "s1"))(fork)
    assert (schedule.notify_channel, schedule.notify_on) == (Channel.DINGDING, NotifyOn.FAILED)


def test_a_route_by_id_goes_before_one_by_name(tmp_path: Path) -> None:
    routes = "\nnotify: {routes: {每日巡检: ['user:name'], s1: ['user:id']}}"
    schedule = recipient_resolver(read(tmp_path, ARL % "" + routes))(make_schedule())
    assert [str(place) for place in schedule.send_to] == ["user:id"]
