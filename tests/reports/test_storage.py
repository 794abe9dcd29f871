"""The folder of reports: whole files only, and nothing outside of it."""

import errno
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.models import Report
from bot.reports.storage import UNFINISHED_MAX_AGE, ReportStorage
from bot.telemetry.rescues import Rescue
from tests.conftest import ZONE
from tests.factories import NOW, make_report

DAY = "2026-11-24"


@pytest.fixture
def shelf(tmp_path: Path) -> ReportStorage:
    return ReportStorage(folder=tmp_path / "reports", keep=timedelta(days=30), zone=ZONE)


def placed(shelf: ReportStorage, content: bytes = b"workbook") -> Report:
    written = shelf.reserve_path(DAY, "每日巡检_r1")
    written.write_bytes(content)
    path, measure = shelf.commit(written, "每日巡检_r1")
    return make_report(path=path, size=measure.size, sha256=measure.sha256)


def test_a_committed_file_is_served_unchanged(shelf: ReportStorage) -> None:
    report = placed(shelf)
    with shelf.open(report) as file:
        assert file.read() == b"workbook"
    assert os.listdir(shelf.folder / DAY) == [report.path.rpartition("/")[2]]


def test_two_writers_of_one_run_never_share_a_file(shelf: ReportStorage) -> None:
    rooms = [shelf.reserve_path(DAY, "r1"), shelf.reserve_path(DAY, "r1")]
    assert rooms[0] != rooms[1]
    reports = [placed(shelf, b"one"), placed(shelf, b"another")]
    assert all(shelf.exists(report) for report in reports)


@pytest.mark.parametrize("content", [b"workbooK", b"work", b"", b"workbook and more"])
def test_a_changed_file_is_not_served(shelf: ReportStorage, content: bytes) -> None:
    report = placed(shelf)
    (shelf.folder / report.path).write_bytes(content)
    assert not shelf.exists(report)
    with pytest.raises(PermanentError, match="changed on disk"):
        shelf.open(report)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.xlsx", f"{DAY}/../../secret.xlsx", f"{DAY}/./../../secret.xlsx", "//secret.xlsx",
        "/etc/passwd", "", ".", "..", DAY, f"{DAY}/x\0.xlsx", "a/" * 3000 + "x",
        "linked/secret.xlsx", f"{DAY}/link.xlsx", f"{DAY}/pipe",
    ],
)  # fmt: skip
def test_no_path_of_a_tampered_store_leads_outside(shelf: ReportStorage, tmp_path: Path, path: str) -> None:
    report = placed(shelf, b"secret")
    (tmp_path / "secret.xlsx").write_bytes(b"secret")
    (shelf.folder / "linked").symlink_to(tmp_path)
    (shelf.folder / DAY / "link.xlsx").symlink_to(tmp_path / "secret.xlsx")
    os.mkfifo(shelf.folder / DAY / "pipe")
    assert not shelf.exists(replace(report, path=path))


def test_a_day_folder_that_is_a_symbolic_link_is_refused(shelf: ReportStorage, tmp_path: Path) -> None:
    shelf.folder.mkdir()
    (shelf.folder / DAY).symlink_to(tmp_path)
    with pytest.raises(PermanentError, match="link"):
        shelf.reserve_path(DAY, "r1")


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "disk is full"), (errno.EIO, "error")]
)
def test_a_full_disk_is_temporary(
    shelf: ReportStorage, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def full(opened: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TemporaryError, match=says):
        placed(shelf)
    assert not list(shelf.folder.rglob("*.xlsx"))


@pytest.mark.rescue(Rescue.UNFINISHED_REMOVED)
def test_leftovers_of_dead_exports_are_removed(shelf: ReportStorage) -> None:
    report = placed(shelf)
    alive, dead, child = (shelf.reserve_path(DAY, name) for name in ("alive", "dead", "child"))
    dead_child = child.with_name(child.name + ".part")
    for path in (alive, dead, dead_child):
        path.write_bytes(b"half")
    long_ago = (NOW - UNFINISHED_MAX_AGE - timedelta(minutes=1)).timestamp()
    for path in (dead, dead_child, shelf.folder / report.path):
        os.utime(path, (long_ago, long_ago))
    os.utime(alive, (NOW.timestamp(), NOW.timestamp()))
    assert shelf.purge_expired(NOW) == 0
    assert set(os.listdir(shelf.folder / DAY)) == {alive.name, report.path.rpartition("/")[2]}


@pytest.mark.parametrize(("days", "kept"), [(29, True), (31, True), (32, False), (400, False)])
def test_a_report_is_kept_for_keep_days(shelf: ReportStorage, days: int, kept: bool) -> None:
    report = placed(shelf)
    shelf.purge_expired(NOW + timedelta(days=days) - timedelta(hours=12))
    assert shelf.exists(report) is kept


def test_purging_follows_no_symbolic_link(shelf: ReportStorage, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir()
    (outside / "x.part").write_bytes(b"keep")
    placed(shelf)
    (shelf.folder / "2020-01-01").symlink_to(outside)
    (shelf.folder / "2020-01-02").mkdir()
    (shelf.folder / "2020-01-02" / "out").symlink_to(outside)
    assert shelf.purge_expired(NOW) == 1
    assert (outside / "x.part").is_file()


def test_purging_a_missing_folder_does_nothing(shelf: ReportStorage) -> None:
    assert shelf.purge_expired(NOW) == 0
