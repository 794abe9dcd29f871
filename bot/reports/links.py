"""The links that people get to reports: handed out, looked up, called back."""

import logging

from bot.downloads import DownloadLink, IssuedLink
from bot.errors import DingRunError
from bot.models import Clock, Report
from bot.ports import DownloadLinkStore
from bot.reports.link_tokens import (
    URL_PATH,
    LinkPolicy,
    generate_key,
    new_link,
    read_token,
    rejection_reason,
    sign_token,
)

log = logging.getLogger(__name__)

MAX_LINKS_SEARCHED = 1_000  # links of one run


class InvalidLinkError(DingRunError):
    """This link leads nowhere

    `why` is one word for logs and counters; whoever asked is told nothing of it.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"a link leads nowhere: {why}")
        self.why = why


class ReportLinks:
    """Makes and judges links. The key that signs them is the setting's, else one that the store keeps."""

    def __init__(self, links: DownloadLinkStore, terms: LinkPolicy, *, clock: Clock, key: str = "") -> None:
        self._links = links
        self._terms = terms
        self._clock = clock
        self._key = key

    @property
    def enabled(self) -> bool:
        """Whether there are links at all: they need an address that people reach."""
        return bool(self._terms.public_url)

    async def link_for(self, report: Report, *, cause: str) -> IssuedLink | None:
        """A link to this report; the same cause gets the same one as long as it leads somewhere.

        None without a public address, and when the link of this cause was revoked.
        """
        if not self.enabled:
            return None
        mine = [
            grant
            for grant in await self._links.find_links(report.run_id, limit=MAX_LINKS_SEARCHED)
            if (grant.idempotency_key, grant.sha256) == (cause, report.sha256)
        ]
        if any(grant.revoked_at for grant in mine):
            return None
        for grant in mine:
            if not rejection_reason(grant, self._clock()):
                return await self._issue(grant)
        grant = new_link(report, cause, self._terms, self._clock(), number=len(mine))
        await self._links.add_link(grant)
        return await self._issue(await self._links.find_link(grant.id) or grant)

    async def find(self, token: str) -> DownloadLink:
        """The link that a token stands for, over or not. Raises `NoLink` for a token that is none of ours."""
        link_id = read_token(token, await self._signing_key())
        if link_id is None:
            raise InvalidLinkError("forged")
        grant = await self._links.find_link(link_id)
        if grant is None:
            raise InvalidLinkError("unknown")
        return grant

    def rejection_reason(self, grant: DownloadLink) -> str:
        """Why this link leads nowhere now, in one word; "" while it leads to its report."""
        return rejection_reason(grant, self._clock())

    async def count(self, run_id: str) -> int:
        """How many links there have been to the report of this run."""
        return len(await self._links.find_links(run_id, limit=MAX_LINKS_SEARCHED))

    async def any_open(self, run_id: str) -> bool:
        """Whether a link to the report of this run still leads somewhere."""
        now = self._clock()
        grants = await self._links.find_links(run_id, limit=MAX_LINKS_SEARCHED)
        return any(not rejection_reason(grant, now) for grant in grants)

    async def revoke(self, run_id: str) -> int:
        """Call back every link to the report of a run; how many led somewhere."""
        revoked = await self._links.revoke_links(run_id, self._clock())
        log.info("%d links to the report of run %s revoked", revoked, run_id)
        return revoked

    async def _issue(self, grant: DownloadLink) -> IssuedLink:
        token = sign_token(grant.id, await self._signing_key())
        url = f"{self._terms.public_url}{URL_PATH}{token}"
        return IssuedLink(url=url, expires_at=grant.expires_at, max_downloads=grant.max_downloads)

    async def _signing_key(self) -> str:
        if not self._key:  # it never changes once there is one
            self._key = await self._links.signing_key(generate_key())
        return self._key
