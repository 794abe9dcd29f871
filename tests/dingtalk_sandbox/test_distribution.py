"""The sandbox as a package of its own: what its wheel holds, needs and starts."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import dingtalk_sandbox
from dingtalk_sandbox.__main__ import main
from tests import ROOT
from tests.test_packaging import SANDBOX_BUILD, build_wheel

FOLDER = ROOT / "dingtalk_sandbox"
PROJECT: dict[str, Any] = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
NEEDED = {"aiohttp", "yarl", "click", "pydantic", "yaml"}  # yarl comes with aiohttp
EXTRAS = {
    "dingtalk_sandbox.intercept.authority": {"trustme", "cryptography"},
    "dingtalk_sandbox.pytest_plugin": {"pytest"},
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a copy of the folder alone."""
    folder = tmp_path_factory.mktemp("sandbox-wheel")
    source = folder / "dingtalk_sandbox"
    shutil.copytree(FOLDER, source, ignore=shutil.ignore_patterns("__pycache__"))
    return build_wheel(source, folder)


@pytest.fixture(scope="module")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel into a folder for `PYTHONPATH`, beside the packages of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder)
    return folder


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = {path for path in FOLDER.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    assert packed == {path.relative_to(ROOT).as_posix() for path in files - SANDBOX_BUILD}


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    version = dingtalk_sandbox.__version__
    entry_points = wheel.read(f"dingtalk_sandbox-{version}.dist-info/entry_points.txt").decode()
    assert "dingtalk-sandbox = dingtalk_sandbox.__main__:main" in entry_points


def test_the_installed_command_runs_beside_a_project_with_a_bot_package(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot/__init__.py").write_text("raise ImportError('a stranger')", encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-m", "dingtalk_sandbox", "--version"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"dingtalk-sandbox, version {PROJECT['project']['version']}\n"


@pytest.mark.parametrize("conftest", ["", "pytest_plugins = ['dingtalk_sandbox.pytest_plugin']"])
def test_the_installed_pytest_plugin_registers_itself_and_may_be_named(
    installed: Path, tmp_path: Path, conftest: str
) -> None:
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--fixtures", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "dingtalk -- " in done.stdout, done.stderr


BOT = """
import base64, hmac, json, time, urllib.parse, urllib.request

def greet(url):
    secret, now = "SECsandbox0123456789", str(int(time.time() * 1000))
    digest = hmac.digest(secret.encode(), f"{now}\\n{secret}".encode(), "sha256")
    asked = {"access_token": "sandbox-webhook-token", "timestamp": now, "sign": base64.b64encode(digest)}
    body = json.dumps({"msgtype": "text", "text": {"content": "hello"}}).encode()
    hook = url + "/robot/send?" + urllib.parse.urlencode(asked)
    urllib.request.urlopen(urllib.request.Request(hook, body, {"Content-Type": "application/json"})).close()
"""
TEST_OF_BOT = """
from bot import greet

def test_it_greets(ding):
    greet(ding.url)
    assert ding.expect_message("hello")["kind"] == "text"
"""


def test_a_project_with_its_own_bot_package_tests_it_without_asyncio(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot/__init__.py").write_text(BOT, encoding="utf-8")
    (tmp_path / "test_bot.py").write_text(TEST_OF_BOT, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": f"{installed}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_it_imports_what_it_declares_and_nothing_else() -> None:
    declared = {re.split(r"[>=<\[]", each)[0] for each in PROJECT["project"]["dependencies"]}
    assert declared == (NEEDED - {"yarl", "yaml"}) | {"PyYAML"}
    known = NEEDED | {"dingtalk_sandbox"} | sys.stdlib_module_names
    for path in FOLDER.rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert imported(path) <= known | EXTRAS.get(module, set()), module


def test_the_image_is_nobody_special_and_its_health_check_asks_the_port_of_the_command() -> None:
    last_stage = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001:10001$", last_stage, re.MULTILINE)
    assert not re.search(r"\b(pip|apt|apt-get)\b", last_stage)
    assert re.search(r"^ARG PYTHON=3\.1[1-9]\.\d+-slim", DOCKERFILE, re.MULTILINE)
    assert json.loads(last_stage.partition("ENTRYPOINT ")[2].splitlines()[0]) == ["dingtalk-sandbox"]
    ports = {each.name: str(each.default) for each in main.params if each.name in {"port", "intercept_port"}}
    assert f"EXPOSE {ports['port']} {ports['intercept_port']}" in last_stage
    assert f"'127.0.0.1', {ports['port']}" in last_stage


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_two_containers_of_the_readme_start_it_with_options_that_it_has(page: str) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / page).read_text(encoding="utf-8"), re.DOTALL)
    command = yaml.safe_load(block)["services"]["dingtalk"]["command"]
    context = main.make_context("dingtalk-sandbox", list(command))
    assert (context.params["intercept_port"], context.params["public_url"]) == (443, "http://dingtalk:8790")
