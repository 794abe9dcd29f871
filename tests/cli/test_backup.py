"""A backup holds everything, and is restored to either kind of store, whole or not at all."""

import os
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.__main__ import main
from bot.cli.audited import user_name
from bot.cli.backup import back_up
from bot.cli.backup_file import DATABASE, MANIFEST
from bot.cli.restore import restore
from bot.config.settings import Settings
from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.models import AuditChannel, AuditEntry, AuditOutcome, Mute, Person, RunStatus
from bot.mongo import Mongo
from bot.ports import StoredDocument
from bot.runtime import utc_now
from bot.stores.dump import KINDS, Dumpable
from bot.stores.mongo.staging import PREFIX
from bot.stores.mongo.store import COLLECTIONS
from bot.stores.sqlite.dump import TABLES
from bot.stores.sqlite.files import schema_version
from bot.stores.sqlite.migrations import SCHEMA_VERSION
from bot.wiring.stores import StoreSet, open_stores
from tests.factories import (
    NOW,
    make_audit_entry,
    make_download,
    make_job,
    make_lapse,
    make_link,
    make_override,
    make_report,
    make_run,
    make_task,
)
from tests.mongo_server import Database

LATER = NOW + timedelta(seconds=30)
ODD = timedelta(microseconds=123_457)
DIGEST = "0" * 64
ACCEPTED = AuditOutcome.ACCEPTED
FILES = "2026-11-24/r1.xlsx", "2026-11-24/upload.zip"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[StoreSet]:
    stores = open_stores(url)
    await stores.store.open()
    yield stores
    await stores.store.close()


def settings_for(url: str, reports: Path, kind: str = "folder") -> Settings:
    return Settings.model_validate({"store": {"url": url}, "reports": {"dir": str(reports), "store": kind}})


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Settings of a SQLite store with two report files."""
    folder = tmp_path / "here" / "reports"
    for path in FILES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"content of " + path.encode())
    (folder / "2026-11-24" / "unfinished.part").write_bytes(b"half")
    return settings_for(f"sqlite:///{tmp_path}/here/dingrun.db", folder)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.zip"


async def fill(url: str) -> None:
    """A bit of everything."""
    async with opened(url) as stores:
        for number in range(3):
            run = make_run(
                id=f"r{number}", start_time=NOW + ODD, asked_by=Person(id="u"), status=RunStatus.FINISHED
            )
            await stores.store.add_run(run)
            await stores.store.add_job(
                make_job(id=f"card:r{number}", run_id=run.id, payload={"a.b": [1, None]})
            )
            await stores.store.save_report(make_report(run_id=run.id, made_at=NOW + ODD, sha256=DIGEST))
            grant = make_link(id=f"l{number}", run_id=run.id)
            await stores.links.add_link(grant)
            await stores.links.add_download(make_download(grant))
            await stores.lapses.add_lapse(make_lapse(id=f"late:{number}", found_at=NOW + ODD))
            await stores.audit.add_entry(make_audit_entry(id=f"message:{number}", at=NOW + ODD))
        await stores.overrides.save_override(make_override(mute=Mute(by=Person(id="u"), at=NOW)))
        await stores.documents.add_document(
            StoredDocument(collection="runs", id="x", due=LATER, data={"a.b": ["值", None]})
        )
        await stores.store.claim_job(["card"], "dead", NOW, LATER + ODD)
        await stores.lapses.record_start("s1", NOW)
        await stores.store.set_value("tick", "1")
        await stores.quota.add_usage("2026-11", "api", 7)
        await stores.quota.block_until("robot", LATER)
        await stores.quota.acquire("robot", 3, LATER, timedelta(minutes=1))
        await stores.tasks.add_tasks([make_task(id=id_) for id_ in ("b", "a")])
        await stores.tasks.claim_task("dead", NOW, LATER)
        await stores.tasks.save_assets("b", "site", {"k": {"$v": {"x.y": "值"}}})


async def records(moving: Dumpable) -> dict[str, list[object]]:
    """Everything, in its order."""
    held = {}
    for kind in KINDS:
        entries = [entry async for entry in moving.read(kind)]
        held[kind] = [
            entry.record for entry in sorted(entries, key=lambda entry: (entry.number, str(entry.record)))
        ]
    return held


async def everything(url: str) -> dict[str, list[object]]:
    """Everything but the entries that the backup and the restore themselves make."""
    async with opened(url) as stores:
        held = await records(stores.moving)
    return held | {"audit": [each for each in held["audit"] if not is_command(each)]}


def is_command(record: object) -> bool:
    return isinstance(record, AuditEntry) and record.channel is AuditChannel.CLI


async def commands(url: str) -> list[tuple[str, AuditOutcome, str]]:
    """Return what the audit says of the command line: what, its outcome, who."""
    async with opened(url) as stores:
        found = [each for each in await stores.audit.find_entries() if is_command(each)]
    return [(each.said, each.outcome, each.actor.name) for each in found]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def backups(file: Path) -> dict[str, bytes]:
    """Return what lies where a backup is written."""
    return {path.name: path.read_bytes() for path in file.parent.iterdir() if path.is_file()}


def rewritten_as(file: Path, data: bytes) -> None:
    file.write_bytes(data)


def mode(file: Path) -> int:
    return file.stat().st_mode


async def test_everything_is_restored_to_either_store_and_from_it(
    here: Settings, address: str, file: Path, tmp_path: Path
) -> None:
    await fill(here.store.url)
    before = await everything(here.store.url)
    assert all(before.values())
    await back_up(here, file)
    there = settings_for(address, tmp_path / "there" / "reports")
    contents = await restore(there, file, force=False)
    assert await everything(address) == before
    assert contents.reports == list(FILES)
    await back_up(there, tmp_path / "second.zip")
    back = settings_for(f"sqlite:///{tmp_path}/back.db", tmp_path / "back")
    await restore(back, tmp_path / "second.zip", force=False)
    assert await everything(back.store.url) == before
    assert content(tmp_path / "back") == {path: b"content of " + path.encode() for path in FILES}


async def test_reports_in_gridfs_are_part_of_it(
    here: Settings, database: Database, file: Path, tmp_path: Path
) -> None:
    await fill(here.store.url)
    await back_up(here, file)
    there = settings_for(database.address, tmp_path / "cache", "gridfs")
    await restore(there, file, force=False)
    for path in FILES:
        (tmp_path / "cache" / path).unlink()
    contents = await back_up(there, tmp_path / "second.zip")
    assert contents.reports == list(FILES)


async def test_the_audit_says_who_made_a_backup_and_who_restored_it(
    here: Settings, address: str, file: Path, tmp_path: Path
) -> None:
    there = settings_for(address, tmp_path / "there" / "reports")
    await fill(here.store.url)
    await back_up(here, file)
    await restore(there, file, force=False)
    assert await commands(here.store.url) == [("dingrun backup backup.zip", ACCEPTED, user_name())]
    assert await commands(address) == [("dingrun restore backup.zip", ACCEPTED, user_name())]
    await back_up(there, tmp_path / "second.zip")
    assert [said for said, *_ in await commands(address)] == [
        "dingrun backup second.zip",
        "dingrun restore backup.zip",
    ]


async def test_a_backup_does_not_migrate_an_older_store(here: Settings, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "here" / "dingrun.db"
    await fill(here.store.url)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"pragma user_version = {SCHEMA_VERSION - 1}")
    await back_up(here, file)
    assert schema_version(path) == SCHEMA_VERSION - 1


async def test_a_store_that_cannot_be_written_can_be_backed_up(
    here: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise TemporaryError("database or disk is full")

    await fill(here.store.url)
    monkeypatch.setattr("bot.cli.backup.record_done", full)
    await back_up(here, file)
    assert list(backups(file)) == ["backup.zip"]


async def test_a_power_cut_leaves_no_restored_store_without_its_reports(
    here: Settings, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names of the files are on the disk before that of the store."""
    synced: list[Path] = []

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    await fill(here.store.url)
    await back_up(here, file)
    monkeypatch.setattr(os, "fsync", note)
    there = settings_for(f"sqlite:///{tmp_path}/there/dingrun.db", tmp_path / "reports")
    await restore(there, file, force=False)
    assert synced[-2:] == [tmp_path / "reports/2026-11-24", tmp_path / "there"]


async def test_a_restored_store_goes_on_where_the_old_one_was(
    here: Settings, address: str, file: Path, tmp_path: Path
) -> None:
    await fill(here.store.url)
    await back_up(here, file)
    await restore(settings_for(address, tmp_path), file, force=False)
    async with opened(address) as stores:
        assert await stores.quota.add_usage("2026-11", "api", 1) == 8
        assert await stores.quota.blocked_until("robot") == LATER
        lost = await stores.store.claim_job(["card"], "me", LATER + timedelta(seconds=1), LATER)
        task = await stores.tasks.claim_task("me", LATER, LATER)
        await stores.store.add_run(make_run(id="next"))
        following = await stores.store.find_run("next")
    assert lost
    assert (lost.id, lost.attempts) == ("card:r1", 1)
    assert task
    assert task.id == "b"
    assert following
    assert following.ordinal == 4


async def test_a_backup_is_of_one_moment_while_a_bot_writes(
    here: Settings, file: Path, tmp_path: Path
) -> None:
    async with opened(here.store.url) as stores:
        await stores.store.add_run(make_run(id="r1"))
        await back_up(here, file)
        await stores.store.add_run(make_run(id="r2"))
    back = settings_for(f"sqlite:///{tmp_path}/back.db", tmp_path / "back")
    await restore(back, file, force=False)
    async with opened(back.store.url) as stores:
        assert [run.id for run in await stores.store.find_runs()] == ["r1"]


async def test_a_run_that_ends_while_it_is_read_has_all_that_follows(
    database: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its jobs are stored before its status, so they are read after it."""
    from bot.stores.mongo.dump import MongoDump  # noqa: PLC0415 - an extra

    async with opened(database.address) as stores:
        await stores.store.add_run(make_run(id="r1"))
        read = MongoDump.read

        async def ending(self: MongoDump, kind: str) -> AsyncIterator[object]:
            async for entry in read(self, kind):
                yield entry
            await stores.store.add_job(make_job(id=f"card:{kind}", run_id="r1"))
            await stores.store.update_run("r1", {"status": RunStatus.FINISHED})

        monkeypatch.setattr(MongoDump, "read", ending)
        await back_up(settings_for(database.address, tmp_path), file)
    back = settings_for(f"sqlite:///{tmp_path}/back.db", tmp_path / "back")
    await restore(back, file, force=False)
    async with opened(back.store.url) as stores:
        (run,), jobs = await stores.store.find_runs(), await stores.store.find_jobs(run_id="r1")
    assert run.status is RunStatus.FINISHED
    assert jobs


async def test_a_history_is_replaced_by_force_only(
    here: Settings, address: str, file: Path, tmp_path: Path
) -> None:
    await fill(here.store.url)
    await back_up(here, file)
    there = settings_for(address, tmp_path)
    async with opened(address) as stores:
        await stores.store.set_value("clock", "a start is no history")
    await restore(there, file, force=False)
    async with opened(address) as stores:
        await stores.store.add_run(make_run(id="later"))
        await stores.store.set_value("later", "1")
    with pytest.raises(PermanentError, match="--force"):
        await restore(there, file, force=False)
    async with opened(address) as stores:
        assert await stores.store.find_run("later")
    await restore(there, file, force=True)
    assert await everything(address) == await everything(here.store.url)


async def test_a_store_that_is_open_is_not_replaced(here: Settings, file: Path) -> None:
    await fill(here.store.url)
    await back_up(here, file)
    async with opened(here.store.url):
        with pytest.raises(TemporaryError, match="stop all bots"):
            await restore(here, file, force=True)


async def test_a_database_on_which_a_bot_works_is_not_replaced(
    here: Settings, database: Database, file: Path, tmp_path: Path
) -> None:
    await fill(here.store.url)
    await back_up(here, file)
    async with opened(database.address) as stores:
        now = utc_now()
        await stores.store.add_job(make_job(id="j"))
        await stores.store.claim_job(["card"], "alive", now, now + timedelta(minutes=1))
    with pytest.raises(PermanentError, match="stop all bots"):
        await restore(settings_for(database.address, tmp_path), file, force=True)


def rewritten(file: Path, name: str, data: bytes) -> None:
    """Replace a member of a backup, or add one."""
    with zipfile.ZipFile(file) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for each, held in (members | {name: data}).items():
            archive.writestr(each, held)


def changed(file: Path, at: int, data: bytes) -> None:
    """Change bytes of a file, as a bad disk does."""
    held = file.read_bytes()
    file.write_bytes(held[:at] + data + held[at + len(data) :])


def content_start(file: Path, name: str) -> int:
    """Find where the content of a member starts: after its header, 30 bytes and its name."""
    with zipfile.ZipFile(file) as archive:
        return archive.getinfo(name).header_offset + 30 + len(name)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda file: changed(file, content_start(file, DATABASE) + 20, b"\xff" * 8), "is damaged"),
        (lambda file: changed(file, content_start(file, f"reports/{FILES[0]}") + 20, b"x"), "is damaged"),
        (lambda file: changed(file, file.read_bytes().index(b"PK\x01\x02") + 8, b"\x01"), "is damaged"),
        (lambda file: changed(file, file.read_bytes().index(b"PK\x01\x02") + 10, b"\x63"), "is damaged"),
        (lambda file: file.write_bytes(file.read_bytes()[:-40]), "no backup"),
        (lambda file: file.write_bytes(b"text"), "no backup"),
        (lambda file: rewritten(file, f"reports/{FILES[0]}", b"other"), f"{FILES[0]} changed"),
        (lambda file: rewritten(file, DATABASE, b"other"), f"{DATABASE} changed"),
        (lambda file: rewritten(file, "reports/../../evil", b"x"), "lacks files, or has others"),
        (lambda file: rewritten(file, MANIFEST, b"{}"), "no backup"),
        (lambda file: rewritten(file, MANIFEST, b'{"format": 99, "version": "9.9"}'), "DingRun 9.9"),
        (lambda file: file.unlink(), "no such file"),
    ],
)
async def test_a_damaged_backup_changes_nothing(
    here: Settings, file: Path, damage: Callable[[Path], None], error: str
) -> None:
    await fill(here.store.url)
    await back_up(here, file)
    damage(file)
    async with opened(here.store.url) as stores:
        await stores.store.set_value("later", "1")
    before = await everything(here.store.url)
    with pytest.raises(DingRunError, match=error):
        await restore(here, file, force=True)
    assert await everything(here.store.url) == before


async def test_a_backup_of_a_newer_version_names_the_schema_that_it_needs(
    here: Settings, file: Path, tmp_path: Path
) -> None:
    await fill(here.store.url)
    db = sqlite3.connect(tmp_path / "here" / "dingrun.db")
    db.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")
    db.close()
    await back_up(here, file)
    back = settings_for(f"sqlite:///{tmp_path}/back.db", tmp_path / "back")
    with pytest.raises(ConfigError, match=rf"backup.zip.* newer DingRun \(schema {SCHEMA_VERSION + 1}"):
        await restore(back, file, force=False)
    assert not (tmp_path / "back.db").exists()


async def test_a_restore_that_dies_leaves_the_old_store(
    here: Settings, address: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = settings_for(address, tmp_path / "there" / "reports")
    await fill(address)
    before = await everything(address)
    async with opened(here.store.url) as stores:
        await stores.store.add_run(make_run(id="other"))
    await back_up(here, file)

    def die(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    async def die_later(*_: object) -> None:
        die()

    monkeypatch.setattr("bot.cli.restore._replace_sqlite", die)
    monkeypatch.setattr("bot.cli.restore._put_reports", die_later)
    monkeypatch.setattr("bot.cli.restore.copy_records", die_later)
    with pytest.raises(TemporaryError, match="cannot be restored"):
        await restore(there, file, force=True)
    assert await everything(address) == before
    monkeypatch.undo()
    await restore(there, file, force=True)
    assert await everything(address) == await everything(here.store.url)


async def test_a_database_whose_replacement_was_interrupted_is_not_opened(
    here: Settings, database: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = settings_for(database.address, tmp_path)
    await fill(here.store.url)
    await back_up(here, file)
    renames = 0
    rename = Mongo.rename

    async def dies(self: Mongo, name: str, to: str) -> None:
        nonlocal renames
        renames += 1
        if renames == 3:
            raise TemporaryError("killed")
        await rename(self, name, to)

    monkeypatch.setattr(Mongo, "rename", dies)
    with pytest.raises(TemporaryError, match="killed"):
        await restore(there, file, force=True)
    monkeypatch.undo()
    with pytest.raises(ConfigError, match=r"restore of database .* was interrupted"):
        await open_stores(database.address).store.open()
    await restore(there, file, force=True)
    assert await everything(database.address) == await everything(here.store.url)
    mongo = Mongo(database.address)
    assert not [name for name in await mongo.names() if name.startswith(PREFIX)]
    await mongo.close()


async def test_a_backup_never_replaces_a_file_and_needs_a_store(here: Settings, file: Path) -> None:
    with pytest.raises(ConfigError, match="no store to back up"):
        await back_up(here, file)
    assert backups(file) == {}
    await fill(here.store.url)
    rewritten_as(file, b"another")
    with pytest.raises(ConfigError, match="already exists"):
        await back_up(here, file)
    assert backups(file) == {"backup.zip": b"another"}


async def test_a_backup_is_for_its_owner_alone(here: Settings, file: Path) -> None:
    await fill(here.store.url)
    await back_up(here, file)
    assert mode(file) & 0o077 == 0
    assert list(backups(file)) == ["backup.zip"]


def test_the_command_line_makes_and_restores_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    db = sqlite3.connect(tmp_path / "d.db")
    db.close()
    Path("config.yaml").write_text(
        "store: {url: 'sqlite:///d.db'}\nreports: {dir: reports}\n", encoding="utf-8"
    )
    made = CliRunner().invoke(main, ["backup", "b.zip"])
    restored = CliRunner().invoke(main, ["restore", "b.zip"])
    assert (made.exit_code, made.output) == (0, "b.zip：存储和 0 份报告\n")
    assert restored.exit_code == 0
    assert restored.output.startswith("已恢复 ")


async def test_no_table_or_collection_is_forgotten(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/old.db"):
        db = sqlite3.connect(tmp_path / "old.db")
        tables = {row[0] for row in db.execute("select name from sqlite_master where type = 'table'")}
        db.close()
    short_lived = {"places", "reservations"}
    assert tables - short_lived == {table.name for table in TABLES.values()}
    assert sorted(KINDS) == sorted(TABLES)
    derived = {"about", "counters", "files.files", "files.chunks", "reservations"}
    assert {*COLLECTIONS} - derived == {*KINDS} - {"downloads"}
