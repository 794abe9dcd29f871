"""Run export workers in the process of the test: each notification runs the real `ExportWorker`."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.cli.worker import ExportWorker, Limits
from bot.exporters.celery.exporter import CeleryExporter
from bot.exporters.celery.requests import KIND, new_request
from bot.exporters.celery.transfer import FileTransfer, SharedFolder
from bot.models import Clock, Job, RunStatus, TaskCounts
from bot.ports import Exporter, ReportInput, Store
from bot.runtime import utc_now
from tests.factories import NOW, make_run
from tests.fakes import FakeExporter

LIMITS = Limits(lease=timedelta(minutes=10), seconds=60)  # longer than any test turns a clock


@dataclass
class WorkerHarness:
    """A notifier with its workers. The first `lost_notifications` wake nobody."""

    store: Store
    folder: Path
    local_exporter: Exporter = field(default_factory=FakeExporter)
    transfer: FileTransfer | None = None
    limits: Limits = LIMITS
    trouble: list[Exception] = field(default_factory=list)  # errors of the next notifications
    lost_notifications: int = 0
    notifications: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.handed = self.transfer or SharedFolder(self.folder)

    def notify(self) -> None:
        """Notify a worker, as the exporter does: in a thread."""
        self.notifications += 1
        if self.trouble:
            raise self.trouble.pop(0)
        if self.notifications > self.lost_notifications:
            asyncio.run_coroutine_threadsafe(self.worker().run_next(), self._loop)

    def check(self) -> None:
        """Connect to the broker, as a probe does: in a thread."""
        if self.trouble:
            raise self.trouble.pop(0)

    def worker(self, name: str = "worker") -> ExportWorker:
        return ExportWorker(self.store, self.local_exporter, self.handed, owner=name, limits=self.limits)

    def exporter(self, clock: Clock = utc_now) -> CeleryExporter:
        return CeleryExporter(self.store, self.handed, self, clock=clock)

    def path(self, name: str = "r.xlsx") -> Path:
        day = self.folder / "2026-11-24"
        day.mkdir(parents=True, exist_ok=True)
        return day / name

    async def requests(self) -> list[Job]:
        return [*await self.store.find_jobs(kind=KIND)]

    async def add_old_request(self, **changes: Any) -> Job:
        """Add a request for run `r1`, as a bot that died would leave it."""
        order = replace(new_request("r1", "r1.old", "2026-11-24/r1.old.part", utc_now()), **changes)
        await self.store.add_job(order)
        return order

    async def report_input(self, number: int = 1) -> ReportInput:
        """Add an ended run and return its report input."""
        run = make_run(
            id=f"r{number}",
            idempotency_key=f"c{number}",
            status=RunStatus.FINISHED,
            end_time=NOW,
            task_counts=TaskCounts(total=1, done=1),
            task_ids=("t1",),
        )
        await self.store.add_run(run)
        return ReportInput(run=run)
