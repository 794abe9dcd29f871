"""A core with runs that other systems report."""

from dataclasses import dataclass, field, replace
from typing import Any

from bot.engines.external.engine import ExternalEngine
from bot.engines.router import EngineRouter
from bot.external.merge import RunReport
from bot.external.models import Command, ExternalSchedule, ReportedStatus, RerunTarget
from bot.external.repository import Commands, ExternalRecords, ExternalRuns, ExternalSchedules
from bot.models import EXTERNAL, Run, Schedule
from bot.ports import Engine
from bot.runs.reporting import ReportResult, RunReports
from bot.wiring.stores import StoreSet
from tests.conftest import GROUP, CoreHarness

RUNNING, SUCCESS, FAILED = ReportedStatus.RUNNING, ReportedStatus.SUCCESS, ReportedStatus.FAILED
SLUG = "backup-db"
BACKUP = ExternalSchedule(slug=SLUG, name="数据库备份", rerun=RerunTarget(runner="db1"))


@dataclass
class FakeSender:
    """Keeps the commands that are sent."""

    sent: list[Command] = field(default_factory=list)
    error: Exception | None = None

    async def send(self, command: Command, schedule: ExternalSchedule) -> None:
        if self.error:
            raise self.error
        self.sent.append(command)


def records_in(stores: StoreSet, *schedules: ExternalSchedule, limit: int = 1_000) -> ExternalRecords:
    return ExternalRecords(
        schedules=ExternalSchedules(stores.documents, schedules, limit=limit, resolve=notified),
        runs=ExternalRuns(stores.documents),
        commands=Commands(stores.documents),
    )


def notified(schedule: Schedule) -> Schedule:
    """Notify the group of every run."""
    return replace(schedule, notify_enable=True, send_to=(GROUP,))


class Reported:
    """The core, its external engine, and what is sent to other systems."""

    def __init__(
        self, core: CoreHarness, stores: StoreSet, *schedules: ExternalSchedule, limit: int = 1_000
    ) -> None:
        self.core, self.sender, self.other = core, FakeSender(), core.engine
        self.records = records_in(stores, *(schedules or (BACKUP,)), limit=limit)
        self.engine = ExternalEngine(self.records, stores.tasks, self.sender, clock=core.clock)
        engines: dict[str, Engine] = {"": core.engine, EXTERNAL: self.engine}
        core.engine = EngineRouter(engines)  # type: ignore[assignment]
        core.build()
        self.reports = RunReports(core.store, self.records, core.runs, core.jobs)

    async def report(
        self, status: ReportedStatus | None, rid: str = "1", slug: str = SLUG, **more: Any
    ) -> ReportResult:
        return await self.reports.report(slug, rid, RunReport(status=status, **more))

    async def runs(self) -> list[Run]:
        """Return all runs, oldest first."""
        return list(await self.core.store.find_runs(limit=0))[::-1]

    async def run(self) -> Run:
        """Return the only run."""
        (run,) = await self.runs()
        return run
