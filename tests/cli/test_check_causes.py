"""Each cause of the first day is produced in the sandbox, recognised, and answered with a cure."""

import asyncio
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main
from bot.cli.check import SendRequest, collect_results
from bot.cli.check.machine import check_secret_files, judge_descriptors, judge_disk, judge_timezone
from bot.cli.check.report import all_passed, as_json, as_lines
from bot.cli.check.runner import NamedResult, in_thread, run_checks, with_cause
from bot.config.settings import Settings
from bot.errors import DingRunError, RateLimited
from bot.messengers.dingtalk.checks.diagnosis import (
    APPS,
    CARDS,
    CAUSES,
    LINKS,
    PRICES,
    ROBOT_SECURITY,
    STAFF,
    diagnose,
)
from bot.messengers.dingtalk.checks.probes import describe_clock
from bot.messengers.dingtalk.errors import BanInForce, NotBilled, QuotaExhausted, Throttled
from bot.models import QuotaKind as BookedKind
from bot.ports import CheckResult, Checks, CheckStatus
from bot.quota.budget import month_of
from bot.runtime import utc_now
from bot.wiring.stores import open_stores
from cards.catalogue import load_topic
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.scenario import App, CustomRobot, default_scenario
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import QuotaKind
from dingtalk_sandbox.templates.registered import Template
from tests.cards.test_catalogue import CHINESE
from tests.scenarios.conftest import settings as service_settings

APP, GROUP, ROBOT = (
    default_scenario().apps[0],
    default_scenario().groups[0],
    default_scenario().custom_robots[0],
)
WEBHOOK = {"ACCESS_TOKEN": ROBOT.token, "SECRET": ROBOT.secret}
HARMLESS = {"no_agent", "needs_send", "template_lacks_variables", "settings_doubtful"}  # exit code 0
SCOPE_PAGE = "https://open-dev.dingtalk.com/appscope/apply?content=dingsandboxapp%23"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A cause: how the sandbox and the settings are, and which check finds it.

    - `scene`: parts of the scenario of the sandbox.
    - `ding`: keys of `DINGDING`; `values`: other settings.
    - `faults`: rules of the sandbox.
    - `sends`: True if only a message tells.
    """

    cause: str
    check: str
    link: str = ""
    scene: Mapping[str, Any] = field(default_factory=dict)
    ding: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    faults: Sequence[Mapping[str, Any]] = ()
    sends: bool = False
    clock: timedelta = timedelta()


def app(**changes: Any) -> Mapping[str, Any]:
    return {"apps": [vars_of(replace(APP, **changes))]}


def group(**changes: Any) -> Mapping[str, Any]:
    return {"groups": [vars_of(replace(GROUP, **changes))]}


def robot(**changes: Any) -> Mapping[str, Any]:
    return {"custom_robots": [vars_of(replace(ROBOT, **changes))]}


def vars_of(entry: App | Group | CustomRobot | Template) -> dict[str, Any]:
    return dict(vars(entry))


OWN = Template(id="own.schema", name="own", published=False)
STREAM_REFUSED = {
    "kind": "status",
    "match": "gateway/connections/open",
    "status": 401,
    "body": {"code": "authFailed", "message": "鉴权失败"},
}
WHITELIST = {
    "kind": "error",
    "match": "/robot/send ",
    "code": 310000,
    "message": "description:机器人发送的IP地址不在白名单;",
}

CASES = [
    Case(cause="wrong_keys", check="keys", link=APPS, ding={"APP_SECRET": "not-the-secret"}),
    Case(cause="stream_off", check="Stream", link=APPS, faults=[STREAM_REFUSED]),
    Case(cause="app_not_published", check=f"group {GROUP.id}", link=APPS, scene=app(published=False)),
    Case(
        cause="scope_missing",
        check="card scope",
        link=f"{SCOPE_PAGE}Card.Instance.Write",
        scene=app(scopes=frozenset({"qyapi_robot_sendmsg", "qyapi_base"})),
    ),
    Case(
        cause="scope_missing",
        check=f"group {GROUP.id}",
        link=f"{SCOPE_PAGE}qyapi_robot_sendmsg",
        scene=app(scopes=frozenset({"Card.Instance.Write"})),
    ),
    Case(cause="ip_not_allowed", check="card scope", link=APPS, scene=app(allowed_ips=("203.0.113.9",))),
    Case(cause="quota_used_up", check="card scope", link=PRICES, scene={"settings": {"api_limit": 1}}),
    Case(cause="robot_not_in_group", check=f"group {GROUP.id}", scene=group(robots=())),
    Case(cause="group_of_another_organization", check=f"group {GROUP.id}", scene=group(foreign=True)),
    Case(cause="wrong_group", check="group cidUnknown==", ding={"DEFAULT_CHAT_ID": "cidUnknown=="}),
    Case(cause="wrong_group", check="group chatunknown", ding={"DEFAULT_CHAT_ID": "chatunknown"}),
    Case(cause="wrong_robot_code", check=f"group {GROUP.id}", link=APPS, ding={"ROBOT_CODE": "dingother"}),
    Case(
        cause="address_banned",
        check="card scope",
        link=LINKS["address_banned"],
        faults=[
            {
                "kind": "status",
                "match": "PUT /v1.0/card",
                "status": 200,
                "body": {"status": 1111, "punish": "deny"},
            }
        ],
    ),
    Case(
        cause="dingtalk_unreachable",
        check="keys",
        ding={"OPENAPI_BASE": "http://127.0.0.1:9", "OAPI_BASE": "http://127.0.0.1:9"},
    ),
    Case(
        cause="dingtalk_fails",
        check="card scope",
        faults=[{"kind": "error", "match": "PUT /v1.0/card", "code": "system.busy"}],
    ),
    Case(cause="clock_off", check="clock", clock=timedelta(minutes=-10)),
    Case(
        cause="template_unpublished",
        check="card",
        link=CARDS,
        scene={"templates": [vars_of(OWN)]},
        ding={"CARD_TEMPLATE_ID": "own.schema"},
        sends=True,
    ),
    Case(
        cause="template_unknown",
        check="card",
        link=CARDS,
        ding={"CARD_TEMPLATE_ID": "nobodys.schema"},
        sends=True,
    ),
    Case(
        cause="template_lacks_variables",
        check="card template",
        link=CARDS,
        ding={"CARD_TEMPLATE_ID": "own.schema", "CARD_VARIABLES": {"title": "head", "markdown": "body"}},
    ),
    Case(cause="template_invalid", check="card template", ding={"CARD_TEMPLATE_ID": "button"}),
    Case(cause="wrong_agent", check="work notification", link=APPS, ding={"AGENT_ID": 9}, sends=True),
    Case(cause="no_agent", check="work notification", sends=True),
    Case(
        cause="robot_stopped",
        check="robot message",
        link=APPS,
        faults=[{"kind": "error", "match": "oToMessages", "code": "bot.stopped"}],
        sends=True,
    ),
    Case(cause="wrong_webhook", check="webhook default", link=LINKS["wrong_webhook"],
         ding={"ACCESS_TOKEN": "gone"}, sends=True),
    Case(cause="webhook_signature", check="webhook default", link=ROBOT_SECURITY,
         ding={"ACCESS_TOKEN": ROBOT.token, "SECRET": "SECother"}, sends=True),
    Case(cause="webhook_keyword", check="webhook default", link=ROBOT_SECURITY,
         scene=robot(keywords=("告警",)), ding=WEBHOOK, sends=True),
    Case(cause="webhook_clock", check="webhook default", link=ROBOT_SECURITY, ding=WEBHOOK,
         clock=timedelta(hours=2), sends=True),
    Case(cause="webhook_address", check="webhook default", link=ROBOT_SECURITY, ding=WEBHOOK,
         faults=[WHITELIST], sends=True),
    Case(
        cause="webhook_security", check="webhook default", ding=WEBHOOK, sends=True,
        faults=[{"kind": "error", "match": "/robot/send ", "code": 310000, "message": "rejected"}],
    ),
    Case(cause="needs_send", check="card"),
    Case(cause="store_unusable", check="store", values={"store": {"url": "sqlite:////dev/null/x.db"}}),
    Case(
        cause="store_unusable", check="store", values={"store": {"url": "sqlite:////dev/null/x.db"}},
        sends=True,
    ),
    Case(cause="reports_unwritable", check="reports", values={"reports": {"dir": "/dev/null/reports"}}),
    Case(
        cause="operators_invalid", check="operators",
        values={"notify": {"operators": ["nothing://verysecret"]}},
    ),
    Case(
        cause="broker_unreachable", check="exporter",
        values={"exporter": {"kind": "celery", "broker_url": "redis://:verysecret@127.0.0.1:9"}},
    ),
    Case(
        cause="engine_unusable", check="API",
        values={"engine": {"kind": "arl", "url": "http://127.0.0.1:9", "api_key": "k"}, "schedules": []},
    ),
    Case(
        cause="port_taken", check="web",  # an address of the documentation, which no machine has
        values={"web": {"host": "203.0.113.9", "port": 18_799}},
    ),
    Case(
        cause="public_url_unreachable", check="public address",
        values={"web": {"port": 18_799, "public_url": "http://127.0.0.1:9", "status_token": "0" * 16}},
    ),
    Case(
        cause="settings_doubtful", check="settings",
        values={"schedules": [{"name": "once", "at": "2020-01-01 03:00", "targets": ["example.com"]}]},
    ),
]  # fmt: skip
ELSEWHERE = {  # causes without DingTalk, and those that this file or test_check.py produces otherwise
    "disk_low", "few_descriptors", "time_zone_differs", "timed_out", "no_worker",
    "routes_wrong", "settings_invalid", "secrets_readable", "needs_groups", "wrong_person",
}  # fmt: skip
WORD = re.compile("[a-z]{3}")
IDS = [f"{each.cause}-{number}" for number, each in enumerate(CASES)]


async def results_of(case: Case, folder: Path) -> Sequence[NamedResult]:
    now = datetime.now(UTC)
    async with Sandbox(scenario=case.scene, clock=lambda: now + case.clock) as sandbox:
        sandbox.state.faults.replace(case.faults)
        if case.scene.get("settings") == {"api_limit": 1}:
            sandbox.state.count_call(QuotaKind.API)
        values = service_settings(sandbox, ["example.com"])
        values["DINGDING"] |= case.ding
        defaults: dict[str, Any] = {
            "store": {"url": f"sqlite:///{folder}/d.db"},
            "reports": {"dir": str(folder / "r")},
        }
        request = SendRequest(person="user01", groups=True) if case.sends else None
        return await collect_results(Settings.model_validate(defaults | values | dict(case.values)), request)


def detail_in(found: NamedResult, lang: str) -> str:
    """Return the detail of a result, as `check --json` has it in this language."""
    return str(json.loads(as_json([found], lang))["checks"][0]["detail"])


@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_a_cause_is_recognised_and_answered(case: Case, tmp_path: Path) -> None:
    results = await results_of(case, tmp_path)
    found = next(each for each in results if each.name.endswith(case.check))
    assert (found.result.cause, found.result.link) == (case.cause, case.link), found
    lines = "\n".join(as_lines(found, "zh-CN"))
    for text in load_topic("causes")[case.cause].values():
        assert text in lines
    for text in load_topic("cures")[case.cause].values():
        assert (text in lines) is (found.result.status is not CheckStatus.SKIPPED)
    detail = detail_in(found, "zh-CN")
    assert not WORD.search(detail) or CHINESE.search(detail), detail
    everything = as_json(results, "en")
    assert load_topic("cures")[case.cause]["en"] in everything
    assert "not-the-secret" not in everything
    assert "verysecret" not in everything
    assert all_passed(results) is (case.cause in HARMLESS)


def test_no_cause_is_forgotten() -> None:
    tried = {case.cause for case in CASES} | ELSEWHERE
    assert load_topic("causes").keys() == load_topic("cures").keys() == tried
    assert set(CAUSES.values()) | set(LINKS) <= tried


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (BanInForce(), "address_banned"),
        (QuotaExhausted("the month's 5000 api calls are used up"), "quota_used_up"),
        (RateLimited("the limit of 20 calls per 1 s is reached"), "dingtalk_fails"),
        (NotBilled("DingTalk cannot be reached: TimeoutError"), "dingtalk_unreachable"),
        (Throttled("too many"), "dingtalk_fails"),
    ],
)
def test_calls_that_were_not_made_have_the_cause_of_that(error: DingRunError, cause: str) -> None:
    assert diagnose(error).cause == cause


async def test_a_person_whom_dingtalk_does_not_know_gets_nothing(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        values = service_settings(sandbox, ["example.com"])
        values["DINGDING"] |= {"AGENT_ID": 3001}
        values |= {"store": {"url": f"sqlite:///{tmp_path}/d.db"}, "reports": {"dir": str(tmp_path / "r")}}
        results = await collect_results(Settings.model_validate(values), SendRequest(person="nobody"))
    sent = {each.name: each.result for each in results if each.result.cause == "wrong_person"}
    assert list(sent) == [
        "卡片 / card",
        "文件 / file",
        "机器人消息 / robot message",
        "工作通知 / work notification",
    ]
    assert {each.link for each in sent.values()} == {STAFF}


async def test_one_of_each_kind_reaches_the_person_is_counted_and_no_group_sees_it(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        values = service_settings(sandbox, ["example.com"])
        values["DINGDING"] |= WEBHOOK | {"AGENT_ID": 3001}
        values |= {"store": {"url": f"sqlite:///{tmp_path}/d.db"}, "reports": {"dir": str(tmp_path / "r")}}
        settings = Settings.model_validate(values)
        results = {
            each.name: each.result for each in await collect_results(settings, SendRequest(person="user01"))
        }
        place = sandbox.state.conversations.messages
        assert sorted(each.kind for each in place("cidSandboxOto-user01==")) == ["card", "file", "markdown"]
        assert [each.kind for each in place("work-user01")] == ["work_notice"]
        assert place(GROUP.id) == []
        used = sandbox.state.monthly_usage[sandbox.state.clock.month()]
        booked = await booked_calls(settings)
        said = await audited_words(settings)
    assert said == ["dingrun check --send user01"]
    assert results["群机器人 / webhook default"] == CheckResult(
        status=CheckStatus.SKIPPED, cause="needs_groups"
    )
    assert booked == {"api": used[QuotaKind.API], "stream": 0}
    assert booked["api"] == 8  # two probes, card, upload, file, message, work notification and its outcome


async def test_the_imported_template_lacks_nothing_and_shows_the_text(tmp_path: Path) -> None:
    async with Sandbox(scenario={"templates": [vars_of(replace(OWN, published=True))]}) as sandbox:
        values = service_settings(sandbox, ["example.com"])
        values["DINGDING"] |= {"CARD_TEMPLATE_ID": OWN.id}
        values |= {"store": {"url": f"sqlite:///{tmp_path}/d.db"}, "reports": {"dir": str(tmp_path / "r")}}
        results = await collect_results(Settings.model_validate(values), SendRequest(person="user01"))
        (card,) = sandbox.state.cards.values()
    found = {each.name: each.result for each in results}
    assert found["卡片模板 / card template"] == CheckResult(detail=OWN.id)
    assert found["卡片 / card"].status is CheckStatus.OK
    assert card.public["title"] == "DingRun 检查 / check"
    assert "UTC" in card.public["verdict"]


async def test_custom_robots_post_to_their_groups_if_asked(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        values = service_settings(sandbox, ["example.com"])
        values["DINGDING"] |= WEBHOOK
        values |= {"store": {"url": f"sqlite:///{tmp_path}/d.db"}, "reports": {"dir": str(tmp_path / "r")}}
        settings = Settings.model_validate(values)
        results = await collect_results(settings, SendRequest(person="user01", groups=True))
        assert [each.kind for each in sandbox.state.conversations.messages(GROUP.id)] == ["markdown"]
        assert (await booked_calls(settings))["stream"] == 1
    assert all_passed(results)


async def booked_calls(settings: Settings) -> dict[str, int]:
    """Return the calls of this month that the store has."""
    stores = open_stores(settings.store.url)
    await stores.store.open()
    used = await stores.quota.usage(month_of(utc_now()))
    await stores.store.close()
    return {"api": used.get(BookedKind.API, 0), "stream": used.get(BookedKind.STREAM, 0)}


async def audited_words(settings: Settings) -> Sequence[str]:
    stores = open_stores(settings.store.url)
    await stores.store.open()
    entries = await stores.audit.find_entries()
    await stores.store.close()
    return [each.said for each in entries]


async def test_a_public_address_is_proved_while_no_service_runs(tmp_path: Path, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    web = {"port": unused_tcp_port, "public_url": url, "status_token": "0" * 16}
    values = {
        "web": web,
        "store": {"url": f"sqlite:///{tmp_path}/d.db"},
        "reports": {"dir": str(tmp_path / "r")},
    }
    results = {each.name: each.result for each in await collect_results(Settings.model_validate(values))}
    assert results["网页 / web"].detail == f"127.0.0.1:{unused_tcp_port}"
    assert results["公开地址 / public address"] == CheckResult(detail=url)


MIB = 2**20


@pytest.mark.parametrize(("free", "status"), [(2_000, "ok"), (900, "warn"), (50, "fail")])
def test_a_disk_that_is_nearly_full_is_told_before_it_is(free: int, status: str) -> None:
    judged = judge_disk([(Path("a"), 9_000 * MIB), (Path("b"), free * MIB)])
    assert (judged.status, judged.cause) == (status, "" if status == "ok" else "disk_low")
    assert judged.detail.startswith("b: ")


@pytest.mark.parametrize(("soft", "status"), [(-1, "ok"), (1_024, "ok"), (512, "warn"), (64, "fail")])
def test_a_low_limit_of_open_files_is_told(soft: int, status: str) -> None:
    judged = judge_descriptors(soft, 4_096)
    assert (judged.status, judged.cause) == (status, "" if status == "ok" else "few_descriptors")


@pytest.mark.parametrize(
    ("mode", "cause"), [(0o440, ""), (0o444, "secrets_readable"), (0o602, "secrets_readable")]
)
async def test_a_secret_file_is_for_the_service_alone(
    mode: int, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "DINGRUN_DINGDING__APP_SECRET"
    file.write_text("verysecret")
    file.chmod(mode)
    found = await check_secret_files()
    assert (found.cause, found.status is CheckStatus.WARN) == (cause, bool(cause))
    assert str(file) in found.detail or not cause
    assert "verysecret" not in found.detail


@pytest.mark.parametrize(("hours", "cause"), [(8, ""), (0, ""), (1, "time_zone_differs")])
def test_a_machine_in_another_time_zone_is_told_where_cron_depends_on_it(hours: int, cause: str) -> None:
    daily = {"name": "a", "cron": "0 3 * * *", "targets": ["example.com"]}
    local = datetime(2026, 11, 30, 3, tzinfo=timezone(timedelta(hours=hours)))
    assert judge_timezone(Settings.model_validate({"schedules": [daily]}), local).cause == cause
    assert judge_timezone(Settings.model_validate({}), local).cause == ""


@pytest.mark.parametrize(("seconds", "status"), [(0, "ok"), (-29, "ok"), (31, "warn"), (-301, "fail")])
def test_a_clock_is_judged_by_how_far_it_is_off(seconds: int, status: str) -> None:
    found = describe_clock(timedelta(seconds=seconds))
    assert (found.status.value if isinstance(found, CheckResult) else "ok") == status


async def test_a_check_that_breaks_is_one_result_among_others() -> None:
    async def break_down() -> str:
        raise OSError(36, "File name too long")

    async def sound() -> str:
        return "sound"

    broken, other = await run_checks(with_cause({"a": break_down, "b": sound}, "disk_low"))
    assert broken.result == CheckResult(
        status=CheckStatus.FAIL, detail="OSError: [Errno 36] File name too long", cause="disk_low"
    )
    assert other.result.detail == "sound"


async def test_a_check_that_hangs_is_ended_and_stops_no_other() -> None:
    async def hang() -> str:
        await asyncio.Event().wait()
        return ""

    async def sound() -> str:
        return "sound"

    async def hang_in_a_thread() -> str:
        return str(await in_thread(threading.Event().wait))

    checks: Checks = {"a": hang, "b": hang_in_a_thread, "c": sound}
    a, b, c = await run_checks(with_cause(checks, ""), 0.05)
    assert (a.result.cause, b.result.cause, c.result) == (
        "timed_out",
        "timed_out",
        CheckResult(detail="sound"),
    )


@pytest.mark.parametrize(
    "detail",
    [
        "no result within 30 s",
        "redis://***@127.0.0.1:6379: no worker is alive; start one: dingrun worker",
        "notify.routes.weekl: ARL has no schedule of this name or id; did you mean weekly?",
        "notify.routes: nobody is notified of daily; name a destination there, or set"
        " DINGDING.DEFAULT_CHAT_ID",
        "DINGDING.CARD_TEMPLATE_ID: the mapping takes title, markdown, got heading",
        "DINGDING.CARD_TEMPLATE_ID: title takes a name of 1 to 64 bytes, got ''",
        "notify.operators is empty and there is no default group: nobody hears of troubles",
        "access names no operator: everybody may only look. Send whoami to the robot, and add the staffId"
        " that it answers: access: {operators: [staffId]}",
    ],
)
def test_a_detail_is_told_in_the_language_of_the_settings(detail: str) -> None:
    found = NamedResult(name="x", result=CheckResult(status=CheckStatus.WARN, detail=detail))
    assert CHINESE.search(detail_in(found, "zh-CN"))
    assert CHINESE.search(as_lines(found, "zh-CN")[0])
    assert detail_in(found, "en") == detail


def test_in_english_there_is_no_chinese() -> None:
    found = NamedResult(
        name="存储 / store", result=CheckResult(status=CheckStatus.FAIL, cause="store_unusable")
    )
    assert as_lines(found, "en") == [
        "✗ store",
        "    cause: the store cannot be used",
        "    fix: correct store.url, or the rights of its folder; a database must be running",
    ]


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "config.yaml"), "check", *words])


@pytest.mark.parametrize(
    ("text", "code", "causes"),
    [
        ("lang: en", 0, {""}),
        ("lang: en\nreports: {dir: /dev/null/reports}", 1, {"", "reports_unwritable"}),
        ("lang: fr\nreports: {keep_days: x}", 2, {"settings_invalid"}),
    ],
)
def test_json_has_the_same_fields_whatever_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int, causes: set[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    said = run(tmp_path, "--json")
    found = json.loads(said.stdout)
    assert (said.exit_code, found["ok"]) == (code, code == 0)
    assert {tuple(each) for each in found["checks"]} == {
        ("name", "status", "code", "cause", "cure", "link", "detail")
    }
    assert causes == {each["code"] for each in found["checks"] if each["status"] != "warn"}


def test_invalid_settings_are_lines_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("lang: fr\nreports: {keep_days: x}")
    said = run(tmp_path)
    assert said.exit_code == 2
    assert [line.partition(" ")[0] for line in said.stderr.splitlines()] == [
        "config.yaml:1:",
        "config.yaml:2:",
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--groups",), "--groups needs --send"),
        (("--send", "李雷"), "--send takes a staffId"),
        (("--send", "user01,user02"), "--send takes one staffId"),
    ],
)
def test_who_gets_the_messages_must_be_one_person(
    tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    (tmp_path / "config.yaml").write_text("lang: en")
    said = run(tmp_path, *words)
    assert said.exit_code == 2
    assert complaint in said.stderr
