"""What is SQLite's own: files, versions, and processes that die."""

import asyncio
import signal
import sqlite3
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import ConfigError, PermanentError, TemporaryError
from bot.models import Findings, PushStatus, TaskCounts
from bot.stores.sqlite.links import SqliteLinks
from bot.stores.sqlite.migrations import MIGRATIONS, MIGRATIONS_FOLDER
from bot.stores.sqlite.rows import DOWNLOADS, JOBS, RUNS
from bot.stores.sqlite.store import SqliteStore, sqlite_path
from tests import ROOT
from tests.factories import NOW, make_download, make_job, make_link, make_run, make_schedule

LATER_COLUMNS = (
    *("muted", "trend", "ordinal", "approved_by", "stopped_by", "stopped_at", "stop_approved_by"),
    "muted_before",
    "assets_deleted",
)
MINUTE = timedelta(minutes=1)

WRITER = """
import asyncio, sys
from pathlib import Path
from bot.stores.sqlite.store import SqliteStore
from tests.factories import make_job

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    for number in range(100_000):
        await store.add_job(make_job(id=f"job{number}"))
        print(number, flush=True)

asyncio.run(main())
"""


async def test_what_was_kept_survives_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    kept = [await writer.stdout.readline() for _ in range(50)]
    writer.send_signal(signal.SIGKILL)
    rest = await writer.stdout.read()
    await writer.wait()
    written = len(kept) + rest.count(b"\n")
    store = SqliteStore(path)
    await store.open()
    assert len(await store.find_jobs(limit=100_000)) >= written
    await store.close()


async def test_a_store_of_an_earlier_version_is_opened_with_what_it_has(tmp_path: Path) -> None:
    link, earlier = make_link(), MIGRATIONS[:4]
    download, values = make_download(link, finished=True), DOWNLOADS.row(make_download(link))
    with sqlite3.connect(tmp_path / "old.db") as db:
        for name in earlier:
            db.executescript((MIGRATIONS_FOLDER / name).read_text(encoding="utf-8"))
        db.execute(
            "insert into downloads (link_id, run_id, at, address, agent)"
            " values (:link_id, :run_id, :at, :address, :agent)",
            values,
        )
        db.execute(f"pragma user_version = {len(earlier)}")
    db.close()
    store = SqliteStore(tmp_path / "old.db")
    await store.open()
    assert await SqliteLinks(store).find_downloads(link.run_id) == [download]
    assert await store.clear_payloads(["message"], link.made_at, link.expires_at, limit=1) == 0
    await store.close()


async def test_a_newer_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match=r"store\.url.*newer DingRun.*99"):
        await SqliteStore(path).open()


async def test_a_store_of_an_older_version_gains_the_findings_of_runs(tmp_path: Path) -> None:
    path = tmp_path / "older.db"
    with sqlite3.connect(path) as db:
        for name in MIGRATIONS[:4]:
            db.executescript((MIGRATIONS_FOLDER / name).read_text(encoding="utf-8"))
        db.execute("pragma user_version = 4")
    db.close()
    store = SqliteStore(path)
    await store.open()
    run = make_run(findings=Findings(rows=2))
    await store.add_run(run)
    assert await store.find_run(run.id) == replace(run, ordinal=1)
    await store.close()


async def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear sir or madam, " * 100)
    with pytest.raises(ConfigError, match=r"store\.url"):
        await SqliteStore(path).open()


async def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a" / "b" / "new.db")
    await store.open()
    assert await store.add_run(make_run())
    await store.close()


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"store\.url"):
        await SqliteStore(tmp_path / "file" / "new.db").open()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "closed.db")
    with pytest.raises(TemporaryError, match="closed"):
        await store.find_run("r1")
    await store.close()


async def test_a_locked_store_is_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.stores.sqlite.store.BUSY_SECONDS", 0.01)
    store = SqliteStore(tmp_path / "locked.db")
    await store.open()
    other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(TemporaryError, match="locked"):
        await store.add_job(make_job())
    other.execute("rollback")
    other.close()
    assert await store.add_job(make_job())
    await store.close()


async def test_a_damaged_store_is_permanent(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "damaged.db")
    await store.open()
    with pytest.raises(PermanentError, match=r"damaged\.db"):
        await store.rows("insert into facts (key) values ('no value')")
    await store.close()


async def test_an_insert_of_many_is_all_or_nothing(store: SqliteStore) -> None:
    rows: list[dict[str, object]] = [{"key": "a", "value": "1"}, {"key": "b", "value": object()}]
    with pytest.raises(PermanentError):
        await store.insert_many("facts", ("key", "value"), rows)
    assert await store.find_value("a") is None


async def test_a_transaction_that_is_cancelled_leaves_the_store_usable(store: SqliteStore) -> None:
    rows = [{"key": str(number), "value": "x"} for number in range(20_000)]
    inserting = asyncio.create_task(store.insert_many("facts", ("key", "value"), rows))
    other = asyncio.create_task(store.set_value("mine", "kept"))
    await asyncio.sleep(0)
    inserting.cancel()
    await asyncio.gather(inserting, other, return_exceptions=True)
    assert await store.find_value("mine") == "kept"
    assert await store.find_value("0") is None


async def test_two_processes_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "both.db") for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    assert await stores[3].add_run(make_run())
    for store in stores:
        await store.close()


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:///a/b.db", "a/b.db"), ("sqlite:////var/b.db", "/var/b.db")]
)
def test_an_address_names_a_file(url: str, path: str) -> None:
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "mongodb://u:secret@h/d", "x"])
def test_another_address_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.url") as refused:
        sqlite_path(url)
    assert "secret" not in str(refused.value)


async def test_rows_of_version_8_are_read_under_todays_names(tmp_path: Path) -> None:
    path, run = (
        tmp_path / "v8.db",
        make_run(push_status=PushStatus.SKIPPED, task_counts=TaskCounts(total=1, done=1)),
    )
    row = RUNS.row(run) | {"push_status": "skip"}
    row["cause"], row["tally"] = row.pop("idempotency_key"), row.pop("task_counts")
    row["schedule"] = row["schedule"].replace("recipient_options", "manners")
    for later in LATER_COLUMNS:
        del row[later]
    with sqlite3.connect(path) as db:
        for name in MIGRATIONS[:8]:
            db.executescript((MIGRATIONS_FOLDER / name).read_text(encoding="utf-8"))
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        db.execute(f"insert into runs ({names}) values ({marks})", row)  # noqa: S608 - names of columns
        db.execute("pragma user_version = 8")
    db.close()
    store = SqliteStore(path)
    await store.open()
    assert await store.find_run(run.id) == replace(run, ordinal=1)
    await store.close()


async def test_runs_of_version_13_are_counted_by_schedule_and_start(tmp_path: Path) -> None:
    path = tmp_path / "v13.db"
    starts = {"later": ("s1", 2), "first": ("s1", 0), "between": ("s1", 1), "other": ("s2", 1)}
    with sqlite3.connect(path) as db:
        for name in MIGRATIONS[:13]:
            db.executescript((MIGRATIONS_FOLDER / name).read_text(encoding="utf-8"))
        for id_, (schedule, minute) in starts.items():
            run = make_run(id=id_, schedule=make_schedule(id=schedule), start_time=NOW + minute * MINUTE)
            row = {key: value for key, value in RUNS.row(run).items() if key not in LATER_COLUMNS[2:]}
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            db.execute(f"insert into runs ({names}) values ({marks})", row)  # noqa: S608 - names of columns
        db.execute("pragma user_version = 13")
    db.close()
    store = SqliteStore(path)
    await store.open()
    await store.add_run(make_run(id="new", start_time=NOW))
    found = {run.id: run.ordinal for run in await store.find_runs()}
    assert found == {"first": 1, "between": 2, "later": 3, "other": 1, "new": 4}
    await store.close()


async def test_requests_to_workers_of_version_9_keep_their_kind(tmp_path: Path) -> None:
    path, job = tmp_path / "v9.db", make_job(kind="export_request")
    row = JOBS.row(job) | {"kind": "make"}
    with sqlite3.connect(path) as db:
        for name in MIGRATIONS[:9]:
            db.executescript((MIGRATIONS_FOLDER / name).read_text(encoding="utf-8"))
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        db.execute(f"insert into jobs ({names}) values ({marks})", row)  # noqa: S608 - names of columns
        db.execute("pragma user_version = 9")
    db.close()
    store = SqliteStore(path)
    await store.open()
    assert await store.find_job(job.id) == job
    await store.close()
