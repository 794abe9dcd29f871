"""Issue, find and revoke download links."""

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
    """Invalid download link.

    `reason` is one word for logs and metrics. It is not shown to the client.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"invalid download link: {reason}")
        self.reason = reason


class ReportLinks:
    """The download links of all reports. They are signed with `key`, or else with a key kept in the store."""

    def __init__(self, links: DownloadLinkStore, policy: LinkPolicy, *, clock: Clock, key: str = "") -> None:
        self._links = links
        self._policy = policy
        self._clock = clock
        self._key = key

    @property
    def enabled(self) -> bool:
        """Return whether links are issued: they need a public URL."""
        return bool(self._policy.public_url)

    async def issue(self, report: Report, *, cause: str) -> IssuedLink | None:
        """Issue a link to this report. The same cause gets the same link as long as it is valid.

        Returns None without a public URL, and when the link of this cause was revoked.
        """
        if not self.enabled:
            return None
        issued = [
            link
            for link in await self._links.find_links(report.run_id, limit=MAX_LINKS_SEARCHED)
            if (link.idempotency_key, link.sha256) == (cause, report.sha256)
        ]
        if any(link.revoked_at for link in issued):
            return None
        for link in issued:
            if not rejection_reason(link, self._clock()):
                return await self._with_url(link)
        link = new_link(report, cause, self._policy, self._clock(), number=len(issued))
        await self._links.add_link(link)
        return await self._with_url(await self._links.find_link(link.id) or link)

    async def find(self, token: str) -> DownloadLink:
        """Return the link of a token, valid or not. Raises `InvalidLinkError` for a foreign token."""
        link_id = read_token(token, await self._signing_key())
        if link_id is None:
            raise InvalidLinkError("forged")
        link = await self._links.find_link(link_id)
        if link is None:
            raise InvalidLinkError("unknown")
        return link

    def rejection_reason(self, link: DownloadLink) -> str:
        """Return why this link is invalid now, in one word, or "" while it is valid."""
        return rejection_reason(link, self._clock())

    async def count(self, run_id: str) -> int:
        """Return the number of links ever issued for the report of a run."""
        return len(await self._links.find_links(run_id, limit=MAX_LINKS_SEARCHED))

    async def has_valid_link(self, run_id: str) -> bool:
        """Return whether any link to the report of a run is valid."""
        now = self._clock()
        links = await self._links.find_links(run_id, limit=MAX_LINKS_SEARCHED)
        return any(not rejection_reason(link, now) for link in links)

    async def revoke(self, run_id: str) -> int:
        """Revoke every link to the report of a run and return how many were valid."""
        revoked = await self._links.revoke_links(run_id, self._clock())
        log.info("%d links to the report of run %s revoked", revoked, run_id)
        return revoked

    async def _with_url(self, link: DownloadLink) -> IssuedLink:
        token = sign_token(link.id, await self._signing_key())
        url = f"{self._policy.public_url}{URL_PATH}{token}"
        return IssuedLink(url=url, expires_at=link.expires_at, max_downloads=link.max_downloads)

    async def _signing_key(self) -> str:
        if not self._key:  # it never changes once it exists
            self._key = await self._links.signing_key(generate_key())
        return self._key
