"""`PUT /v1/runs/{id}/files/{name}`: upload a file that is sent instead of our workbook."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from io import BufferedWriter

from aiohttp import web

from bot.api.bodies import iter_body
from bot.api.keys import ApiKey, Scope
from bot.api.models import FileAnswer
from bot.api.operations import Operation, json_response
from bot.api.problems import Problem
from bot.api.runs import RunRoutes
from bot.external.models import ExternalRun, RunFile
from bot.external.repository import Leftover
from bot.models import Run
from bot.reports.repository import Reports
from bot.runs.reporting import RunReports

MAX_BYTES = 20 * 1024 * 1024
MAX_FILES = 10  # of a run
TYPES = (
    "xlsx",
    "pdf",
    "zip",
    "rar",
    "doc",
    "docx",
)  # that a robot sends (0699-robot-message-type, sampleFile)
MAX_NAME_BYTES = 120
_NAME = re.compile(rf"[\w.() +-]+\.({'|'.join(TYPES)})", re.IGNORECASE)


class FileRoutes:
    """Takes files. One with the same name replaces the earlier one."""

    def __init__(self, runs: RunRoutes, run_reports: RunReports, reports: Reports) -> None:
        self._runs = runs
        self._run_reports = run_reports
        self._reports = reports

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                method="PUT",
                path="/v1/runs/{id}/files/{name}",
                handler=self.put,
                scope=Scope.REPORT,
                summary=f"Upload a file that is sent instead of our workbook: {', '.join(TYPES)}.",
                media="application/octet-stream",
                answers={200: FileAnswer},
            ),
        )

    async def put(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        name = request.match_info["name"]
        if not _NAME.fullmatch(name) or len(name.encode()) > MAX_NAME_BYTES or name.startswith("."):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"name: takes a file name with {', '.join(TYPES)}")
        external = await self._runs.find_external(key, request.match_info["id"])
        if len({*(each.name for each in external.files), name}) > MAX_FILES:
            raise Problem(HTTPStatus.CONFLICT, f"a run has at most {MAX_FILES} files")
        run = await self._runs.find(key, external.id)
        file = await self._store(request, run, name)
        for old in external.files:
            if old.name == name:
                await self._run_reports.mark_leftover(Leftover(run_id=run.id, path=old.path))
        await self._run_reports.change(external.id, lambda each: with_file(each, file))
        return json_response(FileAnswer(name=file.name, size=file.size, sha256=file.sha256))

    async def _store(self, request: web.Request, run: Run, name: str) -> RunFile:
        path = await self._reports.reserve_path(run)
        try:
            with await asyncio.to_thread(path.open, "wb") as opened:
                size = await _write(request, opened)
            if not size:
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the file is empty")
            return await self._reports.commit_upload(run, path, name)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)


async def _write(request: web.Request, opened: BufferedWriter) -> int:
    """Write a body to a file, and return its size."""
    size = 0
    async for piece in iter_body(request, max_bytes=MAX_BYTES):
        await asyncio.to_thread(opened.write, piece)
        size += len(piece)
    return size


def with_file(run: ExternalRun, file: RunFile) -> ExternalRun:
    """Return the run with a file, which replaces an earlier one of its name."""
    return replace(run, files=(*(each for each in run.files if each.name != file.name), file))
