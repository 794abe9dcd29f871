"""`dingrun export RUN`: the report of a run as a file, with its progress on the terminal."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from bot.config.loader import Settings
from bot.errors import PermanentError
from bot.models import Findings, RunStatus
from bot.ports import Exporter, ReportInput
from bot.reports.comparison import load_report_input
from bot.runtime import owner_name, utc_now
from bot.wiring.engines import open_engine
from bot.wiring.exporters import build_local_exporter
from bot.wiring.stores import open_stores

EVERY = 0.2  # seconds between two looks


async def export_run(settings: Settings, run_id: str, path: Path) -> Findings:
    """Write the workbook of an ended run to `path`, which must be absolute and new; what it counted."""
    stores = open_stores(settings.store.url)
    store = stores.store
    await store.open()
    try:
        run = await store.find_run(run_id)
        if run is None:
            raise PermanentError(f"there is no run {run_id}; the chat command 状态 / status lists them")
        if run.status is RunStatus.RUNNING:
            raise PermanentError(f"run {run_id} has not ended yet")
        async with open_engine(settings, stores.tasks, clock=utc_now, owner=owner_name()) as engine:
            return await with_bar(
                build_local_exporter(settings, engine), await load_report_input(store, run), path
            )
    finally:
        await store.close()


async def with_bar(
    exporter: Exporter, story: ReportInput, path: Path, *, console: Console | None = None
) -> Findings:
    """Export, and show how far it is: finds taken, of all that both runs counted."""
    export = asyncio.create_task(exporter.export(story, path))
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console or Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(story.run.schedule_name, total=expected(story))
        while not export.done():
            taken = exporter.progress(story.run.id)
            if taken is not None:
                progress.update(bar, completed=taken, total=max(taken, expected(story) or 0) or None)
            await asyncio.wait([export], timeout=EVERY)
    return await export


def expected(story: ReportInput) -> int | None:
    """How many finds the compared runs counted; None when they counted none."""
    tallies = [run.task_counts for run in (story.run, *story.earlier[:1]) if run.task_counts]
    return sum(sum(tally.found.values()) for tally in tallies) or None
