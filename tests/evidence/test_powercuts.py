"""What a power cut leaves of files that were not synced, and of a report that the store records."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evidence import disk_trace
from evidence.aftermath import problems, replay
from evidence.disk import Change, Disk, Kind, restore
from evidence.disk_trace import TraceReader, UnmodelledError
from tests import ROOT

TOP = "/d"
FILE = "/d/reports/r.xlsx"


def change(kind: Kind, path: str = FILE, *, data: bytes = b"", offset: int = 0, to: str = "") -> Change:
    return Change(kind=kind, path=path, data=data, offset=offset, to=to, begun=1_000)


def disk_after(*changes: Change) -> Disk:
    """Return a disk with an empty folder `reports`, after some changes."""
    disk = Disk(TOP, {"/d/reports/old.txt": b"old"})
    for each in changes:
        disk.apply(each)
    return disk


CREATED = change(Kind.CREATE)
WRITTEN = change(Kind.WRITE, data=b"new")
FILE_SYNCED = change(Kind.SYNC)
FOLDER_SYNCED = change(Kind.SYNC, "/d/reports")
OLD = {"/d/reports/old.txt": b"old"}


def test_what_was_synced_with_its_folder_is_there() -> None:
    assert disk_after(CREATED, WRITTEN, FILE_SYNCED, FOLDER_SYNCED).cut() == {**OLD, FILE: b"new"}


def test_a_file_without_a_synced_folder_has_no_name() -> None:
    assert disk_after(CREATED, WRITTEN, FILE_SYNCED).cut() == OLD


def test_a_name_without_a_synced_file_is_empty() -> None:
    assert disk_after(CREATED, WRITTEN, FOLDER_SYNCED).cut() == {**OLD, FILE: b""}


def test_what_is_written_after_a_sync_is_lost_or_there() -> None:
    more = change(Kind.WRITE, data=b"er", offset=3)
    disk = disk_after(CREATED, WRITTEN, FILE_SYNCED, FOLDER_SYNCED, more)
    assert disk.cut()[FILE] == b"new"
    choices = [random.Random(seed) for seed in range(9)]  # noqa: S311 - no secret in it
    assert {disk.cut(choice)[FILE] for choice in choices} == {b"new", b"newer"}


def test_a_sync_says_nothing_of_what_is_written_meanwhile() -> None:
    begun_early = Change(kind=Kind.SYNC, path=FILE, begun=1)
    assert disk_after(CREATED, WRITTEN, begun_early, FOLDER_SYNCED).cut()[FILE] == b""


def test_a_sync_of_a_folder_says_nothing_of_names_that_come_meanwhile() -> None:
    begun_early = Change(kind=Kind.SYNC, path="/d/reports", begun=0)
    disk = disk_after(CREATED, FILE_SYNCED, begun_early)
    assert disk.cut() == OLD
    disk.apply(FOLDER_SYNCED)
    assert disk.cut() == {**OLD, FILE: b""}


def test_a_rename_is_there_as_a_whole_or_not_at_all() -> None:
    renamed = change(Kind.RENAME, to="/d/reports/old.txt")
    disk = disk_after(CREATED, WRITTEN, FILE_SYNCED, FOLDER_SYNCED, renamed)
    assert disk.cut() == {**OLD, FILE: b"new"}
    disk.apply(FOLDER_SYNCED)
    assert disk.cut() == {"/d/reports/old.txt": b"new"}


def test_a_new_folder_is_there_once_the_one_above_is_synced() -> None:
    new = [change(Kind.FOLDER, "/d/reports/day"), change(Kind.CREATE, "/d/reports/day/a")]
    disk = disk_after(*new, change(Kind.SYNC, "/d/reports/day/a"), change(Kind.SYNC, "/d/reports/day"))
    assert disk.cut() == OLD
    disk.apply(FOLDER_SYNCED)
    assert disk.cut() == {**OLD, "/d/reports/day/a": b""}


def test_a_call_that_the_model_does_not_know_is_no_silence() -> None:
    path = "".join(f"\\x{byte:02x}" for byte in b"/d/a")
    line = f"7 1.5 sendfile(4<{path}>, 5<{path}>, NULL, 9) = 9\n"
    with pytest.raises(UnmodelledError, match="sendfile"):
        list(TraceReader(Path(TOP)).changes([line]))


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Record how the real store and storage keep a report. Returns the folder and the trace."""
    if not shutil.which("strace"):
        pytest.skip("no strace")
    folder = tmp_path_factory.mktemp("cut")
    root, trace = folder / "root", folder / "trace"
    (root / "data").mkdir(parents=True)
    calls = ",".join((*disk_trace.CALLS, *disk_trace.UNMODELLED))
    options = ["-f", "-qq", "--seccomp-bpf", *disk_trace.OPTIONS, "-e", f"trace={calls}", "-o", str(trace)]
    command = ["strace", *options, sys.executable, "-m", "tests.evidence.keep_report", str(root)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)  # noqa: S603 - our own
    return root, trace


def disk_of(root: Path) -> Disk:
    """Return the disk as it was before: an empty folder for the data."""
    return Disk(str(root), {str(root / "data/x"): b""})


def test_a_report_that_is_recorded_survives_a_power_cut_at_any_moment(trace: tuple[Path, Path]) -> None:
    root, path = trace
    cuts = list(replay(disk_of(root), path, root, seeds=1))
    assert [str(cut) for cut in cuts if cut.wrong] == []
    assert cuts[-1].number > 100


@pytest.mark.parametrize(
    ("forgotten", "wrong"),
    [
        (".part", "the report of r1 is not what is recorded"),
        ("2026-11-24", "the report of r1 is recorded, and gone"),
        ("reports", "the report of r1 is recorded, and gone"),
    ],
)
def test_a_sync_that_is_forgotten_is_found_out(
    trace: tuple[Path, Path], tmp_path: Path, forgotten: str, wrong: str
) -> None:
    root, path = trace
    disk = disk_of(root)
    with path.open(encoding="ascii") as lines:
        for each in TraceReader(root).changes(lines):
            if not (each.kind is Kind.SYNC and each.path.endswith(forgotten)):
                disk.apply(each)
    restore(disk.cut(), root, tmp_path)
    assert list(problems(tmp_path)) == [wrong]
