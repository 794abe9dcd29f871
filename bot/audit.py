"""Who fetched which report, and when: kept before the first byte leaves, for whoever asks later."""

import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.models import Clock, Download, Grant
from bot.ports import Links

log = logging.getLogger(__name__)

GOES_ON = timedelta(hours=1)  # how long a download that broke off may be taken up again
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

    async def begin(self, grant: Grant, visitor: Visitor) -> bool:
        """Write down a download that is about to start; False when the link is over by now."""
        download = Download(
            link_id=grant.id,
            run_id=grant.run_id,
            at=self._clock(),
            address=visitor.address,
            agent=visitor.agent,
        )
        began = await self._links.take_download(download)
        if began:
            log.info("report of run %s fetched by link %s from %s", grant.run_id, grant.id, visitor.address)
        return began

    async def goes_on(self, grant: Grant, visitor: Visitor) -> bool:
        """Whether this visitor began a download by this link lately: its rest is no second download."""
        since = self._clock() - GOES_ON
        return any(
            each.link_id == grant.id
            and each.at >= since
            and (each.address, each.agent) == (visitor.address, visitor.agent)
            for each in await self._links.find_downloads(grant.run_id, limit=grant.most)
        )

    async def of_run(self, run_id: str, *, limit: int = SHOWN) -> Sequence[Download]:
        """The newest downloads of a run, oldest first."""
        return list(reversed(await self._links.find_downloads(run_id, limit=limit)))


def _inert(text: str, length: int) -> str:
    """One line of visible characters."""
    shown = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text[: 4 * length])
    return " ".join(shown.split())[:length]
