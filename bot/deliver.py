"""The deliveries of an ended run: its card, its message where cards cannot go, its file, its card's news.

Each is a job; what makes a repeat harmless is told in the table of `docs/architecture.md`.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.channels import Channels
from bot.errors import Permanent
from bot.jobs import Claim, JobKind, Jobs, NotYet, Result
from bot.models import (
    Destination,
    DestinationKind,
    ExportStatus,
    Job,
    JobState,
    PushStatus,
    Receipt,
    Report,
    Run,
    RunStatus,
)
from bot.plan import CARD_KINDS, EXPORT_PATIENCE, card_id, job_id, push_verdict
from bot.ports import Store
from bot.reports import Reports
from cards.render import Cards

log = logging.getLogger(__name__)

RECENT = 50  # runs that are looked at again after a crash
NOTE_LIMITS = {  # bytes of text, with room for what the channel wraps around it
    DestinationKind.GROUP: 12_000,  # msgParam 15,000, 0716-the-robot-sends-a-group-message
    DestinationKind.USER: 12_000,
    DestinationKind.WORK: 1_700,  # whole msg 2,048, 0769-asynchronous-sending-of-enterprise-session-messages
    DestinationKind.WEBHOOK: 18_000,  # 20,000 seen in the wild; not documented
}


class Deliver:
    """Does the delivery jobs, and keeps `push_status` true to them."""

    def __init__(
        self, store: Store, jobs: Jobs, reports: Reports, *, channels: Channels, cards: Cards
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._reports = reports
        self._channels = channels
        self._cards = cards
        self._clock = jobs.clock

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {
            "card": JobKind(act=self._card, settled=self._summary_settled),
            "note": JobKind(act=self._note, settled=self._summary_settled),
            "file": JobKind(act=self._file, settled=self._file_settled, lease=timedelta(seconds=20)),
            "update": JobKind(act=self._update),
        }

    async def send_report(self, run: Run, destination: Destination, cause: str) -> bool:
        """Send the report of a run once more, to somebody who asked; False when the same cause asked
        before."""
        return await self._jobs.add(self._job("file", run.id, destination, cause=cause))

    async def show_rerun(self, run: Run, by: str) -> None:
        """Tell everyone who sees a card of this run that it was started again, and by whom."""
        for job in await self._store.find_jobs(run_id=run.id, kind="card", states={JobState.DONE}):
            if not job.result.get("silent"):
                update = self._job("update", run.id, _destination(job), cause="rerun", rerun_by=by)
                await self._jobs.add(update)

    async def report_settled(self, job: Job) -> None:
        """The export has ended, well or badly: cards and files wait no longer, cards already out are
        renewed."""
        waiting = await self._store.find_jobs(run_id=job.run_id)
        await self._jobs.advance([other.id for other in waiting if other.kind in {"card", "note", "file"}])
        for other in waiting:
            if other.kind == "card" and other.state is JobState.DONE and not other.result.get("silent"):
                await self._jobs.add(self._job("update", job.run_id, _destination(other), cause=job.id))

    async def reconcile(self) -> None:
        """What a crash left between the end of a job and its consequence is made good."""
        for run in await self._store.find_runs(limit=RECENT):
            if run.status is not RunStatus.RUNNING and run.push_status is PushStatus.PENDING:
                await self._judge_push(run.id)

    async def _card(self, claim: Claim) -> Result:
        run = await self._ended_run(claim.job)
        self._wait_for_export(run)
        destination = _destination(claim.job)
        card = card_id(run.id, destination)
        view = self._cards.summary(run, await self._reports.find(run_id=run.id))
        receipt = await self._channels.to(destination).send_card(destination, view, card)
        return {**_proof(receipt), "card_id": card}

    async def _note(self, claim: Claim) -> Result:
        run = await self._ended_run(claim.job)
        self._wait_for_export(run)
        destination = _destination(claim.job)
        report = await self._reports.find(run_id=run.id)
        note = self._cards.summary_note(run, report, limit=NOTE_LIMITS[destination.kind])
        if destination.kind in CARD_KINDS:  # the robot's messages know no key that makes a repeat harmless
            await claim.mark()
        return _proof(await self._channels.to(destination).send_note(destination, note, claim.job.id))

    async def _file(self, claim: Claim) -> Result:
        run = await self._ended_run(claim.job)
        destination = _destination(claim.job)
        if run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}:
            raise NotYet(self._clock() + timedelta(seconds=30))
        await self._wait_for_summary(run.id, destination)
        report = await self._reports.find(run_id=run.id)
        if report is None:
            return {"skipped": run.export_error or "there is no report"}
        report = await self._uploaded(report, destination)
        await claim.mark()
        messenger = self._channels.to(destination)
        return _proof(await messenger.send_file(destination, report.media_id, report.name))

    async def _update(self, claim: Claim) -> Result:
        run = await self._ended_run(claim.job)
        destination = _destination(claim.job)
        report = await self._reports.find(run_id=run.id)
        view = self._cards.summary(
            run,
            report,
            rerun_by=await self._rerun_by(run.id, destination),
            unconfirmed=await self._is_unconfirmed(run.id, destination),
        )
        await self._channels.to(destination).update_card(card_id(run.id, destination), view)
        return {}

    async def _ended_run(self, job: Job) -> Run:
        run = await self._store.find_run(job.run_id)
        if run is None:
            raise Permanent(f"run {job.run_id} is not in the store")
        if run.status is RunStatus.RUNNING:  # jobs are written before the status
            raise NotYet(self._clock() + timedelta(seconds=1))
        return run

    def _wait_for_export(self, run: Run) -> None:
        limit = (run.end_time or run.start_time) + EXPORT_PATIENCE
        if run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING} and self._clock() < limit:
            raise NotYet(limit)

    async def _wait_for_summary(self, run_id: str, destination: Destination) -> None:
        """People read the summary first, then find the file under it."""
        for kind in ("card", "note"):
            summary = await self._store.find_job(job_id(kind, run_id, destination))
            if summary and not summary.state.ended:
                raise NotYet(max(summary.due_at, self._clock()) + timedelta(seconds=5))

    async def _uploaded(self, report: Report, destination: Destination) -> Report:
        """One upload serves all destinations of a run, and whoever asks later."""
        if report.media_id:
            return report
        path = self._reports.path(report)
        media_id = await self._channels.to(destination).upload(path, report.name)
        report = replace(report, media_id=media_id)
        await self._store.save_report(report)
        return report

    async def _rerun_by(self, run_id: str, destination: Destination) -> str:
        rerun = await self._store.find_job(f"{job_id('update', run_id, destination)}:rerun")
        return str(rerun.payload.get("rerun_by", "")) if rerun else ""

    async def _summary_settled(self, job: Job) -> None:
        destination = _destination(job)
        if job.kind == "card" and job.state is JobState.DEAD:
            log.error("no card for %s, a plain message goes instead: %s", destination, job.error)
            await self._jobs.add(self._job("note", job.run_id, destination))
        await self._jobs.advance([job_id("file", job.run_id, destination)])
        await self._judge_push(job.run_id)

    async def _is_unconfirmed(self, run_id: str, destination: Destination) -> bool:
        """Whether the newest attempt at the file of this card is one of which nobody knows."""
        jobs = await self._store.find_jobs(run_id=run_id, kind="file")
        mine = [job.state for job in jobs if job.payload.get("destination") == str(destination)]
        return bool(mine) and mine[-1] is JobState.UNCONFIRMED

    async def _file_settled(self, job: Job) -> None:
        """The card says so when its file is unconfirmed, and no longer once that was sent again."""
        again = "again" in job.payload
        if job.state is not JobState.UNCONFIRMED and not again:
            return
        card = await self._store.find_job(job_id("card", job.run_id, _destination(job)))
        if card and card.state is JobState.DONE and not card.result.get("silent"):
            await self._jobs.add(self._job("update", job.run_id, _destination(job), cause=job.id))

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


def _destination(job: Job) -> Destination:
    return Destination.parse(str(job.payload["destination"]))


def _proof(receipt: Receipt) -> dict[str, object]:
    return {"message_id": receipt.message_id, "silent": receipt.silent}
