"""The deliveries of an ended run: its summary, its file, and its card's news.

Each is a job; what makes a repeat harmless is told in the table of `docs/architecture.md`.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.jobs import Claim, JobKind, Jobs, NotYet, Result
from bot.models import Destination, ExportStatus, Job, JobState, PushStatus, Run, RunStatus
from bot.plan import card_id, job_id, push_verdict
from bot.ports import Store
from bot.quota import Rung
from bot.reports import Reports
from bot.summaries import Means, Summaries, destination_of, ended_run
from cards.summary import News

log = logging.getLogger(__name__)

LATELY = timedelta(minutes=10)  # a report is sent once to a place, however many ask
ASKED = 1_000  # files of one run that are looked at
FAILED = {JobState.DEAD, JobState.UNCONFIRMED}
RECENT = 50  # runs at least that are looked at again after a crash
BURST = timedelta(hours=1)  # and all that began within it, however many


class Deliver:
    """Does the delivery jobs, and keeps `push_status` true to them."""

    def __init__(self, store: Store, jobs: Jobs, reports: Reports, *, means: Means) -> None:
        self._store = store
        self._jobs = jobs
        self._reports = reports
        self._means = means
        self._summaries = Summaries(store, jobs, reports, means)
        self._clock = jobs.clock

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {
            "card": JobKind(act=self._summaries.card, settled=self._summary_settled),
            "note": JobKind(act=self._summaries.note, settled=self._summary_settled),
            "file": JobKind(act=self._file, settled=self._file_settled, lease=timedelta(seconds=20)),
            "update": JobKind(act=self._update),
            **self._means.digests.kinds,
        }

    async def send_report(self, run: Run, destination: Destination, cause: str) -> bool:
        """Send the report of a run once more, to somebody who asked; False when the same cause asked
        before."""
        return await self._jobs.add(self._job("file", run.id, destination, cause=cause, asked=True))

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
            if "asked" in job.payload and destination_of(job) == destination and job.state not in FAILED
        ]
        return max((at for at in asked if at > since), default=None)

    async def has_calls_left(self, destination: Destination) -> bool:
        """Whether calls are left for what people ask: it stops before the summaries do."""
        return await self._rung(destination) < Rung.WEBHOOK

    async def show_rerun(self, run: Run, by: str) -> None:
        """Tell everyone who sees a card of this run that it was started again, and by whom."""
        await self.renew(run, "rerun", rerun_by=by)

    async def renew(self, run: Run, cause: str, **payload: object) -> None:
        """Show everyone who sees a card of this run how it stands now; once for each cause."""
        for job in await self._shown(run.id):
            await self._jobs.add(self._job("update", run.id, destination_of(job), cause=cause, **payload))

    async def report_settled(self, job: Job) -> None:
        """The export has ended, well or badly: cards and files wait no longer, cards already out are
        renewed."""
        waiting = await self._store.find_jobs(run_id=job.run_id)
        await self._jobs.advance([other.id for other in waiting if other.kind in {"card", "note", "file"}])
        for other in await self._shown(job.run_id):
            if "digest" not in other.result:  # a line among others says nothing of reports
                update = self._job("update", job.run_id, destination_of(other), cause=job.id)
                await self._jobs.add(update)

    async def reconcile(self) -> None:
        """What a crash left between the end of a job and its consequence is made good."""
        for run in await self._recent():
            if run.status is RunStatus.RUNNING:
                continue
            if run.push_status is PushStatus.PENDING:
                for job in await self._store.find_jobs(run_id=run.id, kind="card", states={JobState.DEAD}):
                    await self._instead(job)
                await self._judge_push(run.id)
            if run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}:
                await self._judge_export(run.id)

    async def _recent(self) -> Sequence[Run]:
        limit = RECENT
        while True:
            runs = await self._store.find_runs(limit=limit)
            if len(runs) < limit or self._clock() - runs[-1].start_time > BURST:
                return runs
            limit *= 4

    async def _judge_export(self, run_id: str) -> None:
        """A report that was given up while nobody could write it into the run."""
        exports = await self._store.find_jobs(run_id=run_id, kind="export")
        if exports and exports[-1].state is JobState.DEAD:
            why = {"export_status": ExportStatus.ERROR, "export_error": exports[-1].error}
            await self._store.update_run(run_id, why)
            await self.report_settled(exports[-1])

    async def _file(self, claim: Claim) -> Result:
        run = await ended_run(self._store, claim.job, self._jobs)
        destination = destination_of(claim.job)
        if run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}:
            raise NotYet(self._clock() + timedelta(seconds=30))
        await self._wait_for_summary(run.id, destination)
        report = await self._reports.find(run_id=run.id)
        if report is None:
            return {"skipped": run.export_error or "there is no report"}
        if not asked_for(claim.job) and await self._rung(destination) >= Rung.NO_FILE:
            return {"skipped": "the month's calls run out"}
        messenger = self._means.channels.to(destination)
        return await self._means.parcels.send(claim, report, messenger, self._means.cards)

    async def _update(self, claim: Claim) -> Result:
        run = await ended_run(self._store, claim.job, self._jobs)
        destination = destination_of(claim.job)
        unconfirmed = await self._is_unconfirmed(run.id, destination)
        if not unconfirmed and await self._rung(destination) >= Rung.NO_UPDATES:
            return {"skipped": "the month's calls run out"}
        shown = [job for job in await self._shown(run.id) if destination_of(job) == destination]
        if shown and "digest" in shown[0].result:
            await self._means.digests.renew(str(shown[0].result["digest"]))
            return {}
        news = News(
            rerun_by=await self._rerun_by(run.id, destination),
            unconfirmed=unconfirmed,
            linked=await self._means.parcels.linked(run.id),
        )
        view = self._means.cards.summary(run, await self._reports.find(run_id=run.id), news=news)
        await self._means.channels.to(destination).update_card(card_id(run.id, destination), view)
        return {}

    async def _rung(self, destination: Destination) -> Rung:
        if self._means.channels.is_silent(destination):
            return Rung.FULL
        return await self._means.governor.rung(destination)

    async def _shown(self, run_id: str) -> list[Job]:
        """The cards of a run that people see."""
        cards = await self._store.find_jobs(run_id=run_id, kind="card", states={JobState.DONE})
        return [job for job in cards if not job.result.get("silent") and not job.result.get("fell")]

    async def _wait_for_summary(self, run_id: str, destination: Destination) -> None:
        """People read the summary first, then find the file under it."""
        for kind in ("card", "note"):
            summary = await self._store.find_job(job_id(kind, run_id, destination))
            if summary and not summary.state.ended:
                raise NotYet(max(summary.due_at, self._clock()) + timedelta(seconds=5))

    async def _rerun_by(self, run_id: str, destination: Destination) -> str:
        rerun = await self._store.find_job(f"{job_id('update', run_id, destination)}:rerun")
        return str(rerun.payload.get("rerun_by", "")) if rerun else ""

    async def _summary_settled(self, job: Job) -> None:
        if job.kind == "card" and job.state is JobState.DEAD:
            await self._instead(job)
        await self._jobs.advance([job_id("file", job.run_id, destination_of(job))])
        await self._judge_push(job.run_id)

    async def _instead(self, job: Job) -> None:
        """A card that was given up: a plain message goes."""
        log.error("no card for %s, a plain message goes instead: %s", destination_of(job), job.error)
        await self._summaries.fall(job.run_id, destination_of(job), job.error)

    async def _is_unconfirmed(self, run_id: str, destination: Destination) -> bool:
        """Whether the newest attempt at the file of this card is one of which nobody knows."""
        jobs = await self._store.find_jobs(run_id=run_id, kind="file")
        mine = [job.state for job in jobs if job.payload.get("destination") == str(destination)]
        return bool(mine) and mine[-1] is JobState.UNCONFIRMED

    async def _file_settled(self, job: Job) -> None:
        """The card says so when its file is unconfirmed, and no longer once that was sent again; where a link
        went, it can call it back."""
        if job.state is not JobState.UNCONFIRMED and "again" not in job.payload and "link" not in job.result:
            return
        if any(destination_of(card) == destination_of(job) for card in await self._shown(job.run_id)):
            await self._jobs.add(self._job("update", job.run_id, destination_of(job), cause=job.id))

    async def _judge_push(self, run_id: str) -> None:
        jobs = await self._store.find_jobs(run_id=run_id)
        verdict = push_verdict([job for job in jobs if job.kind in {"card", "note"}])
        if verdict is not PushStatus.PENDING:
            await self._store.update_run(run_id, {"push_status": verdict})

    def _job(
        self, kind: str, run_id: str, destination: Destination, *, cause: str = "", **payload: object
    ) -> Job:
        now: datetime = self._clock()
        id_ = job_id(kind, run_id, destination)
        return Job(
            id=f"{id_}:{cause}" if cause else id_,
            kind=kind,
            run_id=run_id,
            payload={"destination": str(destination), **payload},
            created_at=now,
            due_at=now,
        )


def asked_for(job: Job) -> bool:
    """Whether a person wants this delivery now, and not the end of a run."""
    return "asked" in job.payload or "again" in job.payload
