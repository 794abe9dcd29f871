"""From nothing to the first card: `dingrun init` in a real terminal, against the sandbox."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config.loader import load
from dingtalk_sandbox import Sandbox
from tests import ROOT
from tests.cli.init.recording import lines_of, picture_of
from tests.cli.init.walk import SCENE, Walk, walk_the_whole_way, walking
from tests.dingtalk_sandbox.harness import GROUP, KEY, SECRET

GOLDEN = os.environ.get("DINGRUN_GOLDEN")


@pytest.fixture(autouse=True)
def without_variable_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are loaded here, and `DINGRUN_GOLDEN` is none."""
    monkeypatch.delenv("DINGRUN_GOLDEN", raising=False)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(scenario=SCENE) as sandbox:
        yield sandbox


def secrets_of(sandbox: Sandbox) -> list[str]:
    registrations = sandbox.state.registrations.all()
    return [app.secret for app in sandbox.state.scenario.apps] + [each.device_code for each in registrations]


PICTURES = {"zh-CN": ROOT / "docs/zh-CN/init.svg", "en": ROOT / "docs/init.svg"}
TITLES = {"zh-CN": "DingRun 已接入本群", "en": "DingRun is set up in this group"}


@pytest.mark.parametrize("lang", PICTURES)
async def test_the_whole_way_ends_with_a_card_in_the_group(
    sandbox: Sandbox, tmp_path: Path, lang: str
) -> None:
    """Draw the pictures of the docs again with `DINGRUN_GOLDEN=1`."""
    async with walking(sandbox, tmp_path, lang=lang) as walk:
        await walk_the_whole_way(walk)
        assert await walk.terminal.end() == 0
    settings = load(tmp_path / "config.yaml")
    assert settings.dingding.app_key == sandbox.state.scenario.apps[-1].key
    assert settings.dingding.default_chat_id == GROUP
    assert settings.access.admins == ("manager01",)
    assert settings.schedules[0].targets == ("example.com", "192.0.2.0/28")
    cards = [each for each in sandbox.state.conversations.messages(GROUP) if each.kind == "card"]
    assert [each.content["headline"] for each in cards] == [TITLES[lang]]
    assert names_in(tmp_path) == ["config.yaml", "data"]  # the store has the call and the audit
    assert mode_of(tmp_path / "config.yaml") == 0o600
    assert not [secret for secret in secrets_of(sandbox) if secret in walk.terminal.output]
    assert_is_picture(lang, picture_of(walk, str(tmp_path)))


def assert_is_picture(lang: str, drawn: str) -> None:
    if GOLDEN:
        PICTURES[lang].write_text(drawn, encoding="utf-8")
    assert lines_of(PICTURES[lang].read_text(encoding="utf-8"), lang) == lines_of(drawn, lang)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_refusal_leads_to_the_console_and_to_typed_keys(
    sandbox: Sandbox, tmp_path: Path, unused_tcp_port: int
) -> None:
    environment = {"TERM": "dumb", "NO_COLOR": "1", "DINGRUN_WEB__PORT": str(unused_tcp_port)}
    async with walking(sandbox, tmp_path, **environment) as walk:
        await walk.answer("app_way")
        await walk.scan(action="refuse", reason="不想要")
        await walk.terminal.expect("不想要")
        await walk.terminal.expect("https://open-dev.dingtalk.com")
        await walk.answer("client_id", KEY)
        await walk.answer("client_secret", "wrong")
        await walk.answer("app_try_again", "n")
        await walk.answer("client_id", KEY)
        await walk.answer("client_secret", SECRET)
        await walk.answer("group_way", "2")
        await walk.answer("group_id", "安全运营群")
        await walk.answer("group_id", GROUP)
        await walk.answer("watch_way", "3")
        await walk.answer("job_name")
        await walk.answer("watch_more")
        await walk.answer("secrets_way", "2")
        await walk.terminal.expect(walk.words("done"))
    assert "\x1b" not in walk.terminal.output
    assert SECRET not in walk.terminal.output
    assert SECRET in (tmp_path / "dingrun.env").read_text(encoding="utf-8")
    assert SECRET not in (tmp_path / "config.yaml").read_text(encoding="utf-8")


async def test_a_new_app_is_named_if_its_keys_are_not_written(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("lang: zh-CN\n", encoding="utf-8")
    watched = ("--targets", "example.com", "--name", "巡检", "--cron", "0 3 * * *")
    async with walking(sandbox, tmp_path, "--group", GROUP, *watched, "--secrets", "file") as walk:
        await walk.answer("app_way")
        await walk.scan()
        await walk.terminal.expect("里面的设置会保留")
        await walk.terminal.expect_prompt()
        walk.terminal.type("n")
        await walk.terminal.expect("还在钉钉里")
        assert await walk.terminal.end() == 1
    assert (tmp_path / "config.yaml").read_text(encoding="utf-8") == "lang: zh-CN\n"


@pytest.mark.parametrize("question", ["qr_wait", "group_wait", "watch_way"])
async def test_ctrl_c_leaves_nothing_half(sandbox: Sandbox, tmp_path: Path, question: str) -> None:
    async with walking(sandbox, tmp_path) as walk:
        await walk_until(walk, question)
        walk.terminal.interrupt()
        await walk.terminal.expect("没有写入任何东西")
        assert await walk.terminal.end() == 130
    assert names_in(tmp_path) == []
    created = len(sandbox.state.scenario.apps) > 1
    assert ("还在钉钉里" in walk.terminal.output) is created


async def walk_until(walk: Walk, question: str) -> None:
    await walk.answer("app_way")
    if question == "qr_wait":
        await walk.terminal.expect(walk.words("qr_wait"))
        return
    await walk.scan()
    await walk.answer("group_way")
    if question == "group_wait":
        await walk.terminal.expect(walk.words("group_wait"))
        return
    await walk.say_the_number()
    await walk.answer("admin_confirm")
    await walk.terminal.expect(walk.words("watch_way"))
