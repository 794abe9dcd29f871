"""`dingrun audit` prints the audit of the store."""

import io
import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from bot.__main__ import main
from bot.cli.audit import AuditQuery, find_entries, json_lines, parse_since, print_table
from bot.config.settings import Settings
from bot.errors import ConfigError
from bot.models import AuditEntry, Person
from tests.conftest import CoreHarness
from tests.factories import NOW, make_audit_entry

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"store": {"url": f"sqlite:///{tmp_path}/dingrun.db"}})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DINGRUN_STORE__URL", f"sqlite:///{tmp_path}/dingrun.db")
    monkeypatch.chdir(tmp_path)
    return CliRunner()


async def test_entries_are_filtered_and_limited(core: CoreHarness, settings: Settings) -> None:
    han = Person(id="user02", name="韩梅梅")
    for entry in (make_audit_entry(id="a"), make_audit_entry(id="b", actor=han), make_audit_entry(id="c")):
        await core.audit.record(entry)
    for query, ids in (
        (AuditQuery(), ["c", "b", "a"]),
        (AuditQuery(limit=1), ["c"]),
        (AuditQuery(person="韩梅梅"), ["b"]),
        (AuditQuery(schedule="s1", person="user01"), ["c", "a"]),
        (AuditQuery(since="2026-11-24 11:00"), ["c", "b", "a"]),
        (AuditQuery(since="2026-11-24 11:01"), []),
    ):
        assert [entry.id for entry in await find_entries(settings, query)] == ids


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("7d", "2026-11-17T03:00+00:00"),
        ("90m", "2026-11-24T01:30+00:00"),
        ("2026-11-24", "2026-11-23T16:00+00:00"),
        ("2026-11-24T09:30", "2026-11-24T01:30+00:00"),
        ("2026-11-24T09:30+00:00", "2026-11-24T09:30+00:00"),
    ],
)
def test_since_is_a_time_or_a_span(text: str, at: str) -> None:
    assert parse_since(text, NOW, SHANGHAI) == datetime.fromisoformat(at)


def test_an_unreadable_time_is_named() -> None:
    with pytest.raises(ConfigError, match=r"--since takes 7d.*got 'yesterday'"):
        parse_since("yesterday", NOW, SHANGHAI)


@pytest.mark.parametrize(
    ("lang", "columns", "where", "refusal", "outcome"),
    [
        ("zh-CN", ["时间", "谁", "从哪里"], "消息 运维群", "✗ 卡片是转发来的", "已受理"),
        ("en", ["time", "who", "where"], "message 运维群", "✗ the card was forwarded", "accepted"),
    ],
)
def test_the_table_says_who_where_what_and_by_which_rule(
    lang: str, columns: list[str], where: str, refusal: str, outcome: str
) -> None:
    entries = [
        make_audit_entry(allowed=False, rule="forwarded_card", said="重跑\x1b[31m"),
        make_audit_entry(),
    ]
    out = io.StringIO()
    print_table(entries, Settings.model_validate({"lang": lang}), file=out)
    head, refused, accepted = out.getvalue().splitlines()
    assert head.split()[:3] == columns
    assert f"2026-11-24 11:00:00  李雷 user01  {where}" in refused
    assert refusal in refused
    assert "\x1b" not in refused
    assert accepted.split()[-2:] == ["access.operators", outcome]


def test_json_lines_have_every_field() -> None:
    (line,) = json_lines([make_audit_entry(id="message:1")])
    entry = json.loads(line)
    assert (entry["id"], entry["at"]) == ("message:1", "2026-11-24T03:00:00+00:00")
    assert (entry["actor"]["id"], entry["outcome"], entry["allowed"]) == ("user01", "accepted", True)
    assert entry.keys() == AuditEntry.__dataclass_fields__.keys()


def test_an_empty_audit_is_said(run: CliRunner) -> None:
    assert run.invoke(main, ["audit"]).output == "没有记录\n"
