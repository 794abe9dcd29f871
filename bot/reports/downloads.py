"""Log and count downloads of reports. Each is stored before its first byte is sent."""

import logging
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.downloads import Download, DownloadLink
from bot.errors import TemporaryError
from bot.models import Clock, Person
from bot.ports import DownloadLinkStore

log = logging.getLogger(__name__)

RESUME_WINDOW = timedelta(hours=1)  # since the start of a download
MAX_RESUMES = 5  # of one download
MAX_ADDRESS_CHARACTERS = 45  # the longest IPv6 address
MAX_AGENT_CHARACTERS = 200
DEFAULT_LIST_LIMIT = 20


@dataclass(frozen=True, kw_only=True)
class HttpClient:
    """The client of an HTTP request. It sends its address and its agent itself, so neither can be trusted."""

    address: str
    agent: str
    person: Person | None = None  # who is logged in, if links need a login

    @classmethod
    def from_headers(cls, address: str, agent: str) -> "HttpClient":
        """Truncate both values and remove control characters and invisible ones."""
        return cls(
            address=_visible(address, MAX_ADDRESS_CHARACTERS), agent=_visible(agent, MAX_AGENT_CHARACTERS)
        )


class DownloadLog:
    """The download log of all reports."""

    def __init__(self, links: DownloadLinkStore, *, clock: Clock) -> None:
        self._links = links
        self._clock = clock

    async def start(self, link: DownloadLink, client: HttpClient) -> str:
        """Store a new download and return its id, or "" when the link has become invalid."""
        download = replace(self._new_download(link, client), id=secrets.token_hex(8))
        if not await self._links.add_download(download):
            return ""
        log.info("report of run %s downloaded by link %s from %s", link.run_id, link.id, client.address)
        return download.id

    async def resume(self, link: DownloadLink, client: HttpClient) -> str:
        """Resume the unfinished download of this client and return its id, or "" when it has none.

        A download can be resumed `MAX_RESUMES` times within `RESUME_WINDOW`. It counts once.
        """
        download = self._new_download(link, client)
        since = self._clock() - RESUME_WINDOW
        resumed = await self._links.resume_download(download, since=since, max_resumes=MAX_RESUMES)
        if resumed:
            log.info("report of run %s resumed by link %s from %s", link.run_id, link.id, client.address)
        return resumed

    async def finish(self, link: DownloadLink, download_id: str) -> None:
        """Store that the last byte was sent, so that the download cannot be resumed any more."""
        try:
            await self._links.finish_download(link.id, download_id)
        except TemporaryError as error:
            log.warning("the end of a download by link %s was not stored: %s", link.id, error)

    def _new_download(self, link: DownloadLink, client: HttpClient) -> Download:
        return Download(
            link_id=link.id,
            run_id=link.run_id,
            at=self._clock(),
            address=client.address,
            agent=client.agent,
        )

    async def for_run(self, run_id: str, *, limit: int = DEFAULT_LIST_LIMIT) -> Sequence[Download]:
        """Return the newest downloads of a run, oldest first."""
        return list(reversed(await self._links.find_downloads(run_id, limit=limit)))


def _visible(text: str, max_characters: int) -> str:
    """Return one line of visible characters."""
    visible = "".join(
        " " if unicodedata.category(each)[0] in "CZ" else each for each in text[: 4 * max_characters]
    )
    return " ".join(visible.split())[:max_characters]
