"""`/reports/<token>`: the one report that a link names, and nothing else.

A download counts when it starts. What does not count: a HEAD, and a range behind the first byte asked for by
whoever (address and program) started a download by the same link within the hour: it goes on with that one.
Any other range counts like the whole. Whatever leads nowhere gets one and the same answer, later each time.
"""

import asyncio
import logging
import re
from http import HTTPStatus
from io import BufferedReader
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web

from bot.audit import Audit, Visitor
from bot.errors import Permanent, Temporary
from bot.links import PATH
from bot.metrics import Metrics
from bot.models import Grant, Report
from bot.report_links import NoLink, ReportLinks
from bot.reports import Reports
from bot.web.spans import Span, span_of
from bot.web.visitors import Visitors

log = logging.getLogger(__name__)

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHUNK = 256 * 1024  # bytes
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class Downloads:
    """Serves reports to those who have a link."""

    def __init__(
        self, links: ReportLinks, reports: Reports, audit: Audit, *, visitors: Visitors, metrics: Metrics
    ) -> None:
        self._links = links
        self._reports = reports
        self._audit = audit
        self._visitors = visitors
        self._metrics = metrics

    def routes(self) -> list[web.RouteDef]:
        return [web.get(PATH + "{token}", self.fetch)]  # and HEAD

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        visitor = self._visitors.of(request)
        try:
            grant = await self._links.find(request.match_info["token"])
            return await self._answer(request, grant, visitor)
        except NoLink as refusal:
            level = logging.DEBUG if refusal.why == "forged" else logging.INFO  # a guesser fills no log
            log.log(level, "no report for %s: the link is %s", visitor.address, refusal.why)
            self._metrics.link(refusal.why)
            await self._visitors.hold(visitor)
            return web.Response(status=HTTPStatus.NOT_FOUND, text="404: Not Found", headers=HEADERS)
        except Temporary as error:
            log.warning("a report cannot be fetched now: %s", error)
            self._metrics.link("unavailable")
            return web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                text="503: try again in a minute",
                headers=HEADERS | {"Retry-After": "60"},
            )

    async def _answer(self, request: web.Request, grant: Grant, visitor: Visitor) -> web.StreamResponse:
        closed = self._links.why_closed(grant)
        if closed and closed != "used_up":
            raise NoLink(closed)
        report = await self._reports.recorded(grant.run_id)
        if report is None or report.sha256 != grant.sha256:
            raise NoLink("gone")
        if request.method != hdrs.METH_HEAD:
            return await self._serve(request, grant, report, visitor)
        if closed:
            raise NoLink(closed)
        (await self._opened(report)).close()
        return _head(report, Span(start=0, stop=report.size, size=report.size))

    async def _serve(
        self, request: web.Request, grant: Grant, report: Report, visitor: Visitor
    ) -> web.StreamResponse:
        span = span_of(
            request.headers.get(hdrs.RANGE, ""),
            request.headers.get(hdrs.IF_RANGE, ""),
            size=report.size,
            tag=_tag(report),
        )
        goes_on = span is None or (span.start > 0 and await self._audit.goes_on(grant, visitor))
        closed = self._links.why_closed(grant)
        if closed and (span is None or not goes_on):
            raise NoLink(closed)
        if span is None:
            return _outside(report)
        with await self._opened(report) as file:
            if not goes_on and not await self._audit.begin(grant, visitor):
                raise NoLink("used_up")  # by somebody else, since we looked
            self._metrics.link("resumed" if goes_on else "served")
            return await _send(request, _head(report, span), file, span)

    async def _opened(self, report: Report) -> BufferedReader:
        try:
            return await self._reports.open(report)
        except Permanent:
            raise NoLink("gone") from None


def disposition(name: str) -> str:
    """To be saved under this name: in full (RFC 6266), and in ASCII for programs that know no better."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._-")
    if not plain.removesuffix(".xlsx").removesuffix("xlsx"):
        plain = "report.xlsx"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _tag(report: Report) -> str:
    return f'"{report.sha256}"'


def _head(report: Report, span: Span) -> web.StreamResponse:
    status = HTTPStatus.PARTIAL_CONTENT if span.partial else HTTPStatus.OK
    response = web.StreamResponse(status=status, headers=HEADERS)
    response.content_type = XLSX
    response.content_length = span.length
    response.headers["Content-Disposition"] = disposition(report.name)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = _tag(report)
    if span.partial:
        response.headers["Content-Range"] = span.content_range
    return response


def _outside(report: Report) -> web.StreamResponse:
    return web.Response(
        status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        headers=HEADERS | {"Content-Range": f"bytes */{report.size}"},
    )


async def _send(
    request: web.Request, response: web.StreamResponse, file: BufferedReader, span: Span
) -> web.StreamResponse:
    """The span and no byte more, at the pace of whoever reads it."""
    await response.prepare(request)
    await asyncio.to_thread(file.seek, span.start)
    left = span.length
    try:
        while left and (chunk := await asyncio.to_thread(file.read, min(CHUNK, left))):
            await response.write(chunk)
            left -= len(chunk)
        await response.write_eof()
    except ConnectionError:
        log.info("a download broke off with %d bytes to go", left)
    return response
