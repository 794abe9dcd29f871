"""The deliveries of an ended run: its summary, its file, and its card's news.

Each is a job; what makes a repeat harmless is told in the table of `docs/architecture.md`.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.delivery.payload import DeliveryPayload, DeliveryResult
from bot.delivery.plan import card_id, delivery_job, job_id
from bot.delivery.reconcile import (
    MAX_JOBS_OF_RUN,
    Reconciler,
    destination_of,
    has_unconfirmed_file,
    shown_cards,
    update_job,
)
from bot.delivery.routing import RoutingSnapshot
from bot.delivery.summaries import DeliveryServices, Summaries, ended_run
from bot.jobs.queue import Claim, JobKind, Jobs, Postpone, Result
from bot.models import Destination, ExportStatus, Job, JobState, PushStatus, Run, RunStatus, deterministic_id
from bot.ports import Store
from bot.quota.budget import QuotaLevel
from bot.reports.repository import Reports
from cards.summary import CardState

log = logging.getLogger(__name__)

LATELY = timedelta(minutes=10)  # a report is sent once to a place, however many ask
ASKED = 1_000  # files of one run that are looked at
FAILED = {JobState.DEAD, JobState.UNCONFIRMED}
RECENT = 50  # runs at least that are looked at again after a crash
OUT_OF_CALLS = "the month's calls run out"
OPEN = frozenset({JobState.TODO, JobState.DOING})
MAX_OPEN_UPDATES = 5_000
TURN = timedelta(seconds=1)  # between looks at whether another update of the card is under way
BURST = timedelta(hours=1)  # and all that began within it, however many


class DeliveryPipeline:
    """Does the delivery jobs, and keeps `push_status` true to them."""

    def __init__(self, store: Store, jobs: Jobs, reports: Reports, *, means: DeliveryServices) -> None:
        self._store = store
        self._jobs = jobs
        self._reports = reports
        self._means = means
        self._summaries = Summaries(store, jobs, reports, means)
        self._reconciler = Reconciler(store, jobs)
        self._clock = jobs.clock

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {
            "card": JobKind(run=self._summaries.card, on_finished=self._summary_settled),
            "note": JobKind(run=self._summaries.note, on_finished=self._summary_settled),
            "file": JobKind(run=self._file, on_finished=self._settled, lease=timedelta(seconds=20)),
            "update": JobKind(run=self._update, on_finished=self._settled),
            **self._means.digests.kinds,
        }

    async def send_report(self, run: Run, destination: Destination, cause: str) -> bool:
        """Send the report of a run once more, to somebody who asked; False when the same cause asked
        before."""
        payload = DeliveryPayload(destination=destination, asked=True)
        return await self._jobs.add(delivery_job("file", run.id, payload, self._clock(), cause=cause))

    async def issued(self, run_id: str, card: str) -> bool:
        """Whether this card of a run was sent, or at least tried, by us."""
        jobs = await self._store.find_jobs(run_id=run_id, kind="card")
        return any(job.attempts and card_id(run_id, destination_of(job)) == card for job in jobs)

    async def was_asked(self, run_id: str, destination: Destination, cause: str) -> bool:
        """Whether this cause has asked for the report already."""
        return await self._jobs.known(f"{job_id('file', run_id, destination)}:{cause}")

    async def asked_lately(self, run_id: str, destination: Destination) -> datetime | None:
        """When this report was asked for at this place within ten minutes; None as well when that failed."""
        files = await self._store.find_jobs(run_id=run_id, kind="file", limit=ASKED)
        since = self._clock() - LATELY
        asked = [
            job.created_at
            for job in files
            if DeliveryPayload.of(job).asked
            and destination_of(job) == destination
            and job.state not in FAILED
        ]
        return max((at for at in asked if at > since), default=None)

    async def has_calls_left(self, destination: Destination) -> bool:
        """Whether calls are left for what people ask: it stops before the summaries do."""
        return await self._means.governor.level(destination) < QuotaLevel.WEBHOOK

    async def announce_rerun(self, run: Run, by: str) -> None:
        """Tell everyone who sees a card of this run that it was started again, and by whom."""
        await self.refresh_cards(run, "rerun", rerun_by=by)

    async def refresh_cards(self, run: Run, cause: str, *, rerun_by: str = "") -> None:
        """Show everyone who sees a card of this run how it stands now; once for each cause."""
        for card in await self._shown(run.id):
            await self._jobs.add(update_job(card, cause, self._clock(), rerun_by=rerun_by))

    async def report_settled(self, job: Job) -> None:
        """The export has ended, well or badly: cards and files wait no longer, cards already out are
        renewed."""
        waiting = await self._store.find_jobs(run_id=job.run_id)
        await self._jobs.make_due([other.id for other in waiting if other.kind in {"card", "note", "file"}])
        await self._reconciler.settle(job.run_id)

    async def reconcile(self) -> None:
        """Repair what crashes left between the ends of jobs and their consequences."""
        for run in await self._recent():
            if run.status is not RunStatus.RUNNING and run.push_status is PushStatus.PENDING:
                await self._reconciler.settle(run.id)
        await self._reconciler.run()

    async def _recent(self) -> Sequence[Run]:
        limit = RECENT
        while True:
            runs = await self._store.find_runs(limit=limit)
            if len(runs) < limit or self._clock() - runs[-1].start_time > BURST:
                return runs
            limit *= 4

    async def _file(self, claim: Claim) -> Result:
        run = await ended_run(self._store, claim.job, self._jobs)
        destination = destination_of(claim.job)
        if run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}:
            raise Postpone(self._clock() + timedelta(seconds=30))
        await self._wait_for_summary(run.id, destination)
        report = await self._reports.find(run_id=run.id)
        if report is None:
            return DeliveryResult(skipped=run.export_error or "there is no report").as_json()
        wanted = DeliveryPayload.of(claim.job).wanted_by_person
        if not wanted and (await self._quota(destination)).withholds_files:
            return DeliveryResult(skipped=OUT_OF_CALLS).as_json()
        messenger = self._means.channels.to(destination)
        async with self._means.circuit_breaker.guard(destination, claim.job.id, asked=wanted):
            return await self._means.report_sender.send(claim, report, messenger, self._means.cards)

    async def _update(self, claim: Claim) -> Result:
        destination, run_id = destination_of(claim.job), claim.job.run_id
        cards = [job for job in await self._shown(run_id) if destination_of(job) == destination]
        digest = DeliveryResult.of(cards[0]).digest if cards else ""
        if await self._is_superseded(claim.job, digest):
            return DeliveryResult(skipped="a later update follows").as_json()
        # what is shown is read from here on
        run = await ended_run(self._store, claim.job, self._jobs)
        jobs = await self._store.find_jobs(run_id=run_id, limit=MAX_JOBS_OF_RUN)
        unconfirmed = has_unconfirmed_file(jobs, destination)
        if not unconfirmed and (await self._quota(destination)).withholds_updates:
            return DeliveryResult(skipped=OUT_OF_CALLS).as_json()
        if digest:
            await self._means.digests.refresh_cards(digest)
            return {}
        news = CardState(
            rerun_by=await self._rerun_by(run.id, destination),
            unconfirmed=unconfirmed,
            linked=await self._means.report_sender.send_link(run.id),
        )
        view = self._means.cards.summary(run, await self._reports.find(run_id=run.id), news=news)
        await self._means.channels.to(destination).update_card(card_id(run.id, destination), view)
        return {}

    async def _is_superseded(self, job: Job, digest: str) -> bool:
        """Return whether a later update of the same card is about to show everything that this one would.

        Updates of one card never overlap, whichever bots make them: raises `Postpone` while another one is
        under way. What is shown is read after this, so the last one to be made shows the last state.
        """
        others = await self._open_updates(job, digest)
        now = self._clock()
        if any(other.state is JobState.DOING for other in others if other.id != job.id):
            raise Postpone(now + wait_for_turn(job.id))
        ids = [other.id for other in others]
        later = others[ids.index(job.id) + 1 :] if job.id in ids else []
        return any(other.due_at <= now for other in later)

    async def _open_updates(self, job: Job, digest: str) -> Sequence[Job]:
        """Find the updates of one card that have not ended; a card with many runs has updates for each."""
        if not digest:
            found = await self._store.find_jobs(run_id=job.run_id, kind="update", states=OPEN)
            return [other for other in found if destination_of(other) == destination_of(job)]
        runs = await self._means.digests.runs_in(digest)
        found = await self._store.find_jobs(kind="update", states=OPEN, limit=MAX_OPEN_UPDATES)
        mine = [other for other in found if destination_of(other) == destination_of(job)]
        return [other for other in mine if other.run_id in runs]

    async def _quota(self, destination: Destination) -> RoutingSnapshot:
        """Look at nothing but the quota."""
        if self._means.channels.is_silent(destination):
            return RoutingSnapshot(silent=True)
        return RoutingSnapshot(quota=await self._means.governor.level(destination))

    async def _shown(self, run_id: str) -> Sequence[Job]:
        """The cards of a run that people see."""
        return shown_cards(await self._store.find_jobs(run_id=run_id, kind="card", states={JobState.DONE}))

    async def _wait_for_summary(self, run_id: str, destination: Destination) -> None:
        """People read the summary first, then find the file under it."""
        for kind in ("card", "note"):
            summary = await self._store.find_job(job_id(kind, run_id, destination))
            if summary and not summary.state.ended:
                raise Postpone(max(summary.due_at, self._clock()) + timedelta(seconds=5))

    async def _rerun_by(self, run_id: str, destination: Destination) -> str:
        rerun = await self._store.find_job(f"{job_id('update', run_id, destination)}:rerun")
        return DeliveryPayload.of(rerun).rerun_by if rerun else ""

    async def _summary_settled(self, job: Job) -> None:
        await self._jobs.make_due([job_id("file", job.run_id, destination_of(job))])
        await self._reconciler.settle(job.run_id)

    async def _settled(self, job: Job) -> None:
        await self._reconciler.settle(job.run_id)


def wait_for_turn(job_id: str) -> timedelta:
    """Return how long an update waits for another one; each waits a little differently, so that two that
    wait for each other part."""
    return TURN * (1 + int(deterministic_id("", job_id), 36) % 1000 / 1000)
