"""`/reports/<token>`: serve the report of a download link.

A download counts when it starts. Not counted are

- a HEAD request,
- a range after the first byte by which a client (address and program) resumes its own unfinished download.
  `bot.reports.downloads` limits how long and how often.

Any other range counts like the whole file. All invalid links get the same response.

aiohttp parses the ranges. Its `FileResponse` is not used: it opens the path again after the digest has been
compared, follows symbolic links, prefers a `.gz` file, answers 304 without counting, and its `sendfile` waits
forever for a client that does not read.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from io import BufferedReader
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web

from bot.downloads import DownloadLink
from bot.errors import PermanentError, TemporaryError
from bot.models import Person, Report
from bot.reports.downloads import DownloadLog, HttpClient
from bot.reports.link_tokens import EXHAUSTED, URL_PATH
from bot.reports.links import InvalidLinkError, ReportLinks
from bot.reports.repository import Reports
from bot.telemetry.metrics import Metrics
from bot.web.clients import Network, client_address
from bot.web.download_audit import DownloadAudit

log = logging.getLogger(__name__)

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHUNK_BYTES = 64 * 1024  # the send timeout of the web server is per chunk
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A person who asks for the report of a run, and whether this person sees the run."""

    person: Person
    sees_run: bool


Admit = Callable[[web.Request, str], Awaitable[Reader | web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class DownloadServices:
    """The reports, the links to them, and who used these.

    `admit` finds out who asks for the report of a run, or returns the response for people who have to log in.
    Without it, a link is all that is needed.
    """

    reports: Reports
    links: ReportLinks
    download_log: DownloadLog
    audit: DownloadAudit
    admit: Admit | None = None


class Downloads:
    """Serves reports to clients with a valid link."""

    def __init__(
        self, services: DownloadServices, *, metrics: Metrics, proxies: Sequence[Network] = ()
    ) -> None:
        self._links = services.links
        self._reports = services.reports
        self._download_log = services.download_log
        self._audit = services.audit
        self._admit_person = services.admit
        self._metrics = metrics
        self._proxies = proxies

    def routes(self) -> list[web.RouteDef]:
        return [web.get(URL_PATH + "{token}", self.fetch)]  # and HEAD

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        address = client_address(request, self._proxies)
        client = HttpClient.from_headers(address, request.headers.get(hdrs.USER_AGENT, ""))
        try:
            link = await self._links.find(request.match_info["token"])
            return await self._answer_link(request, link, client)
        except InvalidLinkError as refusal:
            level = logging.DEBUG if refusal.reason == "forged" else logging.INFO  # a guesser fills no log
            log.log(level, "no report for %s: the link is %s", client.address, refusal.reason)
            self._metrics.link(refusal.reason)
            return web.Response(status=HTTPStatus.NOT_FOUND, text="404: Not Found", headers=HEADERS)
        except TemporaryError as error:
            log.warning("a report cannot be fetched now: %s", error)
            self._metrics.link("unavailable")
            return web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                text="503: try again in a minute",
                headers=HEADERS | {"Retry-After": "60"},
            )

    async def _answer_link(
        self, request: web.Request, link: DownloadLink, client: HttpClient
    ) -> web.StreamResponse:
        """Answer a genuine link. A refusal is in the audit, with the person if links need a login."""
        reader = await self._admit_person(request, link.run_id) if self._admit_person else None
        if isinstance(reader, web.StreamResponse):
            return reader
        if reader:
            client = replace(client, person=reader.person)
        try:
            return await self._answer(request, link, client, hidden=bool(reader and not reader.sees_run))
        except InvalidLinkError as refusal:
            await self._audit.record_refusal(link, client, refusal.reason)
            raise

    async def _answer(
        self, request: web.Request, link: DownloadLink, client: HttpClient, *, hidden: bool
    ) -> web.StreamResponse:
        closed = "not_here" if hidden else self._links.rejection_reason(link)
        if closed and closed != EXHAUSTED:
            raise InvalidLinkError(closed)
        report = await self._reports.find_record(link.run_id)
        if report is None or report.sha256 != link.sha256:
            raise InvalidLinkError("gone")
        if request.method != hdrs.METH_HEAD:
            return await self._serve(request, link, report, client)
        if closed:
            raise InvalidLinkError(closed)
        (await self._opened(report)).close()
        return _head(report)

    async def _serve(
        self, request: web.Request, link: DownloadLink, report: Report, client: HttpClient
    ) -> web.StreamResponse:
        part = requested_range(request, report)
        if part is not None and not part:
            if closed := self._links.rejection_reason(link):
                raise InvalidLinkError(closed)
            return _unsatisfiable(report)
        with await self._opened(report) as file:
            download_id = await self._admit(link, report, client, part)
            response, sent = _head(report, part), part or range(report.size)
            whole = await _send(request, response, file, sent)
        if whole and sent.stop == report.size:
            await self._download_log.finish(link, download_id)
        return response

    async def _admit(self, link: DownloadLink, report: Report, client: HttpClient, part: range | None) -> str:
        """Resume or start a download; return its id. Raises `InvalidLinkError`."""
        if part is not None and part.start > 0 and (resumed := await self._download_log.resume(link, client)):
            self._metrics.link("resumed")
            return resumed
        if closed := self._links.rejection_reason(link):
            raise InvalidLinkError(closed)
        begun = await self._download_log.start(link, client)
        if not begun:
            raise InvalidLinkError(EXHAUSTED)  # by somebody else, since we looked
        await self._audit.record_download(link, report, client, begun)
        self._metrics.link("served")
        return begun

    async def _opened(self, report: Report) -> BufferedReader:
        try:
            return await self._reports.open(report)
        except PermanentError:
            raise InvalidLinkError("gone") from None


def disposition(name: str) -> str:
    """To be saved under this name: in full (RFC 6266), and in ASCII for programs that know no better."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._-")
    if not plain.removesuffix(".xlsx").removesuffix("xlsx"):
        plain = "report.xlsx"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _tag(report: Report) -> str:
    return f'"{report.sha256}"'


def requested_range(request: web.Request, report: Report) -> range | None:
    """Return the bytes that `Range` asks for, empty when they lie outside; None means the whole file.

    A range that is malformed, of several parts or of another file (`If-Range`) is ignored (RFC 9110, 14.2).
    """
    try:
        asked = request.http_range
    except ValueError:
        return None
    only_if = request.headers.get(hdrs.IF_RANGE, _tag(report))
    if (asked.start is None and asked.stop is None) or only_if != _tag(report):
        return None
    return range(*asked.indices(report.size))


def _head(report: Report, part: range | None = None) -> web.StreamResponse:
    response = web.StreamResponse(status=HTTPStatus.OK, headers=HEADERS)
    response.content_type = XLSX
    response.content_length = report.size if part is None else len(part)
    response.headers["Content-Disposition"] = disposition(report.name)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = _tag(report)
    if part is not None:
        response.set_status(HTTPStatus.PARTIAL_CONTENT)
        response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{report.size}"
    return response


def _unsatisfiable(report: Report) -> web.StreamResponse:
    return web.Response(
        status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        headers=HEADERS | {"Content-Range": f"bytes */{report.size}"},
    )


async def _send(
    request: web.Request, response: web.StreamResponse, file: BufferedReader, part: range
) -> bool:
    """Send these bytes of the file at the pace of the client; False when it went away before the end."""
    left = len(part)
    try:
        await response.prepare(request)
        await asyncio.to_thread(file.seek, part.start)
        while left and (chunk := await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))):
            await response.write(chunk)
            left -= len(chunk)
        await response.write_eof()
    except ConnectionError:
        log.info("a download broke off with %d bytes to go", left)
        return False
    return not left and request.transport is not None  # gone: what was not sent yet was dropped
