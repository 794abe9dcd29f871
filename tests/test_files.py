"""Files are for their owner alone, whatever the umask."""

import asyncio
import logging
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.exporters.celery.transfer import SharedFolder
from bot.files import close_to_others, make_private_file, make_private_folder, write_chunks
from bot.reports.archive import fetch
from bot.stores.sqlite.store import SqliteStore
from tests.conftest import CoreHarness
from tests.factories import make_report, make_run


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    return {str(each.relative_to(folder)): mode(each) for each in sorted(folder.rglob("*"))}


def assert_private(folder: Path) -> None:
    assert modes(folder)
    for path, each in modes(folder).items():
        assert each in {0o600, 0o700}, f"{path} has mode {each:o}"


def test_a_folder_is_made_with_its_parents_and_an_old_one_is_left(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    make_private_folder(tmp_path / "old/new/newer")
    make_private_folder(tmp_path / "old/new/newer")
    assert modes(tmp_path) == {"old": 0o755, "old/new": 0o700, "old/new/newer": 0o700}


def test_where_a_folder_should_be_and_a_file_is_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_private_folder(tmp_path / "file")


def test_an_old_file_is_closed_to_others_and_keeps_its_group(tmp_path: Path) -> None:
    for name, before in (("a", 0o644), ("b", 0o666), ("c", 0o600)):
        (tmp_path / name).touch(mode=before)
        make_private_file(tmp_path / name)
    assert modes(tmp_path) == {"a": 0o640, "b": 0o660, "c": 0o600}


def test_a_file_of_somebody_else_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError

    (tmp_path / "a").touch(mode=0o644)
    monkeypatch.setattr(Path, "chmod", refuse)
    close_to_others(tmp_path / "a")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_the_database_and_what_lies_beside_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data/deep/dingrun.db")
    await store.open()
    await store.add_run(make_run())
    assert {path.rpartition("-")[2] for path in modes(tmp_path)} >= {"wal", "shm"}
    assert_private(tmp_path)
    await store.close()


async def test_a_database_of_an_earlier_version_is_closed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "dingrun.db")
    await store.open()
    await store.add_run(make_run())
    for path in modes(tmp_path):
        (tmp_path / path).chmod(0o644)
    other = SqliteStore(tmp_path / "dingrun.db")
    await other.open()
    assert set(modes(tmp_path).values()) == {0o640}
    await other.close()
    await store.close()


async def test_reports(core: CoreHarness) -> None:
    await core.finished_run()
    assert mode(core.folder) == 0o700
    assert_private(core.folder)


async def test_an_old_folder_of_reports_is_closed(core: CoreHarness) -> None:
    core.folder.mkdir(mode=0o755)
    await core.finished_run()
    assert mode(core.folder) == 0o750


class OneFile:
    """An archive with one file."""

    async def exists(self, path: str) -> bool:
        return True

    async def paths(self) -> AsyncIterator[str]:
        yield "2026-11-24/a.xlsx"

    async def read(self, path: str) -> AsyncIterator[bytes]:
        yield b"workbook"


async def test_what_is_brought_from_the_archive(tmp_path: Path) -> None:
    digest = await write_chunks(OneFile().read(""), tmp_path / "part")
    report = make_report(path="2026-11-24/a.xlsx", sha256=digest)
    assert await fetch(OneFile(), report, tmp_path / "reports")  # type: ignore[arg-type]
    assert_private(tmp_path)


async def test_what_a_worker_hands_over(tmp_path: Path) -> None:
    async with SharedFolder(tmp_path / "reports").writer("2026-11-24/order") as path:
        assert path.parent.is_dir()
    assert_private(tmp_path)


async def test_whatever_a_command_writes(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"store: {{url: 'sqlite:///{tmp_path}/data/x.db'}}\n")
    (tmp_path / "config.yaml").chmod(0o600)
    code = f"""
from bot.__main__ import main
main(["--config", r"{tmp_path}/config.yaml", "resend"], standalone_mode=False)
open(r"{tmp_path}/late", "w").close()
"""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await child.wait() == 0
    assert_private(tmp_path)
