"""`dingrun setup` sets the shortcuts of the one-to-one chat."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.cli.setup import set_up
from bot.config.settings import Settings
from bot.errors import ConfigError, PermanentError
from bot.models import AuditEntry, AuditOutcome
from bot.wiring.stores import open_stores
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.state import Upload
from tests.scenarios.conftest import settings as service_settings

ROBOT, PUBLIC = "dingsandboxapp", "https://run.example.com"
PAGES = {"port": 8080, "status_token": "a-long-enough-token", "public_url": PUBLIC}
FOREIGN = {"name": "客服", "icon": "@theirs", "pcUrl": "https://help.example.com"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


async def setup(sandbox: Sandbox, folder: Path, web: dict[str, Any] | None = None) -> list[str]:
    """Run the command. Returns what it prints."""
    lines: list[str] = []
    values = service_settings(sandbox, ["example.com"]) | {"store": {"url": f"sqlite:///{folder}/d.db"}}
    settings = Settings.model_validate(values | {"web": PAGES if web is None else web})
    try:
        await set_up(settings, lines.append)
    except PermanentError as error:
        lines.append(str(error))
    return lines


async def audited(folder: Path) -> list[AuditEntry]:
    stores = open_stores(f"sqlite:///{folder}/d.db")
    await stores.store.open()
    try:
        return list(await stores.audit.find_entries(limit=10))
    finally:
        await stores.store.close()


def shown(sandbox: Sandbox) -> list[Any]:
    return sandbox.state.shortcuts.get(ROBOT, [])


def calls(sandbox: Sandbox) -> Counter[str]:
    """Count the metered calls by the last part of their path."""
    paid = [each for each in sandbox.state.call_log if each["bucket"] == "api"]
    return Counter(each["endpoint"].rpartition("/")[2] for each in paid)


async def test_the_shortcuts_open_the_pages(sandbox: Sandbox, tmp_path: Path) -> None:
    lines = await setup(sandbox, tmp_path)
    assert lines == ["✓ 快捷入口 / shortcuts: 已设置 / set: 状态, 最近报告, 计划"]
    addresses = [f"{PUBLIC}/status", f"{PUBLIC}/status/latest", f"{PUBLIC}/status#schedules"]
    assert [each["mobileUrl"] for each in shown(sandbox)] == addresses
    assert sandbox.state.media[shown(sandbox)[0]["icon"]].data.startswith(b"\x89PNG")


async def test_without_pages_they_send_the_command(sandbox: Sandbox, tmp_path: Path) -> None:
    lines = await setup(sandbox, tmp_path, {})
    assert shown(sandbox)[0]["pcUrl"] == "dtmd://dingtalkclient/sendMessage?content=%E7%8A%B6%E6%80%81"
    assert "without web.public_url" in lines[-1]


async def test_a_second_call_changes_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    await setup(sandbox, tmp_path)
    before, made = list(shown(sandbox)), calls(sandbox)
    lines = await setup(sandbox, tmp_path)
    assert "unchanged" in lines[0]
    assert shown(sandbox) == before
    assert calls(sandbox) - made == {"query": 1}


async def test_moved_pages_replace_the_entries_and_keep_icons(sandbox: Sandbox, tmp_path: Path) -> None:
    await setup(sandbox, tmp_path, {})
    await setup(sandbox, tmp_path)
    assert [each["mobileUrl"].partition("/status")[0] for each in shown(sandbox)] == [PUBLIC] * 3
    assert calls(sandbox) == {"query": 2, "upload": 1, "set": 2, "clear": 1}


async def test_shortcuts_of_others_are_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.state.media["@theirs"] = Upload(name="a.png", kind="image", mime="image/png", data=b"png")
    sandbox.state.shortcuts[ROBOT] = [dict(FOREIGN)]
    await setup(sandbox, tmp_path)
    assert len(shown(sandbox)) == 4
    assert shown(sandbox)[-1] == FOREIGN


async def test_a_failure_after_the_clearing_names_what_was_there(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.state.media["@theirs"] = Upload(name="a.png", kind="image", mime="image/png", data=b"png")
    sandbox.state.shortcuts[ROBOT] = [dict(FOREIGN)]
    sandbox.state.faults.replace([{"kind": "status", "match": "plugins/set", "times": 1}])
    lines = await setup(sandbox, tmp_path)
    assert lines[-1] == "1 of 1 apps: shortcuts not set"
    assert "it held: 客服 https://help.example.com" in lines[0]
    await setup(sandbox, tmp_path)
    assert len(shown(sandbox)) == 3


async def test_a_missing_scope_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    scenario = sandbox.state.scenario
    apps = tuple(replace(app, scopes=frozenset({"qyapi_base"})) for app in scenario.apps)
    sandbox.state.scenario = replace(scenario, apps=apps)
    lines = await setup(sandbox, tmp_path)
    assert lines[-1] == "1 of 1 apps: shortcuts not set"
    assert "Robot.SingleChat.ReadWrite" in lines[0]
    assert [entry.outcome for entry in await audited(tmp_path)] == [AuditOutcome.FAILED]


async def test_without_an_app_there_is_nothing_to_set() -> None:
    with pytest.raises(ConfigError, match="only the robot of an app"):
        await set_up(Settings.model_validate({}), print)
