"""Send a report as one file. If it is too big, send a link or several smaller workbooks."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.delivery.channels import Channels
from bot.delivery.payload import DeliveryPayload, DeliveryResult, Obstacle
from bot.downloads import IssuedLink
from bot.errors import TemporaryError
from bot.jobs.queue import Claim, Jobs, Result
from bot.models import Destination, Job, Report, new_job
from bot.ports import Messenger, Store
from bot.reports.links import ReportLinks
from bot.reports.repository import Reports
from bot.scratch import scratch_folder
from cards.render import Cards

log = logging.getLogger(__name__)

Split = Callable[[Path, Path, str, int], Awaitable[Sequence[Path]]]
"""Split a report: takes its path, a folder for the parts, the stem of their names and their size in bytes."""


@dataclass(frozen=True, kw_only=True)
class FileLimits:
    """The size limit of a file, and the function that splits a bigger one."""

    max_bytes: int
    split: Split
    channels: Channels

    def at(self, destination: Destination) -> int:
        """Return the limit of a destination in bytes."""
        channel_limit = self.channels.capabilities(destination).max_file_bytes
        return min(self.max_bytes, channel_limit or self.max_bytes)


class ReportSender:
    """Sends reports. A report is uploaded once for each app, whatever the number of destinations."""

    def __init__(
        self, store: Store, jobs: Jobs, reports: Reports, links: ReportLinks, limits: FileLimits
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._reports = reports
        self._links = links
        self._limits = limits
        self._uploading = asyncio.Lock()  # the files of a run are due at the same time

    def fits(self, report: Report, destination: Destination) -> bool:
        """Return whether the report can be sent there as one file."""
        return report.size <= self._limits.at(destination)

    async def link_for(self, report: Report, *, cause: str) -> IssuedLink | None:
        """Return a link for a destination without files. None if links are not enabled."""
        return await self._links.issue(report, cause=cause)

    async def send_link(self, run_id: str) -> bool:
        """Return whether a valid link to the report of this run exists."""
        return await self._links.has_valid_link(run_id)

    async def send(self, claim: Claim, report: Report, messenger: Messenger, cards: Cards) -> Result:
        """Send a report and return the result to store with the job."""
        payload = DeliveryPayload.of(claim.job)
        destination = payload.destination
        if self.fits(report, destination):
            media_id = await self._uploaded(report, messenger, destination.app)
            sent = await messenger.send_file(destination, media_id, report.name, sending=claim.sending)
            return sent.as_result()
        if payload.part is not None:
            return await self._send_part(claim, payload, report, messenger)
        if not self._links.enabled:
            return await self._add_part_jobs(claim.job, report, messenger)
        link = await self._links.issue(report, cause=claim.job.id)
        if link is None:
            return DeliveryResult(skipped=Obstacle.LINK_REVOKED).as_json()
        sending = claim.sending_text(messenger.capabilities)
        message = cards.link_message(report, link)
        sent = await messenger.send_message(destination, message, claim.job.id, sending=sending)
        return {**sent.as_result(), **DeliveryResult(link=True).as_json()}

    async def _uploaded(self, report: Report, messenger: Messenger, app: str) -> str:
        """Upload a report once for each app: a media id is valid only for the app that uploaded it."""
        async with self._uploading:
            record = await self._reports.find_record(report.run_id)
            if record is None or record.sha256 != report.sha256:
                raise TemporaryError("the report was exported again in the meantime")
            key = f"media:{report.sha256}:{app}"
            media_id = await self._store.find_value(key) if app else record.media_id
            if media_id:
                return media_id
            media_id = await messenger.upload(await self._reports.verified_path(report), report.name)
            if app:
                await self._store.set_value(key, media_id)
            else:
                await self._store.save_report(replace(report, media_id=media_id))
            return media_id

    async def _add_part_jobs(self, job: Job, report: Report, messenger: Messenger) -> Result:
        """Add one job per part. A file cannot be repeated safely, so each part needs its own send marker."""
        parts, now = await self._parts(job, report, messenger), self._jobs.clock()
        for number in range(1, len(parts) + 1):
            key = f"{job.id}:part{number}".removeprefix(f"{job.kind}:")
            payload = replace(DeliveryPayload.of(job), part=number).as_json()
            await self._jobs.add(new_job(job.kind, key, now, run_id=job.run_id, payload=payload))
        return DeliveryResult(parts=len(parts)).as_json()

    async def _send_part(
        self, claim: Claim, payload: DeliveryPayload, report: Report, messenger: Messenger
    ) -> Result:
        parts = await self._parts(claim.job, report, messenger)
        name, media_id = parts[(payload.part or 1) - 1]
        sent = await messenger.send_file(payload.destination, media_id, name, sending=claim.sending)
        return sent.as_result()

    async def _parts(self, job: Job, report: Report, messenger: Messenger) -> Sequence[tuple[str, str]]:
        """Return names and media ids of the parts. They are split and uploaded once per app."""
        destination = DeliveryPayload.of(job).destination
        max_bytes = self._limits.at(destination)
        key = f"parts:{report.sha256}:{max_bytes}" + (f":{destination.app}" if destination.app else "")
        async with self._uploading:
            stored = await self._store.find_value(key)
            if stored is None:
                parts = await self._split_and_upload(report, max_bytes, messenger)
                stored = json.dumps(parts, ensure_ascii=False)
                await self._store.set_value(key, stored)
        return [(name, media_id) for name, media_id in json.loads(stored)]

    async def _split_and_upload(
        self, report: Report, max_bytes: int, messenger: Messenger
    ) -> list[tuple[str, str]]:
        path, stem = await self._reports.verified_path(report), report.name.removesuffix(".xlsx")
        async with scratch_folder() as folder:
            files = await self._limits.split(path, folder, stem, max_bytes)
            log.info("report of run %s is too big for one file, sending %d parts", report.run_id, len(files))
            return [(file.name, await messenger.upload(file, file.name)) for file in files]
