"""How a report travels: as one file, or where that is too big as a link, or as parts that each open alone."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.delivery.channels import Channels
from bot.delivery.payload import DeliveryPayload, DeliveryResult
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
"""Writes a report as smaller files: the report, a folder for them, the stem of their names, their bytes."""


@dataclass(frozen=True, kw_only=True)
class FileLimits:
    """The most bytes that go as one file, and how more is cut."""

    max_bytes: int
    split: Split
    channels: Channels

    def at(self, destination: Destination) -> int:
        least = self.channels.capabilities(destination).max_file_bytes
        return min(self.max_bytes, least or self.max_bytes)


class ReportSender:
    """Does the jobs that send a report. One upload serves all destinations, and whoever asks later."""

    def __init__(
        self, store: Store, jobs: Jobs, reports: Reports, links: ReportLinks, limits: FileLimits
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._reports = reports
        self._links = links
        self._limits = limits
        self._uploading = asyncio.Lock()  # the files of a run are due at the same moment

    def fits(self, report: Report, destination: Destination) -> bool:
        """Whether it goes there as one file."""
        return report.size <= self._limits.at(destination)

    async def link_for(self, report: Report, *, cause: str) -> IssuedLink | None:
        """A link for those who get no file; None where links are not offered."""
        return await self._links.issue(report, cause=cause)

    async def send_link(self, run_id: str) -> bool:
        """Whether somebody has a link to the report of this run that leads somewhere."""
        return await self._links.has_valid_link(run_id)

    async def send(self, claim: Claim, report: Report, messenger: Messenger, cards: Cards) -> Result:
        """Send a report as its destination takes it; what to keep of the answer."""
        payload = DeliveryPayload.of(claim.job)
        destination = payload.destination
        if self.fits(report, destination):
            media_id = await self._uploaded(report, messenger, destination.app)
            receipt = await messenger.send_file(destination, media_id, report.name, sending=claim.sending)
            return receipt.as_result()
        if payload.part is not None:
            return await self._send_part(claim, payload, report, messenger)
        if not self._links.enabled:
            return await self._ask_for_parts(claim.job, report, messenger)
        link = await self._links.issue(report, cause=claim.job.id)
        if link is None:
            return DeliveryResult(skipped="its link was revoked").as_json()
        sending = claim.sending_text(messenger.capabilities)
        note = cards.link_message(report, link)
        receipt = await messenger.send_message(destination, note, claim.job.id, sending=sending)
        return {**receipt.as_result(), **DeliveryResult(link=True).as_json()}

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

    async def _ask_for_parts(self, job: Job, report: Report, messenger: Messenger) -> Result:
        """A job for each part: nothing makes a file safe to repeat, so each has a marker of its own."""
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
        receipt = await messenger.send_file(payload.destination, media_id, name, sending=claim.sending)
        return receipt.as_result()

    async def _parts(self, job: Job, report: Report, messenger: Messenger) -> Sequence[tuple[str, str]]:
        """Names and media ids of the parts; cut and uploaded once."""
        destination = DeliveryPayload.of(job).destination
        most = self._limits.at(destination)
        key = f"parts:{report.sha256}:{most}" + (f":{destination.app}" if destination.app else "")
        async with self._uploading:
            known = await self._store.find_value(key)
            if known is None:
                known = json.dumps(await self._cut_and_upload(report, most, messenger), ensure_ascii=False)
                await self._store.set_value(key, known)
        return [(name, media_id) for name, media_id in json.loads(known)]

    async def _cut_and_upload(self, report: Report, most: int, messenger: Messenger) -> list[tuple[str, str]]:
        whole, stem = await self._reports.verified_path(report), report.name.removesuffix(".xlsx")
        async with scratch_folder() as folder:
            files = await self._limits.split(whole, folder, stem, most)
            log.info("report of run %s is too big for one file: %d parts", report.run_id, len(files))
            return [(file.name, await messenger.upload(file, file.name)) for file in files]
