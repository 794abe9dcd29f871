"""Who fetched which report, and when: kept before the first byte leaves, for whoever asks later."""

import logging
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.downloads import Download, DownloadLink
from bot.errors import TemporaryError
from bot.models import Clock
from bot.ports import DownloadLinkStore

log = logging.getLogger(__name__)

RESUME_WINDOW = timedelta(hours=1)  # from the start of a download
MAX_RESUMES = 5  # of one download
MAX_ADDRESS_CHARACTERS = 45  # the longest IPv6 address
MAX_AGENT_CHARACTERS = 200
DEFAULT_LIST_LIMIT = 20


@dataclass(frozen=True, kw_only=True)
class HttpClient:
    """Who asks over HTTP, as far as anybody can tell; both are what the other side says."""

    address: str
    agent: str

    @classmethod
    def from_headers(cls, address: str, agent: str) -> "HttpClient":
        """Cut, and without what would break a line or hide something in it."""
        return cls(address=_inert(address, MAX_ADDRESS_CHARACTERS), agent=_inert(agent, MAX_AGENT_CHARACTERS))


class DownloadLog:
    """Counts downloads, and tells of them."""

    def __init__(self, links: DownloadLinkStore, *, clock: Clock) -> None:
        self._links = links
        self._clock = clock

    async def start(self, grant: DownloadLink, visitor: HttpClient) -> str:
        """Write down a download that is about to start and return its id; "" when the link is over by now."""
        download = replace(self._download(grant, visitor), id=secrets.token_hex(8))
        if not await self._links.add_download(download):
            return ""
        log.info("report of run %s fetched by link %s from %s", grant.run_id, grant.id, visitor.address)
        return download.id

    async def resume(self, grant: DownloadLink, visitor: HttpClient) -> str:
        """Write down that a client goes on with its unfinished download and return the id; "" if it has none.

        A download can be resumed for an hour and `MAX_RESUMES` times; it still counts once.
        """
        download = self._download(grant, visitor)
        since = self._clock() - RESUME_WINDOW
        resumed = await self._links.resume_download(download, since=since, max_resumes=MAX_RESUMES)
        if resumed:
            log.info("report of run %s resumed by link %s from %s", grant.run_id, grant.id, visitor.address)
        return resumed

    async def finish(self, grant: DownloadLink, download_id: str) -> None:
        """Write down that the last byte of a download was sent; without that it stays resumable."""
        try:
            await self._links.finish_download(grant.id, download_id)
        except TemporaryError as error:
            log.warning("the end of a download by link %s could not be stored: %s", grant.id, error)

    def _download(self, grant: DownloadLink, visitor: HttpClient) -> Download:
        return Download(
            link_id=grant.id,
            run_id=grant.run_id,
            at=self._clock(),
            address=visitor.address,
            agent=visitor.agent,
        )

    async def for_run(self, run_id: str, *, limit: int = DEFAULT_LIST_LIMIT) -> Sequence[Download]:
        """The newest downloads of a run, oldest first."""
        return list(reversed(await self._links.find_downloads(run_id, limit=limit)))


def _inert(text: str, length: int) -> str:
    """One line of visible characters."""
    shown = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text[: 4 * length])
    return " ".join(shown.split())[:length]
