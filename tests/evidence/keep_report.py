"""Store a run, write its report and record it: `python -m tests.evidence.keep_report FOLDER`."""

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.models import ExportStatus
from bot.reports.repository import Reports
from bot.reports.storage import ReportStorage
from bot.stores.sqlite.store import SqliteStore
from tests.factories import NOW, make_run

CONTENT = b"a workbook" * 1_000


async def keep_report(folder: Path) -> None:
    """Do with the real store and the real storage what `bot.reports.exports` does."""
    store = SqliteStore(folder / "data/dingrun.db")
    await store.open()
    storage = ReportStorage(folder=folder / "reports", keep=timedelta(days=90), zone=ZoneInfo("UTC"))
    reports = Reports(store, storage, clock=lambda: NOW)
    run = replace(make_run(id="r1", idempotency_key="c1"), start_time=NOW)
    await store.add_run(run)
    path = await reports.reserve_path(run)
    path.write_bytes(CONTENT)
    await store.save_report(await reports.commit(run, path, rows=1))
    await store.update_run(run.id, {"export_status": ExportStatus.SUCCESS})
    await store.close()


if __name__ == "__main__":
    asyncio.run(keep_report(Path(sys.argv[1])))
