"""`dingrun restore FILE`: replace the store by that of a backup, and bring its reports back.

Until the last step, the old store is as it was: everything is verified, migrated and copied beside it.
"""

import asyncio
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bot.cli.audited import record_done
from bot.cli.backup_file import DATABASE, REPORTS, Contents, extract_backup
from bot.config.settings import Settings
from bot.errors import ConfigError, PermanentError, TemporaryError
from bot.files import UNFINISHED_SUFFIX, make_private_file, make_private_folder, sync_folder
from bot.models import JobState
from bot.ports import Store
from bot.stores.dump import HISTORY_KINDS, copy_records
from bot.stores.sqlite.files import has_history, seal
from bot.stores.sqlite.store import SqliteStore, sqlite_path
from bot.wiring.stores import StoreSet, open_stores, sqlite_stores, staged_mongo_stores

MAX_RUNNING_JOBS = 1000


async def restore(settings: Settings, source: Path, *, force: bool) -> Contents:
    """Restore a backup of either kind of store. Stop all bots before.

    - Raises `ConfigError` if the file is no backup, or a newer DingRun wrote it.
    - Raises `PermanentError` if the file is damaged, a bot works on the store, or the store has a history
      and `force` is not set.
    """
    url, reports = settings.store.url, Path(settings.reports.dir)
    in_mongodb = url.startswith("mongodb")
    beside = reports if in_mongodb else sqlite_path(url).parent
    try:
        await asyncio.to_thread(make_private_folder, beside)
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=beside) as name:
            folder = Path(name)
            contents = await asyncio.to_thread(extract_backup, source, folder)
            await _migrate(folder / DATABASE, source)
            await _record(settings, folder / DATABASE, source)
            await asyncio.to_thread(_bring_reports, folder / REPORTS, reports, contents.reports)
            if in_mongodb:
                await _replace_mongo(settings, folder / DATABASE, contents.reports, force=force)
            else:
                await asyncio.to_thread(_replace_sqlite, folder / DATABASE, sqlite_path(url), force=force)
    except OSError as error:
        raise TemporaryError(f"the backup cannot be restored: {error.strerror}") from error
    return contents


async def _migrate(database: Path, source: Path) -> None:
    """Migrate the restored store to the current schema. It is checked by SQLite itself."""
    store = SqliteStore(database)
    try:
        await store.open()
        ((found,),) = await store.rows("pragma quick_check")
    except ConfigError as error:
        raise ConfigError(f"{source}: {str(error).removeprefix('store.url: ')}") from None
    finally:
        await store.close()
    if found != "ok":
        raise PermanentError(f"{source} is damaged: {found}")


async def _record(settings: Settings, database: Path, source: Path) -> None:
    """Record the restore in the audit of the restored store, which is in place only if it succeeds."""
    stores = sqlite_stores(SqliteStore(database))
    try:
        await stores.store.open()
        await record_done(settings, stores, "restore", source.name)
    finally:
        await stores.store.close()
    await asyncio.to_thread(seal, database)


def _bring_reports(source: Path, reports: Path, paths: list[str]) -> None:
    """Move the report files to their folder. Their names have their digests, so a file there is the same."""
    for path in paths:
        if not (reports / path).exists():
            make_private_folder((reports / path).parent)
            _move(source / path, reports / path)
    for folder in {(reports / path).parent for path in paths}:
        sync_folder(folder)


def _move(source: Path, target: Path) -> None:
    """Move a file, also to another disk, so that it appears at once."""
    part = target.with_name(target.name + UNFINISHED_SUFFIX)
    make_private_file(part)
    with source.open("rb") as read, part.open("wb") as written:
        shutil.copyfileobj(read, written)
        written.flush()
        os.fsync(written.fileno())
    part.replace(target)


def _replace_sqlite(database: Path, path: Path, *, force: bool) -> None:
    if path.exists():
        _ensure_replaceable(path, has_history=has_history(path), force=force)
        seal(path)  # nobody has it open, and no journal remains that would be applied to the new one
    database.replace(path)
    sync_folder(path.parent)


def _ensure_replaceable(place: object, *, has_history: bool, force: bool) -> None:
    if has_history and not force:
        raise PermanentError(f"{place} has a history: back it up, then repeat with --force to replace it")


async def _replace_mongo(settings: Settings, database: Path, reports: list[str], *, force: bool) -> None:
    """Copy everything to collections beside the old ones, then let them take their places."""
    old, copy = open_stores(settings.store.url), sqlite_stores(SqliteStore(database))
    try:
        history = [kind for kind in HISTORY_KINDS if await old.moving.count(kind)]
        _ensure_replaceable("the database", has_history=bool(history), force=force)
        await _ensure_idle(old.store)
        await copy.store.open()
        async with staged_mongo_stores(settings.store.url) as (staged, publish):
            await copy_records(copy.moving, staged.moving)
            if settings.reports.store == "gridfs":
                await _put_reports(staged, Path(settings.reports.dir), reports)
            await publish()
    finally:
        await copy.store.close()
        await old.store.close()


async def _put_reports(staged: StoreSet, folder: Path, paths: list[str]) -> None:
    if staged.archive:
        for path in paths:
            await staged.archive.put(path, folder / path)


async def _ensure_idle(store: Store) -> None:
    """Raise `PermanentError` if a job is running: its bot would go on with the restored store."""
    now = datetime.now(UTC)
    for job in await store.find_jobs(states={JobState.DOING}, limit=MAX_RUNNING_JOBS):
        if job.lease_until and job.lease_until > now:
            until = f"the lease of job {job.id} ends at {job.lease_until:%H:%M:%S} UTC"
            raise PermanentError(f"a bot works on the database, {until}: stop all bots first")
