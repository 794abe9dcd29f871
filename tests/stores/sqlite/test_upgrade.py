"""A store of every earlier version is opened, and what was half done in it goes on."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.models import JobState, PushStatus, RunStatus, new_job
from bot.stores.sqlite.migrations import MIGRATIONS, MIGRATIONS_FOLDER
from bot.stores.sqlite.rows import JOBS, RUNS, TASKS
from bot.stores.sqlite.store import SqliteStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import NOW, make_run, make_schedule, make_task
from tests.fakes import FakeClock

OLD_NAMES = {"idempotency_key": "cause", "task_counts": "tally", "send_attempted": "marker"}
SCHEDULE = make_schedule(notify_enable=True, send_to=(GROUP,))


def add(db: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row into a table of any version, without the columns that came later."""
    columns = {name for (_, name, *_) in db.execute(f"pragma table_info({table})")}
    named = {name if name in columns else OLD_NAMES.get(name, name): value for name, value in row.items()}
    known = {name: value for name, value in named.items() if name in columns}
    marks = ", ".join(f":{name}" for name in known)
    db.execute(f"insert into {table} ({', '.join(known)}) values ({marks})", known)  # noqa: S608 - names


def half_done(path: Path, version: int) -> None:
    """Write a store of a version in which one run waits for its submission, and one for its tasks."""
    with closing(sqlite3.connect(path)) as db, db:
        for name in MIGRATIONS[:version]:
            db.executescript((MIGRATIONS_FOLDER / name).read_text(encoding="utf-8"))
        db.execute(f"pragma user_version = {version}")
        add(db, "runs", RUNS.row(make_run(id="asked", schedule=SCHEDULE, idempotency_key="cron:s1:1")))
        add(db, "jobs", JOBS.row(new_job("submit", "asked", NOW, run_id="asked")))
        running = make_run(id="running", schedule=SCHEDULE, idempotency_key="cron:s1:2", task_ids=("gone",))
        add(db, "runs", RUNS.row(running))
        add(db, "tasks", TASKS.row(make_task(id="t1", run_id="another")))


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
async def test_half_done_runs_go_on_after_an_upgrade(version: int, tmp_path: Path) -> None:
    half_done(tmp_path / "dingrun.db", version)
    store = SqliteStore(tmp_path / "dingrun.db")
    await store.open()
    core = CoreHarness(store, FakeClock(), tmp_path / "reports")
    await core.do_jobs()
    await core.finish()
    runs = {run.id: run for run in await store.find_runs()}
    jobs = await store.find_jobs(kind="card")
    await store.close()
    assert {id_: (run.status, run.push_status) for id_, run in runs.items()} == {
        "asked": (RunStatus.FINISHED, PushStatus.SUCCESS),
        "running": (RunStatus.FINISHED, PushStatus.SUCCESS),
    }
    assert [job.state for job in jobs] == [JobState.DONE] * 2
