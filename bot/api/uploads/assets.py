"""`PUT /v1/runs/{id}/assets/{kind}`: upload the assets of a run as lines of JSON, in any number."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from bot.api.bodies import iter_body
from bot.api.idempotency import uuid7
from bot.api.keys import ApiKey, Scope
from bot.api.models import Answer, Body
from bot.api.operations import Operation, json_response, parse_query
from bot.api.problems import Problem
from bot.api.runs import RunRoutes
from bot.external.assets import (
    KIND,
    MAX_KEY_COLUMNS,
    MAX_LINE_BYTES,
    MAX_NAME_CHARACTERS,
    RESERVED,
    AssetReader,
    BadLineError,
)
from bot.external.models import AssetUpload, DeclaredKind, ExternalRun
from bot.external.repository import ExternalSchedules, Leftover
from bot.ports import TaskStore
from bot.runs.reporting import RunReports

MAX_BYTES = 64 * 1024 * 1024  # unpacked
BATCH_DOCUMENTS = 500
MAX_BAD_LINES_NAMED = 20
MAX_KINDS = 20  # of a run
MAX_UPLOAD_TIME = timedelta(hours=24)  # longer than the slowest upload that is taken
NDJSON = "application/x-ndjson"


class AssetQuery(Body):
    """Options of an upload of assets."""

    key: str | None = Field(
        None,
        max_length=300,
        description="Columns that identify an asset, with commas. The first upload tells.",
    )


class BadLine(Answer):
    """A line that is no asset."""

    line: int
    problem: str


class AssetAnswer(Answer):
    """Outcome of an upload. Bad lines are left out; the first ones are named."""

    kind: str
    rows: int
    columns: list[str]
    key: list[str]
    bad: int = 0
    bad_lines: list[BadLine] = Field(default_factory=list)


@dataclass
class Upload:
    """An upload in progress."""

    reader: AssetReader
    place: str  # the task in the store that has the assets
    batch: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: int = 0
    bad: int = 0
    named: list[BadLine] = field(default_factory=list)

    def add(self, number: int, line: bytes) -> None:
        """Read one line into the batch."""
        try:
            key, document = self.reader.read(line)
        except BadLineError as error:
            self.bad += 1
            if len(self.named) < MAX_BAD_LINES_NAMED:
                self.named.append(BadLine(line=number, problem=str(error)))
        else:
            self.batch[key] = document


class AssetRoutes:
    """Takes assets. An upload replaces an earlier one of the same kind, once it is complete."""

    def __init__(
        self, runs: RunRoutes, reports: RunReports, schedules: ExternalSchedules, assets: TaskStore
    ) -> None:
        self._runs = runs
        self._reports = reports
        self._schedules = schedules
        self._assets = assets

    def operations(self) -> Sequence[Operation]:
        answers: Mapping[int, type[BaseModel] | None] = {200: AssetAnswer}
        return (
            Operation(
                method="PUT",
                path="/v1/runs/{id}/assets/{kind}",
                handler=self.put,
                scope=Scope.REPORT,
                summary="Upload assets as NDJSON, gzip or not, up to 64 MB: a sheet of the report.",
                media=NDJSON,
                query=AssetQuery,
                answers=answers,
            ),
        )

    async def put(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        query = parse_query(request, AssetQuery)
        kind = request.match_info["kind"]
        run = await self._runs.find_external(key, request.match_info["id"])
        reader = await self._reader(run, kind, query.key)
        upload = Upload(reader=reader, place=f"{run.id}:{uuid7()}")
        await self._reports.mark_leftover(Leftover(run_id=run.id, place=upload.place), MAX_UPLOAD_TIME)
        await self._store(request, upload)
        await self._declare(run, upload)
        return json_response(
            AssetAnswer(
                kind=kind,
                rows=upload.rows,
                columns=list(reader.columns),
                key=list(reader.key),
                bad=upload.bad,
                bad_lines=upload.named,
            )
        )

    async def _reader(self, run: ExternalRun, kind: str, key: str | None) -> AssetReader:
        """Return the reader of a kind: one of ARL's, one that an upload has declared, or a new one."""
        if not KIND.fullmatch(kind) or kind in RESERVED:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"kind: takes {KIND.pattern}, not {kind[:30]}")
        if kind not in run.asset_kinds and len(run.assets) >= MAX_KINDS:
            raise Problem(HTTPStatus.CONFLICT, f"a run has at most {MAX_KINDS} kinds of assets")
        reader = AssetReader(kind)
        if reader.is_known:
            if key:
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"key: {kind} has its own, in ARL's format")
            return reader
        declared = {each.name: each for each in await self._schedules.kinds(run.slug)}
        if kind in declared:
            return AssetReader(kind, declared[kind].key, dict.fromkeys(declared[kind].columns))
        return AssetReader(kind, parse_key(key), dict.fromkeys(parse_key(key)))

    async def _store(self, request: web.Request, upload: Upload) -> None:
        number = 0
        async for line in iter_lines(iter_body(request, max_bytes=MAX_BYTES)):
            number += 1
            if line.strip():
                upload.add(number, line)
            if len(upload.batch) >= BATCH_DOCUMENTS:
                await self._flush(upload)
        await self._flush(upload)
        if upload.rows > BATCH_DOCUMENTS:
            upload.rows = await self._count(upload)

    async def _flush(self, upload: Upload) -> None:
        if upload.batch:
            await self._assets.save_assets(upload.place, upload.reader.kind, upload.batch)
            upload.rows += len(upload.batch)
            upload.batch = {}

    async def _count(self, upload: Upload) -> int:
        """Count what is stored: several batches may have assets with the same key."""
        count = 0
        async for _ in self._assets.iter_assets([upload.place], upload.reader.kind):
            count += 1
        return count

    async def _declare(self, run: ExternalRun, upload: Upload) -> None:
        """Make a complete upload part of the run."""
        reader = upload.reader
        if not reader.is_known:
            kind = DeclaredKind(
                slug=run.slug, name=reader.kind, key=tuple(reader.key), columns=tuple(reader.columns)
            )
            await self._schedules.declare(kind)
        for old in run.assets:
            if old.kind == reader.kind:
                await self._reports.mark_leftover(Leftover(run_id=run.id, place=old.place))
        added = AssetUpload(kind=reader.kind, place=upload.place, rows=upload.rows)
        await self._reports.change(
            run.id,
            lambda each: replace(
                each, assets=(*(old for old in each.assets if old.kind != reader.kind), added)
            ),
        )


def parse_key(key: str | None) -> tuple[str, ...]:
    """Parse the columns of a key. Raises `Problem` if there are none, or too many."""
    names = tuple(dict.fromkeys(name.strip() for name in (key or "").split(",") if name.strip()))
    if not names or len(names) > MAX_KEY_COLUMNS:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"key: takes one to {MAX_KEY_COLUMNS} columns, and the first upload of a kind needs it",
        )
    if any(len(name) > MAX_NAME_CHARACTERS or not name.isprintable() for name in names):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "key: takes names of columns")
    return names


async def iter_lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a body. Of one that is too long, the beginning is yielded."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
        rest = rest[: MAX_LINE_BYTES + 1]
        await asyncio.sleep(0)  # reading JSON must not block the loop
    if rest:
        yield rest
