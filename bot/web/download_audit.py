"""Record in the audit who fetched a report by a link, or tried to.

The download log counts each download before its first byte. The audit may miss one while the store is
unavailable. Requests without a genuine link are not recorded: a guesser could fill the store.
"""

import logging

from bot.audit.log import AuditLog
from bot.downloads import DownloadLink
from bot.errors import TemporaryError
from bot.models import AuditChannel, AuditEntry, AuditOutcome, Person, Report, deterministic_id
from bot.reports.downloads import HttpClient

log = logging.getLogger(__name__)

COMMAND = "download"


class DownloadAudit:
    """Entries for the downloads of reports."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def record_download(
        self, link: DownloadLink, report: Report, client: HttpClient, download_id: str
    ) -> None:
        """Record a download that starts. It is resumed under the same entry."""
        await self._record(
            AuditEntry(
                id=f"web:{download_id}",
                at=self._audit.clock(),
                channel=AuditChannel.WEB,
                actor=client.person or Person(id=""),
                said=report.name,
                command=COMMAND,
                schedule_id=report.schedule_id,
                schedule_name=report.schedule_name,
                run_id=report.run_id,
                rule=f"link {link.id}",
                outcome=AuditOutcome.ACCEPTED,
                detail=client.agent,
                address=client.address,
            )
        )

    async def record_refusal(self, link: DownloadLink, client: HttpClient, reason: str) -> None:
        """Record that a genuine link led nowhere, once an hour by link, reason, address and person."""
        now, person = self._audit.clock(), client.person or Person(id="")
        cause = (link.id, reason, client.address, person.id, f"{now:%Y-%m-%dT%H}")
        key = deterministic_id("", *cause, length=20)
        await self._record(
            AuditEntry(
                id=f"web:{key}",
                at=now,
                channel=AuditChannel.WEB,
                actor=person,
                command=COMMAND,
                run_id=link.run_id,
                allowed=False,
                rule=f"link {reason}",
                outcome=AuditOutcome.REFUSED,
                detail=client.agent,
                address=client.address,
            )
        )

    async def _record(self, entry: AuditEntry) -> None:
        try:
            await self._audit.record(entry)
        except TemporaryError as error:
            log.warning("a download of run %s is not in the audit: %s", entry.run_id, error)
