"""The wheel holds all that the program needs, and works outside the checkout."""

import asyncio
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from venv import EnvBuilder

import aiohttp
import pytest

from bot import __version__
from dingtalk_sandbox.scenario import default_scenario
from tests import ROOT
from tests.brokers import free_port
from tests.scenarios.conftest import until
from tests.test_architecture import TOPS
from tests.test_deploy import KEPT_MODELS, instructions, pins

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "config.yaml", "docs/zh-CN/settings.yaml", *TOPS)
SANDBOX_BUILD = {  # of the sandbox's own distribution
    ROOT / "dingtalk_sandbox" / name
    for name in ("pyproject.toml", "LICENSE", "README.md", "README.zh-CN.md", "Dockerfile")
}
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


def build_wheel(source: Path, folder: Path) -> zipfile.ZipFile:
    """Build the wheel of a source tree, and open it."""
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=source, check=True, capture_output=True)  # noqa: S603 - our own program
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a copy, as setuptools leaves its own files beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    return build_wheel(source, folder)


@pytest.fixture(scope="module")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel as pipx does, into an environment of its own. Returns the folder of the commands.

    The environment has what requirements/run.txt names, by links to the packages here, and of DingTalk's
    models those that the image keeps: what the program imports beyond that is missing.
    """
    folder = tmp_path_factory.mktemp("environment")
    EnvBuilder(symlinks=True).create(folder)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    link_packages(site)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python")]
    offline = [
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--disable-pip-version-check",
        str(wheel.filename),
    ]
    subprocess.run([*pip, *offline], check=True)  # noqa: S603 - our own program
    return folder / "bin"


def link_packages(site: Path) -> None:
    """Link the packages that requirements/run.txt names into another environment."""
    wanted = {re.split(r"==|\[", pin)[0] for pin in pins("requirements/run.txt")}
    for distribution in importlib.metadata.distributions():
        if distribution.name.lower().replace("_", "-").replace(".", "-") not in wanted:
            continue
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."} - {
            "__pycache__"
        }:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    dingtalk = (site / "alibabacloud_dingtalk").readlink()
    (site / "alibabacloud_dingtalk").unlink()
    (site / "alibabacloud_dingtalk").mkdir()
    for part in dingtalk.iterdir():
        if part.is_file() or part.name in KEPT_MODELS:
            (site / "alibabacloud_dingtalk" / part.name).symlink_to(part)


def dingrun(installed: Path, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command that was installed, in a folder of its own."""
    command = [str(installed / "dingrun"), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own


def test_the_wheel_holds_every_file_of_our_packages(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}
    files = (path for top in TOPS for path in (ROOT / top).rglob("*") if path.is_file())
    assert packed == {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.parent.name != "__pycache__" and path not in SANDBOX_BUILD
    }


@pytest.mark.parametrize("name", ["config.yaml", "docs/zh-CN/settings.yaml"])
def test_the_wheel_holds_the_example_of_the_settings_and_their_descriptions(
    wheel: zipfile.ZipFile, name: str
) -> None:
    packed = wheel.read(f"dingrun-{__version__}.data/data/share/dingrun/{Path(name).name}")
    assert packed == (ROOT / name).read_bytes()


def test_the_version_of_the_wheel_is_that_of_the_program(installed: Path, tmp_path: Path) -> None:
    assert dingrun(installed, tmp_path, "--version").stdout == f"dingrun, version {__version__}\n"


def test_check_passes_in_an_empty_folder_and_creates_nothing(installed: Path, tmp_path: Path) -> None:
    done = dingrun(installed, tmp_path, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [[], ["demo"], ["worker"]])
def test_the_help_calls_the_program_by_its_name(installed: Path, tmp_path: Path, words: list[str]) -> None:
    assert dingrun(installed, tmp_path, *words, "--help").stdout.startswith(
        " ".join(["用法: dingrun", *words])
    )


def test_the_wrapper_of_commands_is_installed_too(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "dingrun-exec"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.startswith("usage: dingrun-exec")


async def test_the_installed_demo_serves_its_pages_and_init_sets_up_a_bot_there(
    installed: Path, tmp_path: Path
) -> None:
    """Templates, static files and the example of the settings are found without the checkout."""
    async with running_demo(installed, tmp_path) as (chat, login), aiohttp.ClientSession() as session:
        for url in (chat, f"{chat}/page/app.js", login):
            async with session.get(url) as answer:
                assert answer.status == 200, url
        done = await asyncio.to_thread(init, installed, tmp_path, chat)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# 应用的 Client Secret" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


def init(installed: Path, folder: Path, chat: str) -> "subprocess.CompletedProcess[str]":
    app, group = default_scenario().apps[0], default_scenario().groups[0]
    (folder / "secret").write_text(app.secret)
    keys = f"--client-id {app.key} --client-secret-file secret --group {group.id} --admin user01"
    options = f"--yes --no-card --lang zh-CN --sandbox {chat} {keys} --targets example.com"
    return dingrun(installed, folder, "init", *options.split())


@asynccontextmanager
async def running_demo(installed: Path, folder: Path) -> AsyncIterator[list[str]]:
    """Run the demo, and stop it at the end. Yields the addresses of the chat and of the web pages."""
    command = f"{installed}/dingrun demo --no-browser --port 0 --data {folder}/demo".split()
    log = folder / "log"
    with log.open("wb") as said:
        demo = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=said, stderr=said)
    try:
        await until(lambda: welcomes(demo, log))
        text = await asyncio.to_thread(log.read_text, encoding="utf-8")
        yield re.findall(r"pages?\s+(http://\S+)", text)
    finally:
        demo.terminate()
        assert await demo.wait() == 0, await asyncio.to_thread(log.read_text, encoding="utf-8")


async def welcomes(demo: asyncio.subprocess.Process, log: Path) -> bool:
    """Tell if the demo has told its addresses, or has ended."""
    return demo.returncode is not None or "Ctrl-C" in await asyncio.to_thread(log.read_text, encoding="utf-8")


CONFINED = """
set -e
root=$1 data=$2; shift 2
mount --rbind / "$root"
mount -o remount,bind,ro "$root"
mount --bind "$data" "$root$data"
exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs \\
    --bounding-set=-all,+dac_read_search --inh-caps=-all,+dac_read_search --ambient-caps=+dac_read_search "$@"
"""
"""Compose's confinement, but for the right to read past closed folders: Python may be in one of root's."""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
async def test_it_runs_as_nobody_on_a_read_only_root_with_a_folder_for_its_data(
    installed: Path, tmp_path: Path
) -> None:
    port = str(free_port())
    command = f"cd {tmp_path}/settings; touch /tmp/written || exec {installed}/dingrun"
    environment = {"DINGRUN_WEB__PORT": port, "TMPDIR": f"{tmp_path}/data", "PATH": os.environ["PATH"]}
    async with confined(tmp_path, environment, command) as service:
        ask = [
            str(installed / "python"),
            *json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])[1:],
        ]
        await until(lambda: healthy(service, ask, environment))
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Read-only file system" in log
    assert service.returncode == 0, log
    assert (tmp_path / "data/dingrun.db").stat().st_uid == 10001


@asynccontextmanager
async def confined(
    folder: Path, environment: dict[str, str], command: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command as in the image, until the end of the block. The settings' folder leads to the data."""
    root, data = folder / "root", folder / "data"
    for each in (root, data, folder / "settings"):
        each.mkdir()
    os.chown(data, 10001, 10001)
    (folder / "settings/data").symlink_to(data)
    words = ["sh", "-c", CONFINED, "sh", str(root), str(data), "sh", "-c", command]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "unshare", "--mount", *words, env=environment, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def healthy(service: asyncio.subprocess.Process, ask: list[str], environment: dict[str, str]) -> bool:
    """Tell if the health check of the image passes, or the service has ended."""
    check = await asyncio.create_subprocess_exec(*ask, env=environment, stderr=asyncio.subprocess.DEVNULL)
    return await check.wait() == 0 or service.returncode is not None
