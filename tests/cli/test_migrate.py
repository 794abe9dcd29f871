"""Migration copies all data once, and resumes where it stopped."""

import asyncio
import hashlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.migrate import BATCH_SIZE, migrate
from bot.errors import ConfigError, PermanentError, TemporaryError
from bot.models import JobState, Mute, Person, RunStatus
from bot.mongo import Mongo
from bot.ports import StoredDocument
from bot.stores.dump import Dumpable, Entry
from bot.stores.sqlite.dump import TABLES
from bot.wiring.stores import StoreSet, open_stores
from tests import ROOT
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
DIGEST = hashlib.sha256(b"report").hexdigest()
FILES = "2026-11-24/r1.xlsx", "2026-11-24/r2.xlsx"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[StoreSet]:
    stores = open_stores(url)
    await stores.store.open()
    yield stores
    await stores.store.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/old.db"


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


async def fill_up(url: str) -> None:
    """More runs and jobs than are written at once."""
    numbers = range(100, 100 + 2 * BATCH_SIZE)
    async with opened(url) as stores:
        await stores.moving.write("runs", [Entry(number=n, record=make_run(id=f"r{n}")) for n in numbers])
        await stores.moving.write("jobs", [Entry(number=n, record=make_job(id=f"j{n}")) for n in numbers])


async def records(moving: Dumpable) -> dict[str, list[object]]:
    """Everything, in its order."""
    held = {}
    for kind in moving.kinds:
        entries = [entry async for entry in moving.read(kind)]
        held[kind] = [
            entry.record for entry in sorted(entries, key=lambda entry: (entry.number, str(entry.record)))
        ]
    return held


async def everything(url: str) -> dict[str, list[object]]:
    async with opened(url) as stores:
        return await records(stores.moving)


def silent(line: str) -> None:
    """Nobody listens."""


async def test_everything_arrives_and_comes_back_as_it_was(
    sqlite: str, database: Database, tmp_path: Path
) -> None:
    await fill(sqlite)
    await migrate(sqlite, database.address, silent)
    before = await everything(sqlite)
    assert all(before.values())
    assert await everything(database.address) == before
    await migrate(database.address, f"sqlite:///{tmp_path}/back.db", silent)
    assert await everything(f"sqlite:///{tmp_path}/back.db") == before


async def test_a_moved_store_goes_on_where_the_old_one_was(sqlite: str, database: Database) -> None:
    await fill(sqlite)
    await migrate(sqlite, database.address, silent)
    async with opened(database.address) as stores:
        assert await stores.quota.add_usage("2026-11", "api", 1) == 8
        assert await stores.quota.blocked_until("robot") == LATER
        lost = await stores.store.claim_job(["card"], "me", LATER + timedelta(seconds=1), LATER)
        assert lost is not None
        task = await stores.tasks.claim_task("me", LATER, LATER)
    assert (lost.id, lost.attempts) == ("card:r1", 1)
    assert task is not None
    assert task.id == "b"


async def test_a_second_call_is_harmless_and_tells_the_counts(sqlite: str, database: Database) -> None:
    said: list[str] = []
    await fill(sqlite)
    await migrate(sqlite, database.address, silent)
    async with opened(database.address) as stores:
        await stores.store.set_value("tick", "2")
        await stores.store.add_run(make_run(id="later"))
    await migrate(sqlite, database.address, said.append)
    assert [line.split() for line in said[:1]] == [
        ["runs", "3", "in", "the", "source", "4", "in", "the", "target"]
    ]
    async with opened(database.address) as stores:
        assert await stores.store.find_value("tick") == "2"


async def test_a_source_that_went_on_is_told(sqlite: str, database: Database) -> None:
    await fill(sqlite)
    await migrate(sqlite, database.address, silent)
    async with opened(sqlite) as stores:
        await stores.store.add_run(make_run(id="forgotten"))
    with pytest.raises(PermanentError, match="differ: runs"):
        await migrate(sqlite, database.address, silent)


async def test_a_target_with_another_history_is_refused(
    sqlite: str, database: Database, tmp_path: Path
) -> None:
    await fill(sqlite)
    other = f"sqlite:///{tmp_path}/other.db"
    await fill(other)
    await migrate(other, database.address, silent)
    with pytest.raises(PermanentError, match=r"other data \(3 runs.*empty store"):
        await migrate(sqlite, database.address, silent)
    with pytest.raises(PermanentError, match="other data"):
        await migrate(database.address, other, silent)


async def test_a_bot_that_still_works_is_in_the_way(sqlite: str, database: Database) -> None:
    async with opened(sqlite) as stores:
        await stores.store.add_job(make_job(id="j"))
        now = datetime.now(UTC)
        job = await stores.store.claim_job(["card"], "alive", now, now + timedelta(minutes=1))
        assert job is not None
    with pytest.raises(PermanentError, match="stop all bots"):
        await migrate(sqlite, database.address, silent)
    async with opened(sqlite) as stores:
        await stores.store.save_job(replace(job, state=JobState.DONE))
    await migrate(sqlite, database.address, silent)


async def test_a_source_that_is_not_there_is_not_made(database: Database, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such store"):
        await migrate(f"sqlite:///{tmp_path}/typo.db", database.address, silent)
    assert os.listdir(tmp_path) == []
    with pytest.raises(ConfigError, match="same"):
        await migrate(database.address, database.address, silent)


async def test_a_move_that_is_killed_goes_on(sqlite: str, database: Database, mongo: Mongo) -> None:
    await fill(sqlite)
    await fill_up(sqlite)
    command = [sys.executable, "-m", "bot", "migrate", sqlite, database.address]
    for kind in ("runs", "jobs"):
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        while not await mongo.collection(kind).count():
            assert process.returncode is None
        process.kill()
        await process.wait()
    done = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    said, _ = await done.communicate()
    assert done.returncode == 0
    assert "runs           1,003 in the source       1,003 in the target" in said.decode()
    assert await everything(database.address) == await everything(sqlite)


async def test_a_lost_connection_stops_it_and_the_next_call_goes_on(sqlite: str, database: Database) -> None:
    await fill(sqlite)
    database.proxy.lose_answer_to("insert")
    with pytest.raises(TemporaryError):
        await migrate(sqlite, database.address, silent)
    await migrate(sqlite, database.address, silent)
    assert await everything(database.address) == await everything(sqlite)


async def test_the_files_of_the_reports_move_too(sqlite: str, database: Database, tmp_path: Path) -> None:
    await fill(sqlite)
    old, new = tmp_path / "reports", tmp_path / "elsewhere"
    (old / "2026-11-24").mkdir(parents=True)
    for path in FILES:
        (old / path).write_bytes(b"report")
    said: list[str] = []
    await migrate(sqlite, database.address, said.append, folder=old)
    assert "files              2 copied" in said
    await migrate(database.address, f"sqlite:///{tmp_path}/back.db", silent, folder=new)
    assert [(new / path).read_bytes() for path in FILES] == [b"report"] * 2


async def test_no_table_is_forgotten(sqlite: str, tmp_path: Path) -> None:
    async with opened(sqlite):
        db = sqlite3.connect(tmp_path / "old.db")
        tables = {row[0] for row in db.execute("select name from sqlite_master where type = 'table'")}
        db.close()
    assert tables == {table.name for table in TABLES.values()} | {"places", "reservations"}
