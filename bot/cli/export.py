"""`dingrun export RUN`: write the report of a run to a file, with a progress bar."""

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

from bot.audit.request import note_run
from bot.cli.audited import audited_command
from bot.config.loader import Settings
from bot.errors import PermanentError
from bot.models import Findings, Run, RunStatus
from bot.ports import Exporter, ReportInput, Store
from bot.reports.comparison import load_report_input
from bot.runtime import owner_name, utc_now
from bot.wiring.engines import open_engine
from bot.wiring.exporters import build_local_exporter
from bot.wiring.stores import open_stores

REFRESH_INTERVAL_SECONDS = 0.2


async def export_run(settings: Settings, run_id: str, path: Path) -> Findings:
    """Write the workbook of a finished run to `path`, and return what it counted.

    `path` must be absolute and must not exist. Raises `PermanentError` if the run is unknown or running.
    """
    stores = open_stores(settings.store.url)
    store = stores.store
    await store.open()
    try:
        async with audited_command(settings, stores, "export", run_id):
            run = await _ended_run(store, run_id)
            async with open_engine(settings, stores, clock=utc_now, owner=owner_name()) as engine:
                return await export_with_progress_bar(
                    build_local_exporter(settings, engine), await load_report_input(store, run), path
                )
    finally:
        await store.close()


async def _ended_run(store: Store, run_id: str) -> Run:
    run = await store.find_run(run_id)
    if run is None:
        raise PermanentError(f"no run {run_id}; the chat command 状态 / status lists the runs")
    note_run(run)
    if run.status is RunStatus.RUNNING:
        raise PermanentError(f"run {run_id} is still running")
    return run


async def export_with_progress_bar(
    exporter: Exporter, report_input: ReportInput, path: Path, *, console: Console | None = None
) -> Findings:
    """Export, and show the assets read of all that the two compared runs counted."""
    export = asyncio.create_task(exporter.export(report_input, path))
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console or Console(stderr=True), transient=True) as progress:
        total = expected_assets(report_input)
        bar = progress.add_task(report_input.run.schedule_name, total=total)
        while not export.done():
            taken = exporter.progress(report_input.run.id)
            if taken is not None:
                progress.update(bar, completed=taken, total=max(taken, total or 0) or None)
            await asyncio.wait([export], timeout=REFRESH_INTERVAL_SECONDS)
    return await export


def expected_assets(report_input: ReportInput) -> int | None:
    """Return how many assets the compared runs counted, or None."""
    counts = [run.task_counts for run in (report_input.run, *report_input.earlier[:1]) if run.task_counts]
    return sum(sum(each.found.values()) for each in counts) or None
