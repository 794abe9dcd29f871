"""`/ping/{key}/{slug}[/event]`: the URLs of healthchecks.io, so that its clients work unchanged.

https://healthchecks.io/docs/http_api/
"""

import hashlib
import re
from http import HTTPStatus

from aiohttp import web

from bot.api.admission import Admission
from bot.api.bodies import read_tail
from bot.api.gate import Gate
from bot.api.keys import ApiKey
from bot.api.models import CLIENT_ID, SLUG
from bot.api.problems import Problem, not_found
from bot.external.merge import MergeOutcome, RunReport
from bot.external.models import ReportedStatus
from bot.runs.reporting import LOG_BYTES, RunReports, new_client_id

MAX_BODY_BYTES = 64 * 1024 * 1024  # of which the end is kept
MAX_ERROR_CHARACTERS = 300
ADDED = "[runitor] "  # begins what this client adds to the output: the exit status, which the URL has too
HEADERS = {"Ping-Body-Limit": str(LOG_BYTES), "Cache-Control": "no-store"}

_EXIT_STATUS = re.compile(r"0|[1-9][0-9]{0,2}")
MAX_EXIT_STATUS = 255


class Pings:
    """Takes pings."""

    def __init__(self, gate: Gate, admission: Admission, reports: RunReports) -> None:
        self._gate = gate
        self._admission = admission
        self._reports = reports

    def routes(self) -> list[web.RouteDef]:
        handler = self._gate.by_path(self.ping, plain=True)
        paths = ("/ping/{key}/{slug}", "/ping/{key}/{slug}/{event}")
        return [route for path in paths for route in (web.get(path, handler), web.post(path, handler))]

    async def ping(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        """Take one ping: start, end, or a note on a run."""
        slug, rid = request.match_info["slug"], request.query.get("rid", "")
        if not SLUG.fullmatch(slug):
            raise not_found()
        report = parse_event(request.match_info.get("event", ""))
        if rid and not CLIENT_ID.fullmatch(rid):
            raise Problem(HTTPStatus.BAD_REQUEST, "rid takes a UUID or 1-64 of A-Z a-z 0-9 . _ : -")
        create = request.query.get("create", "1") != "0"
        await self._admission.find_or_create(key, slug, create=create)
        text = await read_tail(request, keep=LOG_BYTES, max_bytes=MAX_BODY_BYTES)
        await self._take(slug, rid, report, text)
        return web.Response(text="OK", headers=HEADERS)

    async def _take(self, slug: str, rid: str, report: RunReport, text: str) -> None:
        client_id = rid or await self._client_id(slug, report)
        if not client_id:
            return
        result = await self._reports.report(slug, client_id, with_body(report, text))
        if text and result.outcome is not MergeOutcome.SAME:
            await self._reports.append_log(result.run, text)

    async def _client_id(self, slug: str, report: RunReport) -> str:
        """Return the id of the run that a ping without `rid` is about: the newest open one, or a new one.

        A note is about the newest run, open or not. "" if there is none.
        """
        known = None if report.event == "start" else await self._reports.find_open(slug)
        if known is None and report.event == "log":
            known = await self._reports.find_last(slug)
            return known.client_id if known else ""
        return known.client_id if known else new_client_id()


def parse_event(event: str) -> RunReport:
    """Return the report that an event stands for. Raises `Problem` (404) for an unknown one."""
    if event == "start":
        return RunReport(status=ReportedStatus.RUNNING, event="start", key="start")
    if event == "log":
        return RunReport(event="log")
    if event == "fail":
        return RunReport(status=ReportedStatus.FAILED, key="fail")
    if not event:
        return RunReport(status=ReportedStatus.SUCCESS, key="0")
    if not _EXIT_STATUS.fullmatch(event) or int(event) > MAX_EXIT_STATUS:
        raise not_found()
    status = ReportedStatus.FAILED if int(event) else ReportedStatus.SUCCESS
    return RunReport(status=status, exit_code=int(event), key=event)


def with_body(report: RunReport, text: str) -> RunReport:
    """Add what a body tells: the last line is the reason of a failure. A note counts once for each text."""
    if report.event == "log":
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return RunReport(event="log", key=f"log:{digest}")
    lines = [line for line in text.strip().splitlines() if not line.startswith(ADDED)]
    if report.status is not ReportedStatus.FAILED or not lines:
        return report
    error = next((line.strip()[:MAX_ERROR_CHARACTERS] for line in reversed(lines) if line.strip()), "")
    return RunReport(status=report.status, exit_code=report.exit_code, key=report.key, error=error)
