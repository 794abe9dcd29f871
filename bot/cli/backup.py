"""`dingrun backup FILE`: copy the store and the reports to one file, while the bots go on.

- SQLite: by its online backup, as of one moment.
- MongoDB: record by record, in the order of `bot/stores/dump.py`, which keeps what is found consistent.

The audit of the store says who made it.
"""

import asyncio
import logging
import tempfile
from pathlib import Path

from bot.cli.audited import record_done
from bot.cli.backup_file import DATABASE, REPORTS, Contents, write_backup
from bot.config.settings import Settings
from bot.errors import ConfigError, DingRunError, TemporaryError
from bot.files import make_private_folder, write_chunks
from bot.ports import ReportArchive
from bot.stores.dump import copy_records
from bot.stores.sqlite.files import copy_store, schema_version, seal
from bot.stores.sqlite.migrations import SCHEMA_VERSION
from bot.stores.sqlite.store import SqliteStore, sqlite_path
from bot.wiring.stores import StoreSet, open_stores, sqlite_stores

log = logging.getLogger(__name__)


async def back_up(settings: Settings, target: Path) -> Contents:
    """Write a backup. The file appears when it is complete.

    Raises `ConfigError` if the file exists or there is no store, `TemporaryError` if it cannot be written.
    """
    if await asyncio.to_thread(target.exists):
        raise ConfigError(f"{target} already exists: choose another file")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as name:
            folder = Path(name)
            await _copy_store(settings, folder)
            folders = [Path(settings.reports.dir), folder / REPORTS]
            written = folder / target.name
            contents = await asyncio.to_thread(write_backup, written, folder / DATABASE, folders)
            if await asyncio.to_thread(schema_version, folder / DATABASE) == SCHEMA_VERSION:
                await _record(settings, target)  # opening an older store would migrate it
            await asyncio.to_thread(written.replace, target)
    except OSError as error:
        raise TemporaryError(f"{target} cannot be written: {error.strerror}") from error
    return contents


async def _record(settings: Settings, target: Path) -> None:
    """Record the backup in the audit. A store that cannot be written can be backed up all the same."""
    stores = open_stores(settings.store.url)
    try:
        await stores.store.open()
        await record_done(settings, stores, "backup", target.name)
    except DingRunError as error:
        log.warning("the backup is not in the audit: %s", error)
    finally:
        await stores.store.close()


async def _copy_store(settings: Settings, folder: Path) -> None:
    url = settings.store.url
    if not url.startswith("mongodb"):
        await asyncio.to_thread(copy_store, sqlite_path(url), folder / DATABASE)
        return
    stores = open_stores(url)
    copy = sqlite_stores(SqliteStore(folder / DATABASE))
    try:
        await stores.store.open()
        await copy.store.open()
        await _copy_mongo(stores, copy, folder)
    finally:
        await copy.store.close()
        await stores.store.close()
    await asyncio.to_thread(seal, folder / DATABASE)


async def _copy_mongo(stores: StoreSet, copy: StoreSet, folder: Path) -> None:
    await copy_records(stores.moving, copy.moving)
    if stores.archive:
        await _copy_archive(stores.archive, folder / REPORTS)


async def _copy_archive(archive: ReportArchive, folder: Path) -> None:
    async for path in archive.paths():
        await asyncio.to_thread(make_private_folder, (folder / path).parent)
        await write_chunks(archive.read(path), folder / path)
