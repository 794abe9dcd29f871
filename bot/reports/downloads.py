"""Who fetched which report, and when: kept before the first byte leaves, for whoever asks later."""

import logging
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.errors import Temporary
from bot.models import Clock, Download, Grant
from bot.ports import Links

log = logging.getLogger(__name__)

RESUMABLE = timedelta(hours=1)  # from the start of a download
MAX_RESUMES = 5  # of one download
ADDRESS_CHARACTERS = 45  # the longest IPv6 address
AGENT_CHARACTERS = 200
SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who asks over HTTP, as far as anybody can tell; both are what the other side says."""

    address: str
    agent: str

    @classmethod
    def of(cls, address: str, agent: str) -> "Visitor":
        """Cut, and without what would break a line or hide something in it."""
        return cls(address=_inert(address, ADDRESS_CHARACTERS), agent=_inert(agent, AGENT_CHARACTERS))


class Audit:
    """Counts downloads, and tells of them."""

    def __init__(self, links: Links, *, clock: Clock) -> None:
        self._links = links
        self._clock = clock

    async def begin(self, grant: Grant, visitor: Visitor) -> str:
        """Write down a download that is about to start and return its id; "" when the link is over by now."""
        download = replace(self._download(grant, visitor), id=secrets.token_hex(8))
        if not await self._links.take_download(download):
            return ""
        log.info("report of run %s fetched by link %s from %s", grant.run_id, grant.id, visitor.address)
        return download.id

    async def resume(self, grant: Grant, visitor: Visitor) -> str:
        """Write down that a client goes on with its unfinished download and return the id; "" if it has none.

        A download can be resumed for an hour and `MAX_RESUMES` times; it still counts once.
        """
        download = self._download(grant, visitor)
        since = self._clock() - RESUMABLE
        resumed = await self._links.resume_download(download, since=since, max_resumes=MAX_RESUMES)
        if resumed:
            log.info("report of run %s resumed by link %s from %s", grant.run_id, grant.id, visitor.address)
        return resumed

    async def finish(self, grant: Grant, download_id: str) -> None:
        """Write down that the last byte of a download was sent; without that it stays resumable."""
        try:
            await self._links.finish_download(grant.id, download_id)
        except Temporary as error:
            log.warning("the end of a download by link %s could not be stored: %s", grant.id, error)

    def _download(self, grant: Grant, visitor: Visitor) -> Download:
        return Download(
            link_id=grant.id,
            run_id=grant.run_id,
            at=self._clock(),
            address=visitor.address,
            agent=visitor.agent,
        )

    async def of_run(self, run_id: str, *, limit: int = SHOWN) -> Sequence[Download]:
        """The newest downloads of a run, oldest first."""
        return list(reversed(await self._links.find_downloads(run_id, limit=limit)))


def _inert(text: str, length: int) -> str:
    """One line of visible characters."""
    shown = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text[: 4 * length])
    return " ".join(shown.split())[:length]
