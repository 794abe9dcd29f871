"""Temporary folders go with their process, also when it is killed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bot.scratch import LOCK, PREFIX, YOUNG_SECONDS, scratch_folder, sweep_scratch

ROOT = Path(__file__).parent.parent
PROGRAM = """
import asyncio
from bot.scratch import scratch_folder

async def hold():
    async with scratch_folder() as folder:
        (folder / "part").write_bytes(b"x")
        print(folder, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


async def test_a_folder_is_gone_afterwards(temporary: Path) -> None:
    async with scratch_folder() as folder:
        (folder / "part").write_bytes(b"x")
        assert folder.parent == temporary
    assert os.listdir(temporary) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(temporary: Path) -> None:
    words = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:  # noqa: S603 - ours
        assert other.stdout
        left = Path(other.stdout.readline().strip())
        assert sweep_scratch() == 0
        other.kill()
    assert left.is_dir()
    assert sweep_scratch() == 1
    assert os.listdir(temporary) == []


def test_what_is_not_ours_is_left_alone(temporary: Path) -> None:
    (temporary / "precious").mkdir()
    (temporary / f"{PREFIX}link").symlink_to(temporary / "precious")
    (temporary / f"{PREFIX}young").mkdir()  # another process may be about to lock it
    (temporary / "tmp-of-another").mkdir()
    assert sweep_scratch() == 0
    assert len(os.listdir(temporary)) == 4


def test_an_old_folder_without_a_lock_is_removed(temporary: Path) -> None:
    old = temporary / f"{PREFIX}old"
    old.mkdir()
    long_ago = old.stat().st_mtime - YOUNG_SECONDS - 1
    os.utime(old, (long_ago, long_ago))
    assert not (old / LOCK).exists()
    assert sweep_scratch() == 1
