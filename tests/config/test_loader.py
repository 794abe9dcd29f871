"""Settings: typed, frozen, and complaining by name in one line."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import SecretStr

from bot.config.engine import EmbeddedSettings
from bot.config.loader import collect_secrets, describe_source, load
from bot.config.loader.sources import OF_EXEC
from bot.config.resolve import resolve_schedules, resolve_webhooks
from bot.config.settings import Settings
from bot.errors import ConfigError
from bot.models import Channel, NotifyOn
from tests import ROOT
from tests.factories import make_robot

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
    ("exporter: {kind: rq}", "exporter.kind must be 'local' or 'celery', got 'rq'"),
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
    ("notify: {quiet_hours: 22-8}", "takes hours of the day such as 22:00-08:00, got '22-8'"),
    ("notify: {quiet_hours: '25:00-08:00'}", "notify.quiet_hours takes hours of the day"),
    ("notify: {quiet_hours: '08:00-08:00'}", "notify.quiet_hours takes hours of the day"),
    ("notify: {quiet_hours_except: failures}", "notify.quiet_hours_except must be 'none' or 'failed'"),
    ("web: {public_url: run.example.com, port: 1}", "web.public_url takes an http:// or https:// address"),
    ("web: {public_url: 'https://a b', port: 1}", "web.public_url takes an http:// or https:// address"),
    ("web: {public_url: 'https://a/)x', port: 1}", "web.public_url takes an http:// or https:// address"),
    ("web: {public_url: 'https://run.example.com'}", "web has public_url, but web.port is 0"),
    ("web: {public_url: 'https://run.example.com', port: 1}",
     "web has public_url, but web.status_token is missing"),
    ("web: {status_token: 'fifteen letters'}", "web.status_token takes at least 16 characters"),
    ("web: {proxies: [nginx]}", "web.proxies[0] must be an address or a network"),
    ("reports: {link_secret: verysecret}", "reports.link_secret takes at least 16 characters"),
    ("reports: {link_max_downloads: 0}", "reports.link_max_downloads"),
    ("engine: {refuse: [metadata]}", "engine.refuse takes addresses and networks"),
    ("web: {status_token: [verysecret]}", "web.status_token must be text, got ***"),
    ("web: {port: true}", "web.port must be a whole number, got True"),
    ("reports: {1: 2}", "reports.1 is not a setting"),
    ("DINGDING: {CARD_VARIABLES: {title: [a]}}", "DINGDING.CARD_VARIABLES.title must be text"),
    ("DINGDING: {OAPI_BASE: 'ftp://127.0.0.1'}", "DINGDING.OAPI_BASE takes an https:// address"),
    ("DINGDING: {OAPI_BASE: 'https://'}", "DINGDING.OAPI_BASE takes an https:// address"),
    ("DINGDING: {OAPI_BASE: 'http://127.0.0.1@a.com'}", "DINGDING.OAPI_BASE takes an https:// address"),
    ("DINGDING: {APP_KEY: k}\nDINGDING: {APP_KEY: ''}", "given twice, in lines 1 and 2; remove one"),
    ("DINGDING: {APP_KEY: k}\ndingding: {}", "given twice, in lines 1 and 2; remove one"),
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
    (DAILY % ", notify_on: never",
     "schedules[0].notify_on must be 'finished', 'failed', 'always' or 'change'"),
    ("schedules: [{name: a, cron: 0 3 * * *, targets: [b]}, {name: A, cron: 0 3 * * *, targets: [b]}]",
     "schedules has two schedules named A"),
    (ROBOT + DAILY % ", send_to: ['webhook:ops']",
     "schedules[0].send_to names webhook:ops, which is not in"),
    (ROBOT + DAILY % ", notify_channel: webhook",
     "schedules[0].send_to is empty, and there is no default: set DINGDING.ACCESS_TOKEN, send_to or"),
    ("DINGDING: {APP_KEY: k, APP_SECRET: s}\n" + DAILY % "",
     "schedules[0].send_to is empty, and there is no default: set DINGDING.DEFAULT_CHAT_ID, send_to or"),
    ("notify: {webhooks: {ops: {ACCESS_TOKEN: t}}}\n" + DAILY % "",
     "schedules[0].send_to is empty, and there is no default: set DINGDING.ACCESS_TOKEN, send_to or"),
    ("DINGDING: {APP_KEY: k, APP_SECRET: s, AGENT_ID: 5}\n" + DAILY % ", notify_channel: work_notice",
     "set it, such as [work:manager01] (schedule 每日)"),
    ("notify: {routes: {Nightli: [cidA]}}\n" + (DAILY % "").replace("每日", "Nightly"),
     "notify.routes.Nightli: no schedule has this name; did you mean Nightly?"),
    ("notify: {routes: {每日: [cidA]}}", "notify.routes.每日: no schedule has this name"),
    (ROBOT + DAILY % ", send_to: [{to: cidA, mention: [owner]}]",
     "schedules[0].send_to mentions owner, but the schedule has no owner (schedule 每日)"),
    (ROBOT + "notify: {routes: {每日: [{to: cidA, mention: [on_call]}]}}\n" + DAILY % "",
     "schedules[0].send_to mentions on_call, but notify.on_call is empty"),
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
    (ROBOT + DAILY % ", send_to: ['group:运维群']", "schedules[0].send_to[0] takes the id of a group, cid…"),
    (ROBOT + DAILY % ", send_to: ['group:ops team']", "not its name, got 'ops team'"),
    (ROBOT + DAILY % ", send_to: ['user:张三']", "schedules[0].send_to[0] takes a staffId such as manager01"),
    (ROBOT + DAILY % ", send_to: ['work:Zhang San']", "not a name, got 'Zhang San'"),
    (ROBOT + DAILY % ", send_to: [{to: cidA, mention: [张三]}]",
     "schedules[0].send_to[0].mention[0] takes a staffId"),
    (ROBOT + DAILY % ", owner: 张三", "schedules[0].owner takes a staffId"),
    ("DINGDING: {DEFAULT_CHAT_ID: 运维群}", "DINGDING.DEFAULT_CHAT_ID takes the id of a group, cid…"),
    ("DINGDING: {ACCESS_TOKEN: 'https://oapi.dingtalk.com/robot/send?access_token=verysecret'}",
     "DINGDING.ACCESS_TOKEN takes what follows access_token= in the robot's address"),
    ("notify: {webhooks: {ops: {ACCESS_TOKEN: 'access_token=verysecret'}}}",
     "notify.webhooks.ops.ACCESS_TOKEN takes what follows access_token="),
    ("notify: {operators: ['group:运维群']}", "notify.operators[0] takes the id of a group"),
    ("notify: {on_call: [值班]}", "notify.on_call[0] takes a staffId"),
    ("notify: {fallback_webhooks: {运维群: ops}}", "notify.fallback_webhooks.运维群 takes the id of a group"),
    ("access: {operators: [张三]}", "access.operators[0] takes a staffId such as manager01, not a name"),
    ("access: {viewers: [张 三]}", "access.viewers[0] takes a staffId"),
    ("access: {rules: [{role: operator}]}", "access.rules[0] needs people or conversations"),
    ("access: {rules: [{people: [boss], role: king}]}", "access.rules[0].role"),
    ("access: {conversations: [运维群]}", "access.conversations[0] takes the id of a conversation, cid…"),
    (ROBOT + DAILY % ", send_to: ['https://oapi.dingtalk.com/robot/send?access_token=verysecret']",
     "schedules[0].send_to[0] takes group:cid…, user:staffId, work:staffId or webhook:name, got 'https://oapi."),
    (ROBOT + DAILY % ", send_to: ['webhook?access_token=verysecret']", "schedules[0].send_to[0] takes"),
    ("engine: {kind: arl, api_key: k, url: ['https://u:verysecret@a.com']}", "engine.url must be text, got ['https://***@a.com']"),
    ("access: {operators: ['SEC%s 1']}" % ("0" * 64), "not a name, got '*** 1'"),
    ("lang: %s" % ("x" * 999), "lang must be 'zh-CN' or 'en', got 'xxx"),
    ("DINGDING: {APP_SECRET: *verysecret }", ":1: this is not valid YAML at column 24"),
    ("- a", "must be a mapping of sections, got list"),
    ("a: [", ":1: this is not valid YAML at column 5"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "complaint"), WRONG)
def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    (line,) = str(refused.value).splitlines()
    assert re.match(r"config\.yaml:\d+: ", line)
    assert complaint in line
    assert len(line) < 320
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


def test_variables_of_dingrun_exec_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that it wraps may be a command of ours, such as `dingrun backup`."""
    program = (ROOT / "bot/exec/dingrun_exec.py").read_text(encoding="utf-8")
    assert set(re.findall(r"DINGRUN_[A-Z]+", program)) == OF_EXEC
    for name in OF_EXEC:
        monkeypatch.setenv(name, "x")
    load()
    assert "DINGRUN_" not in describe_source()


ALL_AT_ONCE = """\
DINGDING:
  APP_KEY: k
  APP_SECRET: [verysecret]
  APPKEY: x
reports:
  keep_days: x
schedules:
  - name: 每日
    cron: x
    targets: [example.com]
    ports:
      - 80
      - 0
  - cron: 0 3 * * *
    targets: [example.com]
    notify_on: changes
notify:
  webhooks:
    ops:
      ACCESS_TOKE: verysecret
reports:
  keep_days: 3
lang: zh-CM
"""


def test_all_problems_are_told_at_once_in_the_order_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGRUN_WEB__PORT", "eighty")
    monkeypatch.setenv("DINGRUN_STORES__URL", "verysecret")
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, ALL_AT_ONCE)
    assert str(refused.value).splitlines() == [
        "environment: DINGRUN_STORES__URL is not a setting; did you mean DINGRUN_STORE__URL?",
        "environment: DINGRUN_WEB__PORT: web.port must be a whole number, got 'eighty'",
        "config.yaml:3: DINGDING.APP_SECRET must be text, got ***",
        "config.yaml:4: DINGDING.APPKEY is not a setting; did you mean APP_KEY?",
        "config.yaml:9: schedules[0].cron must be five cron fields such as 0 3 * * *, got 'x': "
        "Wrong number of fields",
        "config.yaml:13: schedules[0].ports[1] takes ports from 1 to 65535, got 0",
        "config.yaml:14: schedules[1].name is missing",
        "config.yaml:16: schedules[1].notify_on must be 'finished', 'failed', 'always' or 'change', got "
        "'changes'; did you mean change?",
        "config.yaml:20: notify.webhooks.ops.ACCESS_TOKE is not a setting; did you mean ACCESS_TOKEN?",
        "config.yaml:21: reports is given twice, in lines 5 and 21; remove one",
        "config.yaml:23: lang must be 'zh-CN' or 'en', got 'zh-CM'; did you mean zh-CN?",
    ]


def test_what_does_not_fit_together_is_told_at_once_too(tmp_path: Path) -> None:
    text = (
        "DINGDING: {APP_KEY: k, APP_SECRET: s}\napi:\n  keys: {ci: {kind: token, key: %s}}\nschedules:\n"
        "  - {name: a, cron: 0 3 * * *, targets: [b], notify_enable: true}\n"
        "  - name: b\n    cron: 0 3 * * *\n    targets: [b]\n    notify_enable: true\n"
        "    send_to: ['webhook:ops']\nnotify:\n  fallback_webhooks:\n    cidA: ops\n"
    )
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text % ("k" * 40))
    lines = [line.split(" ", 2)[:2] for line in str(refused.value).splitlines()]
    assert lines == [
        ["config.yaml:3:", "api.keys"],
        ["config.yaml:5:", "schedules[0].send_to"],
        ["config.yaml:10:", "schedules[1].send_to"],
        ["config.yaml:13:", "notify.fallback_webhooks.cidA"],
    ]


def test_a_key_of_a_base_block_has_the_line_of_the_base(tmp_path: Path) -> None:
    one = "  - &one\n    name: a\n    cron: x\n    targets: [b]\n"
    text = f"schedules:\n{one}  - {{<<: *one, name: c, ports: [0]}}\n"
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    found = [line.split(" ")[:2] for line in str(refused.value).splitlines()]
    assert found == [
        ["config.yaml:4:", "schedules[0].cron"],
        ["config.yaml:4:", "schedules[1].cron"],
        ["config.yaml:6:", "schedules[1].ports[0]"],
    ]


def test_very_many_problems_are_cut(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, f"engine:\n  ports: [{', '.join(['0'] * 150)}]")
    assert len(str(refused.value).splitlines()) == 101
    assert str(refused.value).endswith("… and 50 more")


def test_a_wrong_key_of_the_file_is_not_laid_on_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGRUN_REPORTS__KEEP_DAYS", "7")
    with pytest.raises(ConfigError, match=r"^config\.yaml:1: reports\.link_ttl must be a whole number"):
        read(tmp_path, "reports: {link_ttl: x}")


def test_what_does_not_fit_together_is_laid_on_the_section_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGRUN_SCHEDULES", "[]")
    with pytest.raises(ConfigError, match=r"^config\.yaml:1: notify\.routes\.a: no schedule has this name"):
        read(tmp_path, "notify: {routes: {a: [cidA]}}")


def test_the_environment_adds_to_what_the_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_NOTIFY__WEBHOOKS__OPS__SECRET", "SECx")
    monkeypatch.setenv("DINGRUN_ENGINE__PORTS", "[22]")
    settings = read(tmp_path, "notify: {webhooks: {Ops: {ACCESS_TOKEN: tok}}}\nengine: {concurrency: 2}")
    assert resolve_webhooks(settings) == {"Ops": make_robot("tok", "SECx")}
    assert settings.engine == EmbeddedSettings(ports=(22,), concurrency=2)


def test_an_empty_variable_counts_as_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_ACCESS__OPERATORS", "")
    assert read(tmp_path, "access: {operators: [boss]}").access.operators == ("boss",)


def test_only_load_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINGRUN_DINGDING__OPENAPI_BASE", "https://api.dingtalk.com")
    own = Settings.model_validate({"DINGDING": {"OPENAPI_BASE": "http://127.0.0.1:8790"}})
    assert own.dingding.openapi_base == "http://127.0.0.1:8790"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        load(tmp_path / "nowhere.yaml")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load(tmp_path / "bad.yaml")


def test_without_a_file_everything_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None)
    assert (settings.configured, settings.timezone, settings.lang) == (False, "Asia/Shanghai", "zh-CN")


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_an_accident_and_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml: the file is empty; .* or remove it"):
        read(tmp_path, text)


def test_a_file_of_comments_is_all_defaults(tmp_path: Path) -> None:
    assert not read(tmp_path, "# reports: {keep_days: 3}").configured


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "reports:\n\tkeep_days: 3",
            ":2: this is not valid YAML at column 1: this is a tab; indent with spaces",
        ),
        (
            "schedules:\n  - cron: * * * * *",
            ":2: this is not valid YAML at column 12: put a value that begins with * in quotes",
        ),
        ("schedules:\n  - cron: */5 * * * *", 'in quotes, as in cron: "*/5 * * * *"'),
        ("DINGDING: {SECRET: *verysecret }", "put a value that begins with * in quotes"),
        ("DINGDING:\n  KEYWORD: @verysecret", "put a value that begins with @ in quotes"),
        (
            "DINGDING:\n  APP_KEY：verysecret\n  KEYWORD: x",
            ":3: this is not valid YAML at column 10: a full-width colon (：)",
        ),
        ("DINGDING:\n  KEYWORD: verysecret: x", 'quote a value that holds ": "'),
        ("DINGDING:\n  KEYWORD: 'verysecret", "a quote is not closed"),
        ('reports: {dir: "C:\\data"}', "use single quotes"),
        ("lang: en\n---\nlang: en", "--- begins a second document"),
        ("lang: !verysecret", "put a value that begins with ! in quotes"),
        ("lang: e\x07n", "there is a control character in it"),
    ],
)
def test_a_fault_of_yaml_comes_with_its_cure(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match="this is not valid YAML") as refused:
        read(tmp_path, text)
    assert complaint in str(refused.value)
    assert "verysecret" not in str(refused.value)


def test_a_value_that_yaml_takes_for_an_anchor_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^config\.yaml:2: put a value that begins with & in quotes"
    ) as refused:
        read(tmp_path, "DINGDING:\n  KEYWORD: &verysecret\n  APP_KEY: ''")
    assert "verysecret" not in str(refused.value)


def test_an_id_with_a_leading_zero_is_no_octal_number(tmp_path: Path) -> None:
    text = "access: {operators: [014712]}\nreports: {keep_days: 010}\nengine: {ports: [80]}"
    settings = read(tmp_path, text)
    assert settings.access.operators == ("014712",)
    assert (settings.reports.keep_days, settings.engine) == (10, EmbeddedSettings(ports=(80,)))


@pytest.mark.parametrize(("encoding", "name"), [("gb18030", " but GBK, it seems"), ("utf-16", " but UTF-16")])
def test_a_file_in_another_encoding_is_named(tmp_path: Path, encoding: str, name: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("lang: en\nschedules: [{name: 每日巡检}]".encode(encoding))
    with pytest.raises(
        ConfigError, match=rf"^config\.yaml:[12]: the line is not UTF-8{name}: save the file as UTF-8"
    ):
        load(path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("lang: en", encoding="utf-8-sig")
    assert load(tmp_path / "config.yaml").lang == "en"


def test_secrets_print_as_stars(tmp_path: Path) -> None:
    store = "\nstore: {url: 'mongodb://me:verysecret@h/d'}"
    assert "verysecret" not in repr(read(tmp_path, ROBOT + store))


def test_every_secret_is_known_to_whoever_must_star_it(tmp_path: Path) -> None:
    robots = (
        "notify: {webhooks: {default: {ACCESS_TOKEN: c, SECRET: d}}}\nweb: {status_token: eeeeeeeeeeeeeeee}\n"
    )
    links = "reports: {link_secret: ffffffffffffffff}"
    ding = "DINGDING: {APP_KEY: k, APP_SECRET: a, ACCESS_TOKEN: b}\n"
    store = "store: {url: 'mongodb://me:g@h/d'}\n"
    broker = "exporter: {broker_url: 'redis://:h@h'}\n"
    told = collect_secrets(read(tmp_path, ding + store + robots + broker + links))
    assert sorted(told) == ["a", "b", "c", "d", "e" * 16, "f" * 16, "g", "h"]


def secret_keys(model: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where the tree of settings has a secret."""
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if kind is SecretStr or SecretStr in get_args(kind):
                yield (*place, name)
            elif hasattr(kind, "model_fields"):
                below = (*place, name, *(["x"] if get_origin(field.annotation) is dict else []))
                yield from secret_keys(kind, below)


KEYS = list(dict.fromkeys(secret_keys(Settings)))
BESIDES = {  # what else a section must have where a secret of it stands
    ("dingding",): {"app_key": "k", "app_secret": "s", "access_token": "t"},
    ("engine",): {"kind": "arl", "url": "https://h", "api_key": "k"},
    ("api", "keys", "x"): {"kind": "token", "key": "k" * 40},
    ("api", "schedules", "x", "rerun"): {"url": "https://h/hook"},
    ("notify", "webhooks", "x"): {"access_token": "t"},
    ("notify", "apps", "x"): {"app_key": "k", "app_secret": "s"},
}
FORMS = {"broker_url": "redis://:{}@h/0", "mongo_uri": "mongodb://me:{}@h/d", "basic_auth": "me:{}"}


@pytest.mark.parametrize("key", KEYS, ids=".".join)
def test_a_secret_anywhere_in_the_settings_is_found(key: tuple[str, ...]) -> None:
    secret = "verysecret-verysecret"  # noqa: S105 - it is not
    values: dict[str, Any] = BESIDES.get(key[:-1], {}) | {key[-1]: FORMS.get(key[-1], "{}").format(secret)}
    for part in reversed(key[:-1]):
        values = {part: values}
    assert secret in collect_secrets(Settings.model_validate(values))


def test_every_part_of_a_url_of_apprise_is_a_secret(tmp_path: Path) -> None:
    url = "tgram://123456789:token%2Fof-bot/chat-1/?format=key-of-query"
    told = read(tmp_path, f"notify: {{operators: ['user:manager01', '{url}']}}")
    assert {url, "123456789", "token%2Fof-bot", "token/of-bot", "chat-1", "key-of-query"} <= set(
        collect_secrets(told)
    )
    assert "of-bot" not in repr(told)
    assert [str(each) for each in told.notify.operator_destinations] == ["user:manager01"]


def test_an_operator_that_is_neither_a_destination_nor_a_url_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"notify.operators\[0\] takes a destination"):
        read(tmp_path, "notify: {operators: ['json://host/key of mine']}")
    with pytest.raises(ConfigError, match="takes a staffId such as manager01"):
        read(tmp_path, "notify: {operators: ['user:李雷']}")


def test_the_walk_knows_where_secrets_stand() -> None:
    assert {("dingding", "app_secret"), ("notify", "webhooks", "x", "secret"), ("engine", "api_key")} <= set(
        KEYS
    )
    assert len(KEYS) >= 12


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
    (schedule,) = resolve_schedules(
        read(tmp_path, "schedules: [{name: 每日, cron: 0 3 * * *, targets: [a.com]}]")
    )
    assert (schedule.notify_enable, schedule.export) == (False, True)
    assert (schedule.notify_channel, schedule.notify_on) == (Channel.DINGDING, NotifyOn.FINISHED)
    assert schedule.send_to == ()


def test_a_time_without_a_zone_is_of_the_settings_zone(tmp_path: Path) -> None:
    once = "schedules: [{name: a, at: %s, targets: [a.com]}]"
    for written in ("2026-12-01 03:00", "2026-12-01 03:00:00", "'2026-11-30T19:00:00Z'"):
        (schedule,) = resolve_schedules(read(tmp_path, once % written))
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
    (schedule,) = resolve_schedules(read(tmp_path, ROBOT + DAILY % more))
    assert [str(place) for place in schedule.send_to] == send_to


def test_only_a_custom_robot_is_the_default_destination_then(tmp_path: Path) -> None:
    settings = read(tmp_path, "DINGDING: {ACCESS_TOKEN: tok, SECRET: SECx}\n" + DAILY % "")
    (schedule,) = resolve_schedules(settings)
    assert [str(place) for place in schedule.send_to] == ["webhook:default"]
    assert resolve_webhooks(settings) == {"default": make_robot("tok", "SECx")}


def test_more_custom_robots_have_names(tmp_path: Path) -> None:
    settings = read(
        tmp_path, "notify: {webhooks: {ops: {ACCESS_TOKEN: tok}}}\n" + DAILY % ", send_to: ['webhook:ops']"
    )
    assert resolve_webhooks(settings) == {"ops": make_robot("tok", "")}


def test_the_example_in_the_repository_is_valid_and_harmless() -> None:
    assert not load(ROOT / "config.yaml").configured
