"""`dingrun migrate SOURCE TARGET`: copy all data from one store to another.

The target must be empty. It remembers which source it copies, so a second call resumes where the first one
stopped. Records that exist in the target are not overwritten.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import ConfigError, PermanentError
from bot.models import JobState, Report
from bot.ports import ReportArchive
from bot.reports.archive import fetch
from bot.stores.dump import INTERNAL_KEYS, Dumpable, Entry
from bot.stores.sqlite.store import sqlite_path
from bot.telemetry.redaction import redact_url
from bot.wiring.stores import StoreSet, open_stores

BATCH_SIZE = 500  # records per write
MAX_RUNNING_JOBS = 1000
ID_KEY, SOURCE_KEY, DONE_KEY = INTERNAL_KEYS

Say = Callable[[str], object]
Counts = Mapping[str, tuple[int, int]]  # by kind: in the source, in the target


async def migrate(source: str, target: str, say: Say, *, folder: Path | None = None) -> None:
    """Copy all records and print the counts. With `folder`, copy the report files too.

    Raises `PermanentError`

    - if a bot still works on the source,
    - if the target holds other data,
    - if the counts differ at the end.
    """
    if source == target:
        raise ConfigError("SOURCE and TARGET are the same store")
    if not source.startswith("mongodb") and not sqlite_path(source).is_file():
        raise ConfigError(f"{source}: no such store")
    async with _opened(source) as here, _opened(target) as there:
        await _ensure_idle(here, source)
        if await _begin(here, there, target):
            await _copy_all(here.moving, there.moving, say)
            if folder:
                say(f"{'files':<8} {await _copy_files(here, there, folder):>11,} copied")
        counts = await _counts(here.moving, there.moving)
        _compare(counts, say, grown=bool(await there.store.find_value(DONE_KEY)))
        await there.store.set_value(DONE_KEY, datetime.now(UTC).isoformat())
    say(f"copied {redact_url(source)} to {redact_url(target)}")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[StoreSet]:
    stores = open_stores(url)
    await stores.store.open()
    try:
        yield stores
    finally:
        await stores.store.close()


async def _ensure_idle(here: StoreSet, source: str) -> None:
    """Raise `PermanentError` if a job is running: its outcome might not be copied."""
    now = datetime.now(UTC)
    for job in await here.store.find_jobs(states={JobState.DOING}, limit=MAX_RUNNING_JOBS):
        if job.lease_until and job.lease_until > now:
            until = f"the lease of job {job.id} ends at {job.lease_until:%H:%M:%S} UTC"
            raise PermanentError(f"a bot works on {redact_url(source)}, {until}: stop all bots first")


async def _begin(here: StoreSet, there: StoreSet, target: str) -> bool:
    """Reserve the target for this source. Returns False if an earlier call has copied everything."""
    source_id = await here.store.find_value(ID_KEY)
    if source_id is None:
        source_id = secrets.token_hex(8)
        await here.store.set_value(ID_KEY, source_id)
    if await there.store.find_value(SOURCE_KEY) == source_id:
        return await there.store.find_value(DONE_KEY) is None
    records = {kind: count for kind in there.moving.kinds if (count := await there.moving.count(kind))}
    if records or await there.store.find_value(SOURCE_KEY):
        found = ", ".join(f"{count} {kind}" for kind, count in records.items()) or "an interrupted copy"
        raise PermanentError(f"{redact_url(target)} holds other data ({found}): choose an empty store")
    await there.store.set_value(SOURCE_KEY, source_id)
    return True


async def _copy_all(here: Dumpable, there: Dumpable, say: Say) -> None:
    for kind in here.kinds:
        copied = 0
        async for batch in _batches(here.read(kind)):
            await there.write(kind, batch)
            copied += len(batch)
        say(f"{kind:<8} {copied:>11,} copied")


async def _batches(entries: AsyncIterator[Entry]) -> AsyncIterator[list[Entry]]:
    batch: list[Entry] = []
    async for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch


async def _copy_files(here: StoreSet, there: StoreSet, folder: Path) -> int:
    """Copy the report files from the folder to the archive of the target, or the other way round."""
    copied = 0
    async for entry in here.moving.read("reports"):
        if there.archive:
            copied += await _put(there.archive, entry.record, folder)
        elif here.archive and not await asyncio.to_thread((folder / entry.record.path).is_file):
            copied += await fetch(here.archive, entry.record, folder)
    return copied


async def _put(archive: ReportArchive, report: Report, folder: Path) -> bool:
    file = folder / report.path
    if not await asyncio.to_thread(file.is_file) or await archive.exists(report.path):
        return False
    await archive.put(report.path, file)
    return True


async def _counts(here: Dumpable, there: Dumpable) -> Counts:
    return {kind: (await here.count(kind), await there.count(kind)) for kind in here.kinds}


def _compare(counts: Counts, say: Say, *, grown: bool) -> None:
    """Print the counts. A target that a bot has used since (`grown`) may hold more."""
    for kind, (source, target) in counts.items():
        say(f"{kind:<8} {source:>11,} in the source {target:>11,} in the target")
    differ = {kind: target - source for kind, (source, target) in counts.items() if source != target}
    wrong = [kind for kind, more in differ.items() if more < 0 or not grown]
    if wrong:
        raise PermanentError(f"the counts differ: {', '.join(wrong)}")
