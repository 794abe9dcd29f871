"""The default exporter: one child process per export, so that the event loop never writes Excel."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bot.assets.kinds import REPORTED_KINDS
from bot.assets.values import Document
from bot.errors import TemporaryError
from bot.exporters.local.children import ChildProcesses, end_child
from bot.exporters.local.protocol import END, batch_line
from bot.files import UNFINISHED_SUFFIX
from bot.models import Findings
from bot.ports import Engine, ReportInput
from bot.scratch import scratch_folder
from bot.telemetry.rescues import Rescue, count_rescue
from bot.workbook.baseline import with_baseline
from bot.workbook.diff import Side

log = logging.getLogger(__name__)

MAX_BATCH_DOCUMENTS = 200  # encoded within milliseconds, so that the event loop stays responsive

_REPORT_INPUT = TypeAdapter(ReportInput)
_FINDINGS = TypeAdapter(Findings)


@dataclass(frozen=True, kw_only=True)
class ChildRequest:
    """One export in a child process. `part` and `scratch` are used by nobody else."""

    report_input: ReportInput
    path: Path
    part: Path
    scratch: str


class LocalExporter:
    """The Exporter port on this machine."""

    def __init__(
        self, engine: Engine, *, zone: str, lang: str, show_secrets: bool = False, concurrency: int = 1
    ) -> None:
        self._engine = engine
        self._options = {"zone": zone, "lang": lang, "show_secrets": show_secrets}
        self._slots = asyncio.Semaphore(concurrency)
        self._progress: dict[str, int] = {}
        self._children = ChildProcesses()

    async def prepare(self, *, expected: bool) -> None:
        await self._children.prepare(expected=expected)

    async def close(self) -> None:
        await self._children.close()

    def progress(self, run_id: str) -> int | None:
        return self._progress.get(run_id)

    def probes(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        return {}

    async def export(self, report_input: ReportInput, path: Path) -> Findings:
        run = report_input.run
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{UNFINISHED_SUFFIX}")
        async with self._slots:
            self._progress[run.id] = 0
            try:
                report_input = await with_baseline(self._engine, report_input)
                async with scratch_folder() as scratch:
                    request = ChildRequest(
                        report_input=report_input, path=path, part=part, scratch=str(scratch)
                    )
                    findings = await self._run_child(request)
            except OSError as error:
                raise TemporaryError(f"the report cannot be written: {error.strerror}") from error
            finally:
                self._progress.pop(run.id, None)  # the same run may be exported twice at once
        await self._children.replenish()
        return findings

    async def _run_child(self, request: ChildRequest) -> Findings:
        child = await self._children.take()
        feeding = asyncio.create_task(self._feed(child, request))
        errors = asyncio.create_task(_last_line(child.stderr))
        try:
            response = await _last_line(child.stdout)
            with suppress(BrokenPipeError, ConnectionResetError):
                await feeding
            await child.wait()
            return _parse_response(response, await errors)
        finally:
            feeding.cancel()
            errors.cancel()
            await _clean_up(child, request.part)

    async def _feed(self, child: asyncio.subprocess.Process, request: ChildRequest) -> None:
        """Write the request and all assets to the child, no faster than it reads."""
        if child.stdin is None:
            return
        head = {
            "report_input": _REPORT_INPUT.dump_python(request.report_input, mode="json"),
            "path": str(request.path),
            "part": str(request.part),
            "scratch": request.scratch,
            **self._options,
        }
        try:
            child.stdin.write(json.dumps(head).encode() + b"\n")
            for kind, side, task_ids in asset_requests(request.report_input):
                async for batch in self._batches(kind, task_ids):
                    child.stdin.write(batch_line(kind, side, batch))
                    self._count_read(request.report_input.run.id, len(batch))
                    await child.stdin.drain()
                    await asyncio.sleep(0)  # an engine that never awaits must not block the event loop
            child.stdin.write(END)
            await child.stdin.drain()
        finally:
            child.stdin.close()

    def _count_read(self, run_id: str, assets: int) -> None:
        self._progress[run_id] = self._progress.get(run_id, 0) + assets

    async def _batches(self, kind: str, task_ids: Sequence[str]) -> AsyncIterator[list[Document]]:
        """Yield the assets of one kind that these tasks found, in batches."""
        batch: list[Document] = []
        async for document in self._engine.iter_assets(task_ids, kind):
            batch.append(REPORTED_KINDS[kind].slimmed(document) if kind in REPORTED_KINDS else document)
            if len(batch) == MAX_BATCH_DOCUMENTS:
                yield batch
                batch = []
        if batch:
            yield batch


def asset_requests(report_input: ReportInput) -> Iterator[tuple[str, Side, Sequence[str]]]:
    """Yield what to ask the engine for, kind by kind. The assets of the run itself are the last of a kind."""
    unfinished = frozenset(report_input.unfinished)
    baseline = report_input.baseline
    sides: dict[Side, Sequence[str]] = {
        Side.ELSEWHERE: baseline.elsewhere if baseline else (),
        Side.EARLIER_PARTIAL: baseline.partial if baseline else (),
        Side.EARLIER: baseline.complete if baseline else (),
        Side.PARTIAL: report_input.unfinished,
        Side.CURRENT: [id_ for id_ in report_input.run.task_ids if id_ not in unfinished],
    }
    for kind in (*REPORTED_KINDS, *(each.name for each in report_input.kinds)):
        yield from ((kind, side, task_ids) for side, task_ids in sides.items() if task_ids)


async def _last_line(pipe: asyncio.StreamReader | None) -> str:
    """Read a pipe to its end and return its last line that is not empty."""
    last = ""
    if pipe is not None:
        async for line in pipe:
            last = line.decode(errors="replace").strip() or last
    return last


def _parse_response(response: str, error: str) -> Findings:
    parsed: dict[str, Any] = json.loads(response) if response else {}
    if "findings" in parsed:
        return _FINDINGS.validate_python(parsed["findings"])
    if not response:
        count_rescue(Rescue.EXPORT_CHILD_DIED)
    raise TemporaryError(
        f"the report cannot be written: {parsed.get('error') or error or 'its process died'}"
    )


async def _clean_up(child: asyncio.subprocess.Process, part: Path) -> None:
    """Kill a child that is still running and remove the file that it did not finish."""
    await end_child(child)
    if child.returncode != 0 and await asyncio.to_thread(part.exists):
        count_rescue(Rescue.UNFINISHED_REMOVED)
        await asyncio.to_thread(part.unlink, missing_ok=True)
