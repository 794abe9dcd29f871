"""The quick starts of the README, run as they stand there."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dingtalk_sandbox.intercept.interceptor import Interceptor
from tests import ROOT
from tests.dingtalk_sandbox.clients import PROGRAMS, PYTHON, clients, connected, running
from tests.dingtalk_sandbox.harness import GROUP, Client

__all__ = ["clients"]
PAGES = {"en": ("README.md", "Quick start"), "zh": ("README.zh-CN.md", "快速开始")}
MAX_LINES = 12
"""Limit of lines, without imports and lines of nothing but brackets."""


def programs(page: str) -> dict[str, str]:
    """Return the programs of a README by language."""
    name, title = PAGES[page]
    text = (ROOT / "dingtalk_sandbox" / name).read_text(encoding="utf-8")
    section = re.split(r"^## ", text.partition(f"## {title}\n")[2], flags=re.MULTILINE)[0]
    return dict(re.findall(r"^```(python|js|go|java)\n(.+?)^```$", section, re.DOTALL | re.MULTILINE))


def python_command(code: str, folder: Path, _: Path) -> list[str]:
    (folder / "echo.py").write_text(code, encoding="utf-8")
    return [PYTHON, "echo.py"]


def node_command(code: str, folder: Path, clients: Path) -> list[str]:
    (folder / "echo.mjs").write_text(code, encoding="utf-8")
    (folder / "node_modules").symlink_to(clients / "node/node_modules")
    return ["node", "echo.mjs"]


def go_command(code: str, folder: Path, _: Path) -> list[str]:
    for name in ("go.mod", "go.sum"):
        shutil.copy(PROGRAMS / "go" / name, folder)
    (folder / "echo.go").write_text(code, encoding="utf-8")
    return ["go", "run", "echo.go"]


def java_command(code: str, folder: Path, clients: Path) -> list[str]:
    (folder / "Echo.java").write_text(code, encoding="utf-8")
    return ["java", "-cp", f"{clients}/java/*", "Echo.java"]


COMMANDS: dict[str, Callable[[str, Path, Path], list[str]]] = {
    "python": python_command, "js": node_command, "go": go_command, "java": java_command,
}  # fmt: skip


def test_both_languages_have_the_same_programs() -> None:
    assert programs("en") == programs("zh")
    assert list(programs("en")) == list(COMMANDS)


@pytest.mark.parametrize("language", COMMANDS)
def test_a_quick_start_is_short(language: str) -> None:
    lines = [line.strip() for line in programs("en")[language].splitlines()]
    noise = ("import", "from", "package", '"')
    counted = [line for line in lines if re.search(r"\w", line) and not line.startswith(noise)]
    assert len(counted) <= MAX_LINES, counted


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, clients: Path, tmp_path: Path) -> list[str]:
    """Return the command that runs a quick start in the folder of the test."""
    return COMMANDS[request.param](programs("en")[request.param], tmp_path, clients)


async def test_a_quick_start_answers(
    client: Client, interceptor: Interceptor, command: list[str], tmp_path: Path
) -> None:
    async with running(*command, cwd=tmp_path, environment=interceptor.environment()):
        await connected(client)
        await client.say("@DingRun 你好")
        wanted = {"conversation": GROUP, "contains": "收到：你好", "within": 20}
        found = await client.control("expect", wanted)
    assert found["messages"][0]["sender"]["robot"] is True
