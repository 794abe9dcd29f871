"""The wheel holds all that the program needs, and works outside the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bot import __version__
from tests import ROOT
from tests.test_architecture import TOPS

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "config.yaml", "docs/zh-CN/settings.yaml", *TOPS)
SANDBOX_BUILD = {  # of the sandbox's own distribution
    ROOT / "dingtalk_sandbox" / name
    for name in ("pyproject.toml", "LICENSE", "README.md", "README.zh-CN.md", "Dockerfile")
}
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
DINGRUN = "import sys; from bot.__main__ import main; main(sys.argv[1:], prog_name='dingrun')"


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
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder)
    return folder


def dingrun(installed: Path, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command of the wheel in a folder of its own, without measuring coverage of the copies."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", DINGRUN, *words],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


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


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    entry_points = wheel.read(f"dingrun-{__version__}.dist-info/entry_points.txt").decode()
    assert "dingrun = bot.__main__:main" in entry_points


def test_the_version_of_the_wheel_is_that_of_the_program(installed: Path, tmp_path: Path) -> None:
    assert dingrun(installed, tmp_path, "--version").stdout == f"dingrun, version {__version__}\n"


def test_check_passes_in_an_empty_folder_and_creates_nothing(installed: Path, tmp_path: Path) -> None:
    done = dingrun(installed, tmp_path, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [[], ["demo"], ["worker"]])
def test_the_help_calls_the_program_by_its_name(installed: Path, tmp_path: Path, words: list[str]) -> None:
    assert dingrun(installed, tmp_path, *words, "--help").stdout.startswith(
        " ".join(["Usage: dingrun", *words])
    )
