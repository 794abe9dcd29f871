"""`/v1/runs`: report and read runs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from aiohttp import web

from bot.api.admission import Admission, reaches
from bot.api.answers import describe_run
from bot.api.bodies import read_body, read_tail
from bot.api.idempotency import HEADER, MEANING, Idempotency
from bot.api.keys import ApiKey, Scope
from bot.api.models import CLIENT_ID, LogAnswer, RunAnswer, RunBody, RunList, RunListQuery, RunQuery
from bot.api.operations import JSON, MAX_JSON_BYTES, Operation, json_response, parse_json, parse_query
from bot.api.pings import MAX_BODY_BYTES
from bot.api.problems import Problem, not_found
from bot.external.merge import MergeOutcome, RunReport, takes_uploads
from bot.external.models import ExternalRun, names_other_runs, schedule_id
from bot.external.repository import ExternalRecords
from bot.models import Clock, Job, PushStatus, Run, RunStatus
from bot.ports import Store
from bot.runs.reporting import LOG_BYTES, ReportResult, RunReports

WAIT_POLL_SECONDS = 0.5
MAX_WAITING = 50  # requests that wait at once; more are answered at once
MAX_RUNS_READ = 1_000
MAX_JOBS_READ = 1_000
MAX_ID_LENGTH = 130  # of a slug, a colon and the id of a system


@dataclass(frozen=True, kw_only=True)
class RunServices:
    """Services that the routes of runs use."""

    store: Store
    records: ExternalRecords
    reports: RunReports
    admission: Admission
    idempotency: Idempotency
    clock: Clock


class RunRoutes:
    """Reports and reads runs, and finds them for other routes."""

    def __init__(self, services: RunServices) -> None:
        self._services = services
        self._waiting = 0

    def operations(self) -> Sequence[Operation]:
        return (*self._run_operations(), *self._log_operations())

    def _run_operations(self) -> Sequence[Operation]:
        return (
            Operation(
                method="PUT",
                path="/v1/runs/{id}",
                handler=self.put,
                scope=Scope.REPORT,
                summary="Report a run by an id that you choose. Fields that are left out stay.",
                body=RunBody,
                answers={200: RunAnswer, 201: RunAnswer},
            ),
            Operation(
                method="POST",
                path="/v1/runs",
                handler=self.post,
                scope=Scope.REPORT,
                summary="Report a new run. It gets an id.",
                body=RunBody,
                headers={HEADER: MEANING},
                answers={201: RunAnswer},
            ),
            Operation(
                method="GET",
                path="/v1/runs",
                handler=self.list,
                scope=Scope.READ,
                summary="List runs, the newest first.",
                query=RunListQuery,
                answers={200: RunList},
            ),
            Operation(
                method="GET",
                path="/v1/runs/{id}",
                handler=self.get,
                scope=Scope.READ,
                summary="Read a run, and wait until it has ended or its messages are delivered.",
                query=RunQuery,
                answers={200: RunAnswer},
            ),
        )

    def _log_operations(self) -> Sequence[Operation]:
        return (
            Operation(
                method="POST",
                path="/v1/runs/{id}/log",
                handler=self.log,
                scope=Scope.REPORT,
                summary="Append text to the log, of which the last 100 kB are kept.",
                media="text/plain",
                headers={HEADER: MEANING},
                answers={200: LogAnswer},
            ),
            Operation(
                method="GET",
                path="/v1/runs/{id}/log",
                handler=self.read_log,
                scope=Scope.READ,
                summary="Read the end of the log.",
                answers={200: None},
                answer_media="text/plain",
            ),
        )

    async def put(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        body = await self._body(request)
        report = parse_json(body, RunBody)
        slug, client_id = await self._place(key, request.match_info["id"], report.schedule)
        result = await self._report(key, slug, client_id, report)
        status = HTTPStatus.CREATED if result.created else HTTPStatus.OK
        return json_response(await self.describe(result.run), status)

    async def post(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        body = await self._body(request)
        report = parse_json(body, RunBody)
        if report.schedule is None:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "schedule: is missing, and a new run needs it")
        slug = report.schedule

        async def act(subject: str) -> web.Response:
            result = await self._report(key, slug, subject, report)
            return json_response(await self.describe(result.run), HTTPStatus.CREATED)

        return await self._services.idempotency.once(request, key, body, act)

    async def _body(self, request: web.Request) -> bytes:
        if request.content_type != JSON:
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type takes {JSON}")
        return await read_body(request, max_bytes=MAX_JSON_BYTES)

    async def _place(self, key: ApiKey, id_: str, slug: str | None) -> tuple[str, str]:
        """Return the slug and the id of its system of the run that a request is about."""
        ensure_id(id_)
        if slug and CLIENT_ID.fullmatch(id_) and not names_other_runs(id_):
            return slug, id_  # without a query
        known = [run for run in await self._services.reports.find(id_) if key.reaches(run.slug)]
        same = [run for run in known if slug in {None, run.slug}]
        if len(same) == 1:
            return same[0].slug, same[0].client_id
        if slug is None and known:
            raise Problem(HTTPStatus.CONFLICT, "several schedules have a run with this id: name the schedule")
        if slug is None:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "schedule: is missing, and a new run needs it")
        if not CLIENT_ID.fullmatch(id_):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "id: takes 1-64 of A-Z a-z 0-9 . _ : -")
        return slug, id_

    async def _report(self, key: ApiKey, slug: str, client_id: str, body: RunBody) -> ReportResult:
        """Merge a report. Raises `Problem` (409) if the run has another end."""
        schedule = await self._services.admission.find_or_create(key, slug)
        if body.expect is not None and schedule.version:
            expect = body.expect.as_expectation()
            if schedule.expect != expect:
                await self._services.records.schedules.save(replace(schedule, expect=expect))
        result = await self._services.reports.report(slug, client_id, as_report(body))
        if result.outcome is MergeOutcome.CONFLICT:
            ended = result.run.status.value
            raise Problem(HTTPStatus.CONFLICT, f"the run has ended before: {ended}", run=result.run.id)
        return result

    async def get(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        query = parse_query(request, RunQuery)
        run = await self.find(key, request.match_info["id"])
        if query.wait and self._waiting < MAX_WAITING:
            self._waiting += 1
            try:
                run = await self._wait(run, query)
            finally:
                self._waiting -= 1
        return json_response(await self.describe_any(run))

    async def _wait(self, run: Run, query: RunQuery) -> Run:
        """Wait until a run has ended or its messages are delivered, or the time is over."""
        deadline = asyncio.get_running_loop().time() + query.within
        while not _is_reached(run, query) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(WAIT_POLL_SECONDS)
            run = await self._services.store.find_run(run.id) or run
        return run

    async def list(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        query = parse_query(request, RunListQuery)
        status = RunStatus.RUNNING if query.status == "open" else None
        found: Sequence[Run] = ()
        for id_ in [schedule_id(query.schedule), query.schedule] if query.schedule else [""]:
            found = found or await self._services.store.find_runs(
                status=status, schedule_id=id_, limit=MAX_RUNS_READ
            )
        wanted = [run for run in found if _matches(run, query) and reaches(key, run.schedule)][: query.limit]
        external = await self._services.records.runs.find_all([run.id for run in wanted])
        reported = {each.id: each for each in external}
        return json_response(
            RunList(runs=[await self._describe(run, reported.get(run.id)) for run in wanted])
        )

    async def log(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        run = await self.find_external(key, request.match_info["id"])
        text = await read_tail(request, keep=LOG_BYTES, max_bytes=MAX_BODY_BYTES)

        async def act(subject: str) -> web.Response:
            await self._services.reports.append_log(run, text)
            kept = await self._services.records.runs.find_log(run.id)
            return json_response(LogAnswer(bytes=len(kept.encode())))

        return await self._services.idempotency.once(request, key, text.encode(), act)

    async def read_log(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        run = await self.find(key, request.match_info["id"])
        text = await self._services.records.runs.find_log(run.id)
        return web.Response(text=text, content_type="text/plain", headers={"Cache-Control": "no-store"})

    async def find(self, key: ApiKey, id_: str) -> Run:
        """Return the run of any engine that an id means. Raises `Problem` (404)."""
        ensure_id(id_)
        reported = [run for run in await self._services.reports.find(id_) if key.reaches(run.slug)]
        run = await self._services.store.find_run(reported[0].id if reported else id_)
        if run is None or not reaches(key, run.schedule):
            raise not_found()
        return run

    async def find_external(self, key: ApiKey, id_: str) -> ExternalRun:
        """Return the reported run that an id means, if it takes uploads. Raises `Problem` (404, 409)."""
        ensure_id(id_)
        found = [run for run in await self._services.reports.find(id_) if key.reaches(run.slug)]
        if not found:
            raise not_found()
        if len(found) > 1:
            raise Problem(HTTPStatus.CONFLICT, "several schedules have a run with this id: write slug:id")
        if not takes_uploads(found[0], self._services.clock()):
            raise Problem(HTTPStatus.CONFLICT, "the run ended too long ago")
        return found[0]

    async def describe(self, external: ExternalRun) -> RunAnswer:
        """Describe a reported run."""
        run = await self._services.store.find_run(external.id)
        if run is None:
            raise not_found()
        return await self._describe(run, external)

    async def describe_any(self, run: Run) -> RunAnswer:
        """Describe a run of any engine."""
        return await self._describe(run, await self._services.records.runs.find(run.id))

    async def _describe(self, run: Run, external: ExternalRun | None) -> RunAnswer:
        jobs: Sequence[Job] = ()
        if run.status is not RunStatus.RUNNING:  # its messages come with its end
            jobs = await self._services.store.find_jobs(run_id=run.id, limit=MAX_JOBS_READ)
        return describe_run(run, external, jobs)


def as_report(body: RunBody) -> RunReport:
    """Return the report of a body."""
    return RunReport(
        status=body.reported_status,
        title=body.title,
        trigger=body.trigger,
        started_at=body.started_at,
        ended_at=body.ended_at,
        exit_code=body.exit_code,
        signal=body.signal,
        error=body.error,
        tasks=None if body.tasks is None else [task.as_task() for task in body.tasks],
        counts=body.counts,
        links=None if body.links is None else [link.as_link() for link in body.links],
        labels=body.labels,
    )


def ensure_id(id_: str) -> None:
    """Raise `Problem` (404) if nothing can have this id."""
    if not id_ or len(id_) > MAX_ID_LENGTH or not id_.isascii() or not id_.isprintable():
        raise not_found()


def _is_reached(run: Run, query: RunQuery) -> bool:
    if run.status is RunStatus.RUNNING:
        return False
    return query.wait == "ended" or run.push_status is not PushStatus.PENDING


def _matches(run: Run, query: RunListQuery) -> bool:
    if query.before and run.start_time >= query.before:
        return False
    return query.status is None or (run.status is RunStatus.RUNNING) == (query.status == "open")
