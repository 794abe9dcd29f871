"""Waiting for the first run discovery. Runs that ended before it are not announced."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.runs.discovery import WATERMARK


async def has_looked(folder: Path) -> bool:
    """Return True if the service with this data folder has finished its first discovery."""
    with closing(sqlite3.connect(folder / "data/dingrun.db")) as store:
        return bool(store.execute("select 1 from facts where key = ?", (WATERMARK,)).fetchall())
