"""Store in a SQLite file: the default, for one process or a few on one machine.

WAL with `synchronous=full`: a change survives a killed process and a power failure.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite

from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.files import close_to_others, make_private_file, make_private_folder
from bot.models import UNDELIVERED_STATES, Job, JobState, Report, Run, RunStatus
from bot.stores.encoding import storable_values
from bot.stores.sqlite.batches import StatementBatches
from bot.stores.sqlite.migrations import migrate
from bot.stores.sqlite.rows import JOBS, REPORTS, RUNS, models, stamp
from bot.stores.sqlite.sql import array, filters, insert

BUSY_SECONDS = 5.0
MAX_BUSY_RETRIES = 50
NO_LIMIT = -1  # as SQLite writes it
STREAMED_ROWS = 64  # per fetch of `stream`

PRAGMAS = ("journal_mode=wal", "synchronous=full", "foreign_keys=on")

NEXT_ORDINAL = "(select coalesce(max(ordinal), 0) + 1 from runs where schedule_id = :schedule_id)"
ADD_RUN = insert("runs", RUNS.columns).replace(":ordinal", NEXT_ORDINAL)

CLAIM = """
update jobs set state = 'doing', owner = :owner, lease_until = :until, attempts = attempts + 1
where rowid = (
    select rowid from jobs where rowid in (
        select (select rowid from jobs where state = 'todo' and kind = wanted.value and due_at <= :now
            order by due_at limit 1) from json_each(:kinds) as wanted
        union all
        select (select rowid from jobs where state = 'doing' and kind = wanted.value and lease_until <= :now
            order by lease_until limit 1) from json_each(:kinds) as wanted
    ) order by case state when 'todo' then due_at else lease_until end limit 1
) returning *
"""  # takes the first job of each kind by index, so the length of the queue does not matter

NEXT_DUE = """
select min(due) as due from (
    select (select due_at from jobs where state = 'todo' and kind = wanted.value
        order by due_at limit 1) as due from json_each(:kinds) as wanted
    union all
    select (select lease_until from jobs where state = 'doing' and kind = wanted.value
        order by lease_until limit 1) from json_each(:kinds) as wanted
)
"""

UNDELIVERED = """
from jobs where replaced_by = '' and state in ('dead', 'unconfirmed')
and +kind in (select value from json_each(:kinds))
"""  # the + makes SQLite use the index of undelivered jobs instead of the one by kind
CLEAR = """
update jobs set payload = '{}' where rowid in (
    select rowid from jobs where kind in (select value from json_each(:kinds))
    and ended_at >= :since and ended_at < :before and payload <> '{}' order by ended_at limit :limit
) returning 1
"""
FREE_FUTURE = (
    "update jobs set due_at = :now where state = 'todo' and due_at > :beyond returning 1",
    "update jobs set lease_until = :now where state = 'doing' and lease_until > :beyond returning 1",
)

CLAIM_COLUMNS = ("id", "owner", "attempts")  # identify a claim
ASSIGNMENTS = ", ".join(f"{name} = :{name}" for name in JOBS.columns if name not in CLAIM_COLUMNS)
SAVE = (
    f"update jobs set {ASSIGNMENTS} where id = :id and owner = :owner and attempts = :attempts"  # noqa: S608 - names
    " and state = 'doing' returning 1"
)


def sqlite_path(url: str) -> Path:
    """Return the file of a `store.url`: `sqlite:///relative.db` or `sqlite:////absolute.db`."""
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        raise ConfigError(f"store.url takes sqlite:///FILE or mongodb://…, got {url.partition('://')[0]}://…")
    return Path(path)


class SqliteStore:
    """Store on one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None
        self._lock = asyncio.Lock()  # keeps statements of other tasks out of a transaction
        self._batches = StatementBatches(lambda: self._db, self._lock)

    @property
    def _db(self) -> aiosqlite.Connection:
        if self._connection is None:
            raise TemporaryError("the store is closed")
        return self._connection

    async def open(self) -> None:
        try:
            await asyncio.to_thread(self._create_private_file)
            self._connection = await aiosqlite.connect(
                self._path, isolation_level=None, timeout=BUSY_SECONDS, iter_chunk_size=STREAMED_ROWS
            )
            self._connection.row_factory = sqlite3.Row
            for pragma in PRAGMAS:
                await self._set_pragma(self._connection, f"pragma {pragma}")
            async with self.transaction():  # several processes may try at once, and one does it
                await migrate(self._connection, self._path)
        except (OSError, sqlite3.OperationalError) as error:
            await self.close()
            raise ConfigError(f"store.url: {self._path} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            await self.close()
            raise ConfigError(f"store.url: {self._path} is not a DingRun store: {error}") from error
        except BaseException:
            await self.close()
            raise

    def _create_private_file(self) -> None:
        """Create the file for its owner only. SQLite gives its WAL files the same mode."""
        make_private_folder(self._path.parent)
        make_private_file(self._path)
        for suffix in ("-wal", "-shm"):
            close_to_others(self._path.with_name(self._path.name + suffix))

    async def close(self) -> None:
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection:
                await connection.close()

    async def _set_pragma(self, connection: aiosqlite.Connection, sql: str) -> None:
        """Run a pragma, retrying while another process switches the new file to WAL."""
        for _ in range(MAX_BUSY_RETRIES):
            try:
                await connection.execute(sql)
            except sqlite3.OperationalError:
                await asyncio.sleep(BUSY_SECONDS / MAX_BUSY_RETRIES)
            else:
                return
        await connection.execute(sql)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Run statements in a transaction, which is rolled back on an error. Other tasks wait."""
        async with self._lock:
            try:
                await self._db.execute("begin immediate")
                yield
                await self._db.execute("commit")
            except BaseException:  # includes cancellation: the thread finishes its statement
                with suppress(sqlite3.OperationalError):  # no transaction is open
                    await self._db.execute("rollback")
                raise

    async def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """Run one atomic statement and return its rows. Its changes are on disk when it returns."""
        try:
            return await self._batches.run(sql, storable_values(values or {}))
        except sqlite3.DatabaseError as error:
            raise self._translate(error) from error
        except OverflowError:
            raise PermanentError("SQLite cannot store this value (OverflowError)") from None

    def _translate(self, error: sqlite3.DatabaseError) -> DingRunError:
        """Return our error for an error of SQLite."""
        if isinstance(error, sqlite3.OperationalError):  # locked, disk full, or a disk error
            return TemporaryError(f"the store is temporarily unavailable: {error}")
        return PermanentError(f"the store {self._path} is damaged: {error}")

    async def stream(self, sql: str) -> AsyncIterator[sqlite3.Row]:
        """Run one statement and stream its rows. Nothing may be written meanwhile."""
        try:
            async with self._db.execute(sql) as cursor:
                async for row in cursor:
                    yield row
        except sqlite3.DatabaseError as error:
            raise self._translate(error) from error

    async def insert_many(
        self, table: str, columns: tuple[str, ...], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Insert rows in one transaction. Existing rows do not change."""
        sql = insert(table, columns).removesuffix("returning 1")
        try:
            async with self.transaction():
                await self._db.executemany(sql, rows)
        except sqlite3.DatabaseError as error:
            raise self._translate(error) from error

    async def change(self, sql: str, values: Mapping[str, Any]) -> bool:
        """Run one statement that ends in `returning`. Returns True if it changed anything."""
        return bool(await self.rows(sql, values))

    async def add_run(self, run: Run) -> bool:
        return await self.change(ADD_RUN, RUNS.row(run))

    async def find_run(self, run_id: str) -> Run | None:
        rows = await self.rows("select * from runs where id = :id", {"id": run_id})
        return RUNS.model(rows[0]) if rows else None

    async def update_run(
        self, run_id: str, changes: Mapping[str, Any], *, when: RunStatus | None = None
    ) -> Run | None:
        setting = ", ".join(f"{name} = :{name}" for name in changes)
        guard = "and status = :when" if when else ""
        sql = f"update runs set {setting} where id = :id {guard} returning *"  # noqa: S608 - names of fields
        rows = await self.rows(sql, RUNS.changes(changes) | {"id": run_id, "when": when})
        return RUNS.model(rows[0]) if rows else None

    async def find_runs(
        self, *, status: RunStatus | None = None, schedule_id: str = "", limit: int = 20
    ) -> Sequence[Run]:
        where = {"status": status, "schedule_id": schedule_id}
        clause = filters(where)
        if status is RunStatus.RUNNING:  # use the index of open runs, not the one by schedule
            clause = clause.replace("schedule_id", "+schedule_id", 1)
        sql = f"select * from runs {clause} order by start_time desc, rowid desc limit :limit"  # noqa: S608
        rows = await self.rows(sql, where | {"limit": limit or NO_LIMIT})
        return await models(RUNS, rows)

    async def add_job(self, job: Job) -> bool:
        return await self.change(insert("jobs", JOBS.columns), JOBS.row(job))

    async def claim_job(
        self, kinds: Collection[str], owner: str, now: datetime, until: datetime
    ) -> Job | None:
        values = {"kinds": array(kinds), "owner": owner, "now": stamp(now), "until": stamp(until)}
        rows = await self.rows(CLAIM, values)
        return JOBS.model(rows[0]) if rows else None

    async def next_due(self, kinds: Collection[str]) -> datetime | None:
        ((due,),) = await self.rows(NEXT_DUE, {"kinds": array(kinds)})
        return datetime.fromisoformat(due) if due else None

    async def save_job(self, job: Job) -> bool:
        return await self.change(SAVE, JOBS.row(job))

    async def make_jobs_due(self, job_ids: Collection[str], now: datetime) -> None:
        sql = (
            "update jobs set due_at = :now where state = 'todo' and due_at > :now"
            " and id in (select value from json_each(:ids))"
        )
        await self.rows(sql, {"ids": array(job_ids), "now": stamp(now)})

    async def free_future(self, now: datetime, beyond: datetime) -> int:
        values = {"now": stamp(now), "beyond": stamp(beyond)}
        rows = [await self.rows(sql, values) for sql in FREE_FUTURE]
        return sum(map(len, rows))

    async def find_job(self, job_id: str) -> Job | None:
        rows = await self.rows("select * from jobs where id = :id", {"id": job_id})
        return JOBS.model(rows[0]) if rows else None

    async def find_jobs(
        self, *, run_id: str = "", kind: str = "", states: Collection[JobState] = (), limit: int = 100
    ) -> Sequence[Job]:
        where = {"run_id": run_id, "kind": kind}
        among = "and state in (select value from json_each(:states))" if states else ""
        sql = f"select * from jobs {filters(where)} {among} order by created_at, rowid limit :limit"  # noqa: S608
        rows = await self.rows(sql, where | {"states": array(states), "limit": limit})
        return await models(JOBS, rows)

    async def find_ended(
        self, kinds: Collection[str], since: datetime, states: Collection[JobState] = ()
    ) -> Sequence[Job]:
        among = "and +state in (select value from json_each(:states))" if states else ""
        sql = (
            f"select * from jobs where ended_at >= :since {among}"  # noqa: S608 - no values in it
            " and kind in (select value from json_each(:kinds)) order by ended_at, rowid"
        )
        values = {"kinds": array(kinds), "states": array(states), "since": stamp(since)}
        return await models(JOBS, await self.rows(sql, values))

    async def find_undelivered(
        self, kinds: Collection[str], *, run_id: str = "", limit: int = 100
    ) -> Sequence[Job]:
        where = f"{UNDELIVERED} and run_id = :run_id" if run_id else UNDELIVERED
        sql = f"select * {where} order by created_at desc, rowid desc limit :limit"
        values = {"kinds": array(kinds), "run_id": run_id, "limit": limit}
        return (await models(JOBS, await self.rows(sql, values)))[::-1]

    async def count_undelivered(self, kinds: Collection[str]) -> Mapping[JobState, int]:
        sql = f"select state, count(*) as number {UNDELIVERED} group by state"
        rows = await self.rows(sql, {"kinds": array(kinds)})
        return dict.fromkeys(UNDELIVERED_STATES, 0) | {JobState(row["state"]): row["number"] for row in rows}

    async def mark_replaced(self, job_id: str, by: str) -> None:
        sql = (
            "update jobs set replaced_by = :by"
            " where id = :id and replaced_by = '' and state in ('dead', 'unconfirmed')"
        )
        await self.rows(sql, {"id": job_id, "by": by})

    async def clear_payloads(
        self, kinds: Collection[str], since: datetime, before: datetime, *, limit: int
    ) -> int:
        values = {"kinds": array(kinds), "since": stamp(since), "before": stamp(before), "limit": limit}
        return len(await self.rows(CLEAR, values))

    async def save_report(self, report: Report) -> None:
        await self.rows(insert("reports", REPORTS.columns, over=True), REPORTS.row(report))

    async def find_reports(
        self, *, run_id: str = "", schedule_id: str = "", limit: int = 1
    ) -> Sequence[Report]:
        where = {"run_id": run_id, "schedule_id": schedule_id}
        sql = f"select * from reports {filters(where)} order by made_at desc, rowid desc limit :limit"  # noqa: S608
        return [REPORTS.model(row) for row in await self.rows(sql, where | {"limit": limit})]

    async def set_value(self, key: str, value: str) -> None:
        await self.rows(insert("facts", ("key", "value"), over=True), {"key": key, "value": value})

    async def find_value(self, key: str) -> str | None:
        rows = await self.rows("select value from facts where key = :key", {"key": key})
        return str(rows[0]["value"]) if rows else None
