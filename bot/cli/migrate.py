"""`dingrun migrate SOURCE TARGET`: carry a whole history from one store to another.

The target is empty at the start and remembers whose history it gets, so that a second call goes on where the
first one stopped. What is there already is left as it is.
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
from bot.stores.dump import MARKS, Dumpable, Entry
from bot.stores.sqlite.store import sqlite_path
from bot.telemetry.redaction import redact_url
from bot.wiring.stores import StoreSet, open_stores

BATCH = 500
ID, FROM, DONE = MARKS

Say = Callable[[str], object]
Counts = Mapping[str, tuple[int, int]]  # by kind: in the source, in the target


async def migrate(source: str, target: str, say: Say, *, folder: Path | None = None) -> None:
    """Carry everything over and say what was counted. With a folder, the files of the reports too.

    Raises `PermanentError` when a bot still works on the source, when the target holds another history, or
    when the counts differ in the end.
    """
    if source == target:
        raise ConfigError("SOURCE and TARGET are the same store")
    if not source.startswith("mongodb") and not sqlite_path(source).is_file():
        raise ConfigError(f"{source}: there is no such store")
    async with _opened(source) as here, _opened(target) as there:
        await _alone(here, source)
        if await _begin(here, there, target):
            await _carry_all(here.moving, there.moving, say)
            if folder:
                say(f"{'files':<8} {await _carry_files(here, there, folder):>11,} carried")
        counts = await _counts(here.moving, there.moving)
        _compare(counts, say, grown=bool(await there.store.find_value(DONE)))
        await there.store.set_value(DONE, datetime.now(UTC).isoformat())
    say(f"{redact_url(target)} has the history of {redact_url(source)}")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[StoreSet]:
    stores = open_stores(url)
    await stores.store.open()
    try:
        yield stores
    finally:
        await stores.store.close()


async def _alone(here: StoreSet, source: str) -> None:
    """A bot that works while its history is carried over would leave a part of it behind."""
    now = datetime.now(UTC)
    for job in await here.store.find_jobs(states={JobState.DOING}, limit=1000):
        if job.lease_until and job.lease_until > now:
            until = f"job {job.id} is its own until {job.lease_until:%H:%M:%S} UTC"
            raise PermanentError(f"a bot works on {redact_url(source)}, {until}: stop all bots first")


async def _begin(here: StoreSet, there: StoreSet, target: str) -> bool:
    """Make the target ours. False when everything was carried over before."""
    mine = await here.store.find_value(ID)
    if mine is None:
        mine = secrets.token_hex(8)
        await here.store.set_value(ID, mine)
    if await there.store.find_value(FROM) == mine:
        return await there.store.find_value(DONE) is None
    held = {kind: count for kind in there.moving.kinds if (count := await there.moving.count(kind))}
    if held or await there.store.find_value(FROM):
        told = ", ".join(f"{count} {kind}" for kind, count in held.items()) or "the beginning of one"
        raise PermanentError(f"{redact_url(target)} holds another history ({told}): name an empty store")
    await there.store.set_value(FROM, mine)
    return True


async def _carry_all(here: Dumpable, there: Dumpable, say: Say) -> None:
    for kind in here.kinds:
        carried = 0
        async for batch in _batches(here.read(kind)):
            await there.write(kind, batch)
            carried += len(batch)
        say(f"{kind:<8} {carried:>11,} carried")


async def _batches(entries: AsyncIterator[Entry]) -> AsyncIterator[list[Entry]]:
    batch: list[Entry] = []
    async for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _carry_files(here: StoreSet, there: StoreSet, folder: Path) -> int:
    """Put the files of the folder into the target's archive, or bring those of the source's out."""
    carried = 0
    async for entry in here.moving.read("reports"):
        if there.archive:
            carried += await _put(there.archive, entry.record, folder)
        elif here.archive and not await asyncio.to_thread((folder / entry.record.path).is_file):
            carried += await fetch(here.archive, entry.record, folder)
    return carried


async def _put(archive: ReportArchive, report: Report, folder: Path) -> bool:
    file = folder / report.path
    if not await asyncio.to_thread(file.is_file) or await archive.exists(report.path):
        return False
    await archive.put(report.path, file)
    return True


async def _counts(here: Dumpable, there: Dumpable) -> Counts:
    return {kind: (await here.count(kind), await there.count(kind)) for kind in here.kinds}


def _compare(counts: Counts, say: Say, *, grown: bool) -> None:
    """Say the counts; a target that a bot has used since may have more."""
    for kind, (source, target) in counts.items():
        say(f"{kind:<8} {source:>11,} in the source {target:>11,} in the target")
    differ = {kind: target - source for kind, (source, target) in counts.items() if source != target}
    wrong = [kind for kind, more in differ.items() if more < 0 or not grown]
    if wrong:
        raise PermanentError(f"the counts differ: {', '.join(wrong)}")
