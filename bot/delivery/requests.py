"""The deliveries that people request, and the card updates that their actions cause."""

from datetime import datetime, timedelta

from bot.delivery.consequences import shown_cards, update_job
from bot.delivery.payload import DeliveryPayload, destination_of
from bot.delivery.plan import card_id, delivery_job, job_id
from bot.delivery.recipients import refuses_report
from bot.jobs.queue import Jobs
from bot.models import UNDELIVERED_STATES, Destination, JobState, Run
from bot.ports import Store
from bot.quota.budget import QuotaLevel
from bot.quota.governor import Governor

REPEAT_INTERVAL = timedelta(minutes=10)  # within it, a report is sent to a destination once
CARDS = ("card", "start")  # kinds of jobs that send a card
MAX_FILES = 1_000  # of one run


class DeliveryRequests:
    """Stores the jobs that handlers request. All of them are idempotent."""

    def __init__(self, store: Store, jobs: Jobs, governor: Governor) -> None:
        self._store = store
        self._jobs = jobs
        self._governor = governor

    async def send_report(self, run: Run, destination: Destination, cause: str) -> bool:
        """Send the report of a run because a person requested it.

        False if the same cause did so before, or if the destination gets no reports.
        """
        if refuses_report(run, destination):
            return False
        payload = DeliveryPayload(destination=destination, asked=True)
        return await self._jobs.add(delivery_job("file", run.id, payload, self._jobs.clock(), cause=cause))

    async def card_destination(self, run_id: str, card: str) -> Destination | None:
        """Return where DingRun sent this card of a run, or tried to. None for any other card."""
        jobs = [job for kind in CARDS for job in await self._store.find_jobs(run_id=run_id, kind=kind)]
        sent_to = (destination_of(job) for job in jobs if job.attempts)
        return next((place for place in sent_to if card_id(run_id, place) == card), None)

    async def was_asked(self, run_id: str, destination: Destination, cause: str) -> bool:
        """Return whether this cause has already requested the report."""
        return await self._jobs.known(f"{job_id('file', run_id, destination)}:{cause}")

    async def asked_lately(self, run_id: str, destination: Destination) -> datetime | None:
        """Return when the report was last requested for a destination.

        None when that was longer than `REPEAT_INTERVAL` ago, or did not succeed.
        """
        files = await self._store.find_jobs(run_id=run_id, kind="file", limit=MAX_FILES)
        since = self._jobs.clock() - REPEAT_INTERVAL
        requested = [
            job.created_at
            for job in files
            if DeliveryPayload.of(job).asked
            and destination_of(job) == destination
            and job.state not in UNDELIVERED_STATES
        ]
        return max((at for at in requested if at > since), default=None)

    async def has_calls_left(self, destination: Destination) -> bool:
        """Return whether the quota allows what people request. Summaries are sent a little longer."""
        return await self._governor.level(destination) < QuotaLevel.WEBHOOK

    async def announce_rerun(self, run: Run, started: Run) -> None:
        """Show on every card of a run who started the next one from it."""
        await self.refresh_cards(run, f"rerun:{started.id}")

    async def refresh_cards(self, run: Run, cause: str) -> None:
        """Show the current state of the run on all of its cards. Idempotent by `cause`."""
        cards = await self._store.find_jobs(run_id=run.id, kind="card", states={JobState.DONE})
        for card in shown_cards(cards):
            await self._jobs.add(update_job(card, cause, self._jobs.clock()))
