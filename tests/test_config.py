"""Settings: typed, frozen, and complaining by name in one line."""

from pathlib import Path

import pytest

from bot.config import load, secrets_of
from bot.destinations import schedules_of, webhooks_of
from bot.errors import ConfigError
from bot.models import Channel, NotifyOn
from bot.settings import Settings
from tests.factories import make_robot

ROOT = Path(__file__).parent.parent
ROBOT = "DINGDING: {APP_KEY: k, APP_SECRET: verysecret, DEFAULT_CHAT_ID: cidA, AGENT_ID: 5}\n"
DAILY = "schedules: [{name: 每日, cron: 0 3 * * *, targets: [example.com], notify_enable: true%s}]"


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


WRONG = [
    ("reports: {keep_days: x}", "reports.keep_days must be a whole number, got 'x'"),
    ("reports: {keep_days: 1.5}", "reports.keep_days must be a whole number, got 1.5"),
    ("reports: {keep_days: 0}", "reports.keep_days must be greater than or equal to 1, got 0"),
    ("reports: {keep_day: 1}", "reports.keep_day is not a setting; did you mean keep_days?"),
    ("report: {}", "report is not a setting; did you mean reports?"),
    ("scheduler: 5", "scheduler must be a mapping, got 5"),
    ("DINGDING: {APP_KEY: k}", "DINGDING has APP_KEY, but DINGDING.APP_SECRET is missing"),
    ("DINGDING: {SECRET: k}", "DINGDING has SECRET, but DINGDING.ACCESS_TOKEN is missing"),
    ("DINGDING: {APPKEY: k}", "DINGDING.APPKEY is not a setting; did you mean APP_KEY?"),
    ("DINGDING: {APP_KEY: k, APP_SECRET: [verysecret]}", "DINGDING.APP_SECRET must be text, got ***"),
    ("DINGDING: {AGENT_ID: x}", "DINGDING.AGENT_ID must be a whole number, got 'x'"),
    ("DINGDING: {OAPI_BASE: 'http://a.com'}", "DINGDING.OAPI_BASE takes an https:// address"),
    ("timezone: Mars/Olympus", "timezone must be a time zone such as Asia/Shanghai, got 'Mars/Olympus'"),
    ("lang: fr", "lang must be 'zh-CN' or 'en', got 'fr'"),
    ("store: {url: 'mysql://u:verysecret@h/d'}", "store.url takes sqlite:///FILE or mongodb://…, got mysql"),
    ("store: {url: ['mongodb://u:verysecret@h/d']}", "store.url must be text, got ***"),
    ("exporter: {kind: celery}", "exporter has kind: celery, but exporter.broker_url is missing"),
    ("exporter: {kind: rq}", "exporter.kind must be 'inprocess' or 'celery', got 'rq'"),
    *(
        (f"exporter: {{broker_url: '{url}'}}", "exporter.broker_url takes redis://[:PASSWORD@]HOST[:PORT]")
        for url in ("http://u:verysecret@h", "redis://:very/secret@h", "redis://h/x", "amqp://h:x", "amqp://")
    ),
    ("exporter: {time_limit: 1}", "exporter.time_limit must be greater than or equal to 10, got 1"),
    ("engine: {kind: []}", "engine.kind must be 'embedded' or 'arl', got []"),
    ("engine: {http_timeout: .inf}", "engine.http_timeout must be a finite number, got inf"),
    ("store: {url: 'u:verysecret@h'}", "store.url takes sqlite:///FILE or mongodb://…"),
    ("store: {url: 'sqlite:///'}", "store.url takes sqlite:///FILE or mongodb://…"),
    ("reports: {store: gridfs}", "reports has store: gridfs, which needs store.url: mongodb://…"),
    ("reports: {store: s3}", "reports.store must be 'folder' or 'gridfs', got 's3'"),
    ("DINGDING: verysecret", "DINGDING must be a mapping, got ***"),
    ("notify: {webhooks: verysecret}", "notify.webhooks must be a mapping, got ***"),
    ("notify: {webhooks: {ops: verysecret}}", "notify.webhooks.ops must be a mapping, got ***"),
    ("notify: {webhooks: {ops: {ACCESS_TOKEN: [verysecret]}}}",
     "notify.webhooks.ops.ACCESS_TOKEN must be text, got ***"),
    ("notify: {webhooks: {ops: {ACCESS_TOKE: verysecret}}}",
     "notify.webhooks.ops.ACCESS_TOKE is not a setting; did you mean ACCESS_TOKEN?"),
    ("notify: {webhooks: {ops: {SECRET: verysecret}}}", "notify.webhooks.ops.ACCESS_TOKEN is missing"),
    ("notify: {routes: {a: [x]}}", "notify.routes.a[0] takes group:cid"),
    ("web: {public_url: run.example.com, port: 1}", "web.public_url takes an http:// or https:// address"),
    ("web: {public_url: 'https://a b', port: 1}", "web.public_url takes an http:// or https:// address"),
    ("web: {public_url: 'https://a/)x', port: 1}", "web.public_url takes an http:// or https:// address"),
    ("web: {public_url: 'https://run.example.com'}", "web has public_url, but web.port is 0"),
    ("web: {proxies: [nginx]}", "web.proxies[0] must be an address or a network"),
    ("reports: {link_secret: verysecret}", "reports.link_secret takes at least 16 characters"),
    ("reports: {link_limit: 0}", "reports.link_limit"),
    ("engine: {refuse: [metadata]}", "engine.refuse takes addresses and networks"),
    ("web: {status_token: [verysecret]}", "web.status_token must be text, got ***"),
    ("web: {port: true}", "web.port must be a whole number, got True"),
    ("reports: {1: 2}", "reports.1 is not a setting"),
    ("DINGDING: {CARD_VARIABLES: {title: [a]}}", "DINGDING.CARD_VARIABLES.title must be text"),
    ("DINGDING: {OAPI_BASE: 'ftp://127.0.0.1'}", "DINGDING.OAPI_BASE takes an https:// address"),
    ("DINGDING: {OAPI_BASE: 'https://'}", "DINGDING.OAPI_BASE takes an https:// address"),
    ("DINGDING: {OAPI_BASE: 'http://127.0.0.1@a.com'}", "DINGDING.OAPI_BASE takes an https:// address"),
    ("DINGDING: {APP_KEY: k}\nDINGDING: {APP_KEY: ''}", "dingding is given twice below line 1"),
    ("DINGDING: {APP_KEY: k}\ndingding: {}", "dingding is given twice below line 1"),
    ("schedules: [{name: a, cron: x, targets: [a.com]}]", "schedules[0].cron must be five cron fields"),
    ("schedules: [{name: a, cron: 0 0 3 * * *, targets: [a.com]}]", "the sixth would be seconds"),
    ("schedules: [{name: a, at: 5, targets: [a.com]}]", "schedules[0].at must be a time such as"),
    ("schedules: [{name: %s, cron: 0 3 * * *, targets: [b]}]" % ("n" * 61),
     "schedules[0].name takes at most 60 characters, got 'nnn"),
    ('schedules: [{name: "a\\nb", cron: 0 3 * * *, targets: [b]}]',
     r"schedules[0].name takes one line of text, got 'a\nb'"),
    ("schedules: [{name: ' ', cron: 0 3 * * *, targets: [b]}]", "schedules[0].name takes one line"),
    ("schedules: [{name: '', cron: 0 3 * * *, targets: [b]}]", "schedules[0].name must not be empty"),
    ("schedules: [{name: a, targets: [a.com]}]", "schedules[0] takes either cron or at, and a has none"),
    ("schedules: [{cron: 0 3 * * *, targets: [a.com]}]", "schedules[0].name is missing"),
    ("schedules: [{name: a, cron: 0 3 * * *, targets: []}]", "schedules[0].targets"),
    ("schedules: [{name: a, cron: 0 3 * * *, targets: ['a b']}]", "schedules[0].targets takes hosts, URLs"),
    ("schedules: [{name: a, at: soon, targets: [a.com]}]", "schedules[0].at must be a time such as"),
    (DAILY % ", ports: [0]", "schedules[0].ports[0] takes ports from 1 to 65535, got 0"),
    (DAILY % ", send_to: [x]", "schedules[0].send_to[0] takes group:cid"),
    (DAILY % ", notify_on: never", "schedules[0].notify_on must be 'finished', 'failed' or 'always'"),
    ("schedules: [{name: a, cron: 0 3 * * *, targets: [b]}, {name: A, cron: 0 3 * * *, targets: [b]}]",
     "schedules has two schedules named A"),
    (ROBOT + DAILY % ", send_to: ['webhook:ops']",
     "schedules[0].send_to names webhook:ops, which is not in"),
    (ROBOT + DAILY % ", notify_channel: webhook",
     "schedules[0].notify_channel is webhook, but send_to has no"),
    ("DINGDING: {ACCESS_TOKEN: t}\n" + DAILY % ", send_to: [cidA]",
     "schedules[0].send_to needs DINGDING.APP_KEY"),
    ("DINGDING: {APP_KEY: k, APP_SECRET: s}\n" + DAILY % ", send_to: ['work:u']",
     "needs DINGDING.AGENT_ID"),
    ("DINGDING: {ACCESS_TOKEN: t}\n" + DAILY % ", notify_channel: openapi",
     "schedules[0].notify_channel is openapi, which needs DINGDING.APP_KEY (schedule 每日)"),
    ("DINGDING: {ACCESS_TOKEN: t}\n" + DAILY % ", notify_channel: work_notice",
     "schedules[0].notify_channel is work_notice, which needs DINGDING.APP_KEY"),
    ("DINGDING: {APP_KEY: k, APP_SECRET: s}\n" + DAILY % ", notify_channel: work_notice",
     "schedules[0].notify_channel is work_notice, which needs DINGDING.AGENT_ID"),
    (ROBOT + DAILY % ", notify_channel: work_notice",
     "schedules[0].notify_channel is work_notice, but send_to has no user:… or work:…"),
    (ROBOT + "notify: {webhooks: {ops: {ACCESS_TOKEN: t}}}\n"
     + DAILY % ", notify_channel: openapi, send_to: ['webhook:ops']",
     "schedules[0].notify_channel is openapi, but send_to has no group:… or user:…"),
    ("lang: %s" % ("x" * 999), "lang must be 'zh-CN' or 'en', got 'xxx"),
    ("DINGDING: {APP_SECRET: *verysecret }", "this is not valid YAML at line 1"),
    ("- a", "must be a mapping of sections, got list"),
    ("a: [", "this is not valid YAML at line"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "complaint"), WRONG)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith("config.yaml: ")
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 320
    assert "verysecret" not in str(refused.value)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_REPORTS__KEEP_DAYS", "7")
    monkeypatch.setenv("DINGRUN_DINGDING__APP_SECRET", "fromenv")
    settings = read(tmp_path, "reports: {keep_days: 3}\nDINGDING: {APP_KEY: k, APP_SECRET: infile}")
    assert settings.reports.keep_days == 7
    assert settings.dingding.app_secret is not None
    assert settings.dingding.app_secret.get_secret_value() == "fromenv"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DINGRUN_REPORT__KEEP_DAYS", "7", "DINGRUN_REPORT__KEEP_DAYS is not a setting; did you mean"),
        ("DINGRUN_REPORTS_KEEP_DAYS", "7", "is not a setting; did you mean DINGRUN_REPORTS__KEEP_DAYS?"),
        ("dingrun_lang__x", "7", "dingrun_lang__x is not a setting; did you mean DINGRUN_LANG?"),
        ("DINGRUN_REPORTS__KEEP_DAYS", "x", "reports.keep_days must be a whole number, got 'x'"),
        (
            "DINGRUN_ACCESS__OPERATORS",
            "manager01",
            "access.operators must be a list in JSON, got 'manager01'",
        ),
        ("DINGRUN_SCHEDULES", '[{"cron": "x"}]', "schedules[0].cron must be five cron fields"),
        ("DINGRUN_SCHEDULES", '[{"cron": "0 3 * * *", "targets": ["a"]}]', "schedules[0].name is missing"),
        ("DINGRUN_DINGDING", '{"APP_SECRET": "verysecret"', "DINGDING must be a mapping in JSON, got ***"),
        (
            "DINGRUN_NOTIFY__WEBHOOKS__OPS",
            "verysecret",
            "notify.webhooks.ops must be a mapping in JSON, got ***",
        ),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, "reports: {dir: a}\nschedules: [{name: b, cron: 0 3 * * *, targets: [c]}]")
    assert str(refused.value).startswith("environment: ")
    assert complaint in str(refused.value)
    assert "verysecret" not in str(refused.value)


def test_a_wrong_key_of_the_file_is_not_laid_on_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGRUN_REPORTS__KEEP_DAYS", "7")
    with pytest.raises(ConfigError, match=r"^config\.yaml: reports\.link_ttl must be a whole number"):
        read(tmp_path, "reports: {link_ttl: x}")


def test_the_environment_adds_to_what_the_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_NOTIFY__WEBHOOKS__OPS__SECRET", "SECx")
    monkeypatch.setenv("DINGRUN_ENGINE__PORTS", "[22]")
    settings = read(tmp_path, "notify: {webhooks: {Ops: {ACCESS_TOKEN: tok}}}\nengine: {concurrency: 2}")
    assert webhooks_of(settings) == {"Ops": make_robot("tok", "SECx")}
    assert (settings.engine.ports, settings.engine.concurrency) == ((22,), 2)


def test_an_empty_variable_counts_as_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_ACCESS__OPERATORS", "")
    assert read(tmp_path, "access: {operators: [boss]}").access.operators == ("boss",)


def test_only_load_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_DINGDING__OPENAPI_BASE", "https://api.dingtalk.com")
    own = Settings.model_validate({"DINGDING": {"OPENAPI_BASE": "http://127.0.0.1:8790"}})
    assert own.dingding.openapi_base == "http://127.0.0.1:8790"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file"):
        load(tmp_path / "nowhere.yaml")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load(tmp_path / "bad.yaml")


def test_without_a_file_everything_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None)
    assert (settings.configured, settings.timezone, settings.lang) == (False, "Asia/Shanghai", "zh-CN")


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert not read(tmp_path, "").configured


def test_secrets_print_as_stars(tmp_path: Path) -> None:
    store = "\nstore: {url: 'mongodb://me:verysecret@h/d'}"
    assert "verysecret" not in repr(read(tmp_path, ROBOT + store))


def test_every_secret_is_known_to_whoever_must_star_it(tmp_path: Path) -> None:
    robots = "notify: {webhooks: {default: {ACCESS_TOKEN: c, SECRET: d}}}\nweb: {status_token: e}\n"
    links = "reports: {link_secret: ffffffffffffffff}"
    ding = "DINGDING: {APP_KEY: k, APP_SECRET: a, ACCESS_TOKEN: b}\n"
    store = "store: {url: 'mongodb://me:g@h/d'}\n"
    broker = "exporter: {broker_url: 'redis://:h@h'}\n"
    told = secrets_of(read(tmp_path, ding + store + robots + broker + links))
    assert sorted(told) == ["a", "b", "c", "d", "e", "f" * 16, "g", "h"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://:p%2Fw@h:6379/0",
        "rediss://u:p@h/1?a=b",
        "amqp://u:p@h//",
        "amqps://[::1]:5671/v",
    ],
)
def test_a_broker_is_at_redis_or_rabbitmq(tmp_path: Path, url: str) -> None:
    settings = read(tmp_path, f"exporter: {{kind: celery, broker_url: '{url}'}}")
    assert settings.exporter.broker_url
    assert url not in str(settings)


def test_a_channel_that_reaches_nobody_is_nothing_to_complain_of_when_all_is_only_logged(
    tmp_path: Path,
) -> None:
    assert not read(tmp_path, DAILY % ", notify_channel: webhook").configured


def test_a_channel_does_not_matter_while_nobody_is_told(tmp_path: Path) -> None:
    quiet = DAILY.replace("true", "false") % ", notify_channel: webhook"
    assert read(tmp_path, ROBOT + quiet).configured


def test_keys_of_a_base_block_may_be_given_anew(tmp_path: Path) -> None:
    """A merge key (`<<`) is no key given twice."""
    one = "- &one {name: a, cron: 0 3 * * *, targets: [b]}"
    settings = read(tmp_path, f"schedules:\n  {one}\n  - {{<<: *one, name: c}}\n")
    assert [schedule.name for schedule in settings.schedules] == ["a", "c"]


def test_an_operators_block_with_blanks_can_be_pasted(tmp_path: Path) -> None:
    blanks = (
        "DINGDING: {SECRET: '', ACCESS_TOKEN: , APP_KEY: '', APP_SECRET: , AGENT_ID: '', DEFAULT_CHAT_ID: ''}"
    )
    assert not read(tmp_path, blanks).configured


def test_a_schedule_is_read_with_its_defaults(tmp_path: Path) -> None:
    (schedule,) = schedules_of(read(tmp_path, "schedules: [{name: 每日, cron: 0 3 * * *, targets: [a.com]}]"))
    assert (schedule.notify_enable, schedule.export) == (False, True)
    assert (schedule.notify_channel, schedule.notify_on) == (Channel.DINGDING, NotifyOn.FINISHED)
    assert schedule.send_to == ()


def test_a_time_without_a_zone_is_of_the_settings_zone(tmp_path: Path) -> None:
    once = "schedules: [{name: a, at: %s, targets: [a.com]}]"
    for written in ("2026-12-01 03:00", "2026-12-01 03:00:00", "'2026-11-30T19:00:00Z'"):
        (schedule,) = schedules_of(read(tmp_path, once % written))
        assert schedule.at is not None
        assert schedule.at.isoformat() == "2026-11-30T19:00:00+00:00"


@pytest.mark.parametrize(
    ("more", "send_to"),
    [
        ("", ["group:cidA"]),
        (", send_to: [cidB, 'user:u', chatOld]", ["group:cidB", "user:u", "group:chatOld"]),
        ("}]\nnotify: {routes: {每日: ['work:u']}}\nlog: {level: INFO}\n# [{", ["work:u"]),
    ],
)
def test_destinations_are_filled_in(tmp_path: Path, more: str, send_to: list[str]) -> None:
    (schedule,) = schedules_of(read(tmp_path, ROBOT + DAILY % more))
    assert [str(place) for place in schedule.send_to] == send_to


def test_only_a_custom_robot_is_the_default_destination_then(tmp_path: Path) -> None:
    settings = read(tmp_path, "DINGDING: {ACCESS_TOKEN: tok, SECRET: SECx}\n" + DAILY % "")
    (schedule,) = schedules_of(settings)
    assert [str(place) for place in schedule.send_to] == ["webhook:default"]
    assert webhooks_of(settings) == {"default": make_robot("tok", "SECx")}


def test_more_custom_robots_have_names(tmp_path: Path) -> None:
    settings = read(
        tmp_path, "notify: {webhooks: {ops: {ACCESS_TOKEN: tok}}}\n" + DAILY % ", send_to: ['webhook:ops']"
    )
    assert webhooks_of(settings) == {"ops": make_robot("tok", "")}


def test_the_example_in_the_repository_is_valid_and_harmless() -> None:
    assert not load(ROOT / "config.yaml").configured
