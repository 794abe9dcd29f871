"""`python -m bot export RUN`: the report of a run as a file, with its progress on the terminal."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bot.app import engine_of, open_store, owner_name, utc_now
from bot.config import Settings
from bot.errors import Permanent
from bot.exporters.inprocess import InProcessExporter
from bot.models import Run, RunStatus


async def export_run(settings: Settings, run_id: str, path: Path) -> int:
    """Write the workbook of an ended run to `path`, which must be absolute and new; its data rows."""
    store = open_store(settings)
    await store.open()
    try:
        run = await store.find_run(run_id)
        if run is None:
            raise Permanent(f"there is no run {run_id}; the chat command 状态 / status lists them")
        if run.status is RunStatus.RUNNING:
            raise Permanent(f"run {run_id} has not ended yet")
        engine = engine_of(settings, store, clock=utc_now, owner=owner_name())
        exporter = InProcessExporter(engine, zone=settings.timezone, lang=settings.lang)
        return await _with_progress(exporter, run, path)
    finally:
        await store.close()


async def _with_progress(exporter: InProcessExporter, run: Run, path: Path) -> int:
    export = asyncio.create_task(exporter.export(run, path))
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed:.0f} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(run.schedule_name, total=None)
        while not export.done():
            progress.update(bar, completed=exporter.progress(run.id) or 0)
            await asyncio.wait([export], timeout=0.2)
    return await export
