"""Whether a service has looked for ARL's runs: what is over by its first look is never told."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.runs.discovery import WATERMARK


async def has_looked(folder: Path) -> bool:
    """Whether the service whose data lies in the folder has come to the end of its first look."""
    with closing(sqlite3.connect(folder / "data/dingrun.db")) as store:
        return bool(store.execute("select 1 from facts where key = ?", (WATERMARK,)).fetchall())
