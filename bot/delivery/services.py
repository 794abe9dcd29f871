"""The services that delivery jobs use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.delivery.channels import Channels
from bot.delivery.circuit_breaker import CircuitBreaker
from bot.delivery.digests import Digests
from bot.delivery.files import ReportSender
from bot.delivery.policy.effective import acknowledgement_of
from bot.delivery.policy.overrides import Overrides
from bot.delivery.policy.quiet_hours import QuietHours
from bot.delivery.recipients import has_failures
from bot.delivery.routing import RoutingSnapshot
from bot.errors import PermanentError
from bot.jobs.queue import Jobs, Postpone
from bot.models import Acknowledgement, Destination, Job, Run, RunStatus
from bot.ports import Store
from bot.quota.governor import Governor
from bot.reports.repository import Reports
from cards.render import Cards

RUN_POLL_INTERVAL = timedelta(seconds=1)
MAX_HISTORY_RUNS = 20  # read for the chart on a card; later runs and retries are not on it


@dataclass(frozen=True, kw_only=True)
class DeliveryServices:
    """Everything that the functions in `bot.delivery.jobs` need."""

    store: Store
    jobs: Jobs
    reports: Reports
    channels: Channels
    cards: Cards
    governor: Governor
    circuit_breaker: CircuitBreaker
    digests: Digests
    report_sender: ReportSender
    overrides: Overrides
    quiet_hours: QuietHours | None = None
    silent_success: bool = False  # cards of runs that succeeded, as the run before did, notify nobody
    remind_after: timedelta = timedelta()  # after the summary of a failed run; 0 = nobody is reminded

    async def find_ended_run(self, job: Job) -> Run:
        """Return the run of a delivery job. Raises `Postpone` while it is running.

        The jobs of a run are stored before its final status, so they may be claimed a moment too early.
        """
        run = await self.store.find_run(job.run_id)
        if run is None:
            raise PermanentError(f"run {job.run_id} is not in the store")
        if run.status is RunStatus.RUNNING:
            raise Postpone(self.jobs.clock() + RUN_POLL_INTERVAL)
        return run

    async def acknowledgement(self, run: Run) -> Acknowledgement | None:
        """Return who takes care of a failed run, or None. Costs no query for a run without failures."""
        return (
            acknowledgement_of(await self.overrides.find(run.schedule_id), run) if has_failures(run) else None
        )

    async def history(self, run: Run) -> Sequence[Run]:
        """Return the last runs of a schedule up to this one, in any order, if its card shows them."""
        if not self.cards.shows_history:
            return ()
        found = await self.store.find_runs(schedule_id=run.schedule_id, limit=MAX_HISTORY_RUNS)
        return [each for each in found if each.id != run.id and each.start_time <= run.start_time] + [run]

    async def quota_snapshot(self, destination: Destination) -> RoutingSnapshot:
        """Read the quota level of a destination, and nothing else that a route depends on."""
        if self.channels.is_silent(destination):
            return RoutingSnapshot(silent=True)
        fallback = self.channels.fallback_webhook(destination)
        level = await self.governor.level(destination, has_fallback=fallback is not None)
        return RoutingSnapshot(quota=level)
