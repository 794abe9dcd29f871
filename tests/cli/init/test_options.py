"""`dingrun init` without a terminal: every answer is an option."""

import asyncio
import re
import shlex
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from arl_sandbox import API_KEY, FakeArl
from bot.__main__ import main
from bot.api.keys import digest_key
from bot.cli.init.answers import Answers
from bot.cli.init.guide import Guide
from bot.config.loader import load
from bot.models import AuditEntry, AuditOutcome, QuotaKind
from bot.quota.budget import month_of
from bot.runtime import utc_now
from bot.wiring.stores import open_stores
from dingtalk_sandbox import Sandbox
from tests import ROOT
from tests.arl_sandbox.database import FakeClockDatabase
from tests.cli.init.conftest import Background
from tests.dingtalk_sandbox.harness import GROUP, KEY, SECRET
from tests.fakes import FakeClock


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text(f"{SECRET}\n", encoding="utf-8")
    Path("arl-key").write_text(API_KEY, encoding="utf-8")
    return tmp_path


APP = ("--client-id", KEY, "--client-secret-file", "secret", "--group", GROUP)
TARGETS = ("--targets", "example.com 192.0.2.0/28")


def init(sandbox: Sandbox, *options: str, card: bool = False) -> Result:
    """Run the command. A card takes a second to render, so most tests do without."""
    command = ["init", "--lang", "en", "--sandbox", sandbox.url, *options, *([] if card else ["--no-card"])]
    return CliRunner().invoke(main, command, prog_name="dingrun")


def written() -> Any:
    return yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))


def headlines(sandbox: Sandbox) -> Sequence[str]:
    messages = sandbox.state.conversations.messages(GROUP)
    return [message.content["headline"] for message in messages if message.kind == "card"]


def test_options_alone_lead_to_the_first_card(sandbox: Sandbox) -> None:
    done = init(
        sandbox, *APP, *TARGETS, "--admin", "manager01", "--name", "巡检", "--cron", "*/5 * * * *", card=True
    )
    assert done.exit_code == 0, done.output
    assert headlines(sandbox) == ["DingRun is set up in this group"]
    settings = load(Path("config.yaml"))
    assert settings.access.admins == ("manager01",)
    (schedule,) = settings.schedules
    assert (schedule.name, schedule.cron, len(schedule.targets)) == ("巡检", "*/5 * * * *", 2)
    assert stat.S_IMODE(Path("config.yaml").stat().st_mode) == 0o600
    assert SECRET not in done.output


@pytest.mark.parametrize("page", ["docs/start.md", "docs/zh-CN/start.md"])
def test_the_line_of_the_docs_works(sandbox: Sandbox, page: str) -> None:
    (line,) = re.findall(
        r"^\S+ -m bot init (--yes .*)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE
    )
    real = {"dingabc123": KEY, "secret.txt": "secret", "cid6EUabc==": GROUP}
    done = init(sandbox, *(real.get(word, word) for word in shlex.split(line)))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "--client-id is missing"),
        (("--client-id", KEY), "--client-secret-file is missing"),
        (APP[:4], "--group is missing"),
        (APP, "--targets is missing"),
        ((*APP[:5], "安全运营群"), "--group takes the id of a group"),
        ((*APP, "--targets", "a/b/c"), "--targets takes hosts"),
        ((*APP, *TARGETS, "--cron", "daily"), "--cron must be five cron fields"),
        ((*APP, "--job", "数据"), "--job takes a slug"),
        ((*APP, "--arl-url", "http://127.0.0.1:9", "--arl-key-file", "arl-key"), "--arl-url: ARL does not"),
        (("--client-id", "x", "--client-secret-file", "secret"), "the keys of the app do not work"),
    ],
)
def test_a_missing_or_wrong_answer_is_named_and_nothing_is_written(
    sandbox: Sandbox, options: Sequence[str], told: str
) -> None:
    done = init(sandbox, *options)
    assert done.exit_code == 2
    assert told in done.output
    assert "Nothing was written" in done.output
    assert not Path("config.yaml").exists()


def test_a_second_call_changes_nothing(sandbox: Sandbox) -> None:
    init(sandbox, *APP, *TARGETS)
    before = Path("config.yaml").read_bytes()
    done = init(sandbox, "--yes")
    assert done.exit_code == 0, done.output
    assert Path("config.yaml").read_bytes() == before
    assert not list(Path().glob("*.bak*"))
    assert headlines(sandbox) == []


def test_enter_at_every_question_keeps_everything(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    init(sandbox, *APP, *TARGETS)
    before = Path("config.yaml").read_bytes()
    monkeypatch.setattr("builtins.input", lambda: "")
    assert Guide(None, Answers(card=False, wait_seconds=1), interactive=True).run()
    assert Path("config.yaml").read_bytes() == before
    shown = capsys.readouterr().out
    assert f"The one that is set: {KEY}" in shown
    assert f"The one that is set: {GROUP}" in shown
    assert "What is set: Daily check" in shown


def test_refusing_to_replace_the_file_writes_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    init(sandbox, *APP, *TARGETS)
    before = Path("config.yaml").read_bytes()
    answers = iter(["", "", "3", "cidOther==", "", "", "n"])  # language, app, group, its id, watch, secrets
    monkeypatch.setattr("builtins.input", lambda: next(answers))
    assert not Guide(None, Answers(card=False, wait_seconds=1), interactive=True).run()
    assert Path("config.yaml").read_bytes() == before
    assert "Nothing was written" in capsys.readouterr().out


def test_a_file_that_exists_is_replaced_only_on_demand_and_kept(sandbox: Sandbox) -> None:
    own = "# mine\nreports: {keep_days: 7}\nchat: {rerun_cooldown: 5}\n"
    Path("config.yaml").write_text(own, encoding="utf-8")
    refused = init(sandbox, *APP, *TARGETS)
    assert refused.exit_code == 2
    assert "--yes replaces it" in refused.output
    assert Path("config.yaml").read_text(encoding="utf-8") == own
    for number in ("", "2"):
        assert init(sandbox, *APP, *TARGETS, "--yes", "--name", f"n{number}").exit_code == 0
        assert Path(f"config.yaml.bak{number}").exists()
    assert Path("config.yaml.bak").read_text(encoding="utf-8") == own
    assert written()["reports"] == {"keep_days": 7}
    assert written()["chat"] == {"rerun_cooldown": 5}
    assert [each["name"] for each in written()["schedules"]] == ["n", "n2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("reports: {keep_dayz: 7}\n", "reports.keep_dayz is not a setting"),
        ("DINGDING: dingabc123\n", "DINGDING must be a mapping"),
        ("schedules: daily\n", "schedules must be a list"),
    ],
)
def test_a_file_with_an_error_is_told_and_left_alone(sandbox: Sandbox, text: str, told: str) -> None:
    Path("config.yaml").write_text(text, encoding="utf-8")
    done = init(sandbox, *APP, *TARGETS, "--yes")
    assert done.exit_code == 2
    assert told in done.output
    assert [path.name for path in Path().glob("config*")] == ["config.yaml"]


def test_secrets_go_to_a_file_of_their_own_and_are_found_there(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert init(sandbox, *APP, *TARGETS, "--secrets", "env").exit_code == 0
    assert "APP_SECRET" not in written()["DINGDING"]
    assert stat.S_IMODE(Path("dingrun.env").stat().st_mode) == 0o600
    monkeypatch.delenv("DINGRUN_DINGDING__APP_SECRET")
    with Path("dingrun.env").open("a", encoding="utf-8") as file:
        file.write("HTTPS_PROXY=http://127.0.0.1:3128\n")  # of the operator
    again = init(sandbox, "--yes", "--name", "n", "--targets", "example.com")
    assert again.exit_code == 0, again.output
    assert f"DINGRUN_DINGDING__APP_SECRET={SECRET}\n" in Path("dingrun.env").read_text(encoding="utf-8")
    back = init(sandbox, "--yes", "--secrets", "file", *APP)
    assert back.exit_code == 0, back.output
    assert written()["DINGDING"]["APP_SECRET"] == SECRET
    kept = Path("dingrun.env").read_text(encoding="utf-8")
    assert SECRET not in kept
    assert "HTTPS_PROXY=http://127.0.0.1:3128\n" in kept


def test_secrets_that_the_file_has_can_be_moved(sandbox: Sandbox) -> None:
    assert init(sandbox, *APP, *TARGETS).exit_code == 0
    done = init(sandbox, "--yes", "--secrets", "env")
    assert done.exit_code == 0, done.output
    assert SECRET not in Path("config.yaml").read_text(encoding="utf-8")
    assert f"DINGRUN_DINGDING__APP_SECRET={SECRET}\n" in Path("dingrun.env").read_text(encoding="utf-8")


def test_a_robot_that_is_not_in_the_group_is_told(sandbox: Sandbox) -> None:
    scenario = sandbox.state.scenario
    sandbox.state.scenario = replace(
        scenario, groups=tuple(replace(group, robots=()) for group in scenario.groups)
    )
    done = init(sandbox, *APP, *TARGETS, card=True)
    assert done.exit_code == 1
    assert "the robot is not in the group" in done.output
    assert Path("config.yaml").exists()


async def booked_and_audited() -> tuple[int, Sequence[AuditEntry]]:
    stores = open_stores(load(Path("config.yaml")).store.url)
    await stores.store.open()
    try:
        used = await stores.quota.usage(month_of(utc_now()))
        return used.get(QuotaKind.API, 0), await stores.audit.find_entries()
    finally:
        await stores.store.close()


def test_the_first_card_is_booked_and_in_the_audit(sandbox: Sandbox) -> None:
    assert init(sandbox, *APP, *TARGETS, card=True).exit_code == 0
    calls, (entry,) = asyncio.run(booked_and_audited())
    assert calls == 1
    assert (entry.said, entry.outcome) == ("dingrun init", AuditOutcome.ACCEPTED)


def test_a_card_that_is_refused_is_told(sandbox: Sandbox) -> None:
    refusal = {"kind": "error", "match": "POST /v1.0/card/instances/createAndDeliver", "code": "param.error"}
    sandbox.state.faults.replace([refusal])
    done = init(sandbox, *APP, *TARGETS, card=True)
    assert done.exit_code == 1
    assert "The card was not sent" in done.output
    assert Path("config.yaml").exists()


def test_a_failed_check_sends_no_card(sandbox: Sandbox) -> None:
    Path("data").write_text("", encoding="utf-8")  # where the folder of the store would be
    done = init(sandbox, *APP, *TARGETS, card=True)
    assert done.exit_code == 1
    assert "✗" in done.output
    assert headlines(sandbox) == []


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    """Let the check try another port than the one in the file, which other programs may have."""
    monkeypatch.setenv("DINGRUN_WEB__PORT", str(unused_tcp_port))


@pytest.mark.usefixtures("free_port")
def test_a_job_gets_a_key_and_the_line_that_wraps_it(sandbox: Sandbox) -> None:
    done = init(sandbox, *APP, "--job", "backup")
    assert done.exit_code == 0, done.output
    (key,) = re.findall(r"DINGRUN_KEY=(\S+) dingrun-exec -s backup -- ", done.output)
    section = written()["api"]["keys"]["backup"]
    assert section == {"kind": "token", "key": f"sha256:{digest_key(key).hex()}", "slugs": ["backup"]}
    assert written()["notify"]["routes"] == {"backup": [f"group:{GROUP}"]}
    assert written()["web"]["port"] == 8780


@pytest.fixture
def arl(background: Background) -> FakeArl:
    database = FakeClockDatabase(FakeClock(), None)
    database.add_schedule("每日扫描", "192.0.2.1", cron="0 3 * * *")
    return background.open(lambda: FakeArl(database=database))


@pytest.mark.usefixtures("free_port")
def test_another_group_takes_the_routes_of_the_one_before(sandbox: Sandbox) -> None:
    scenario = sandbox.state.scenario
    other = replace(scenario.groups[0], id="cidOther==", chat_id="")
    sandbox.state.scenario = replace(scenario, groups=(*scenario.groups, other))
    init(sandbox, *APP, "--job", "backup")
    assert init(sandbox, "--yes", "--group", "cidOther==").exit_code == 0
    assert written()["DINGDING"]["DEFAULT_CHAT_ID"] == "cidOther=="
    assert written()["notify"]["routes"] == {"backup": ["group:cidOther=="]}


def test_variables_that_win_over_the_answers_are_named(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGRUN_DINGDING__APP_KEY", "dingother")
    monkeypatch.setenv("DINGRUN_DINGDING__APP_SECRET", "another-secret")
    done = init(sandbox, *APP, *TARGETS)
    assert "win over your answers: DINGRUN_DINGDING__APP_KEY" in done.output
    assert done.exit_code == 2
    assert "names another app: unset it" in done.output


def test_an_arl_is_tried_and_its_schedules_notify_the_group(sandbox: Sandbox, arl: FakeArl) -> None:
    done = init(sandbox, *APP, "--arl-url", arl.url, "--arl-key-file", "arl-key")
    assert done.exit_code == 0, done.output
    assert "schedules: 1" in done.output
    assert written()["engine"] == {"kind": "arl", "url": arl.url, "api_key": API_KEY}
    assert written()["notify"]["routes"] == {"每日扫描": [{"to": f"group:{GROUP}", "notify_on": "always"}]}
    assert API_KEY not in done.output


def test_a_wrong_key_of_an_arl_is_told(sandbox: Sandbox, arl: FakeArl) -> None:
    done = init(sandbox, *APP, "--arl-url", arl.url, "--arl-key-file", "secret")
    assert done.exit_code == 2
    assert "ARL does not accept the key" in done.output


@pytest.mark.usefixtures("free_port")
def test_an_arl_and_a_job_pass_the_check_together(sandbox: Sandbox, arl: FakeArl) -> None:
    done = init(sandbox, *APP, "--arl-url", arl.url, "--arl-key-file", "arl-key", "--job", "backup")
    assert "✓ routes: 2" in done.output
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("order", [("targets", "arl"), ("arl", "targets")])
def test_an_arl_and_targets_stand_beside_each_other(
    sandbox: Sandbox, arl: FakeArl, order: Sequence[str]
) -> None:
    options = {"targets": TARGETS, "arl": ("--arl-url", arl.url, "--arl-key-file", "arl-key")}
    for name in order:
        init(sandbox, *APP, *options[name], "--yes")
    settings = load(Path("config.yaml"))
    assert [engine.kind for engine in settings.engines.values()] == [
        {"targets": "embedded"}.get(name, name) for name in order
    ]
    assert [schedule.name for schedule in settings.schedules] == ["Daily check"]
