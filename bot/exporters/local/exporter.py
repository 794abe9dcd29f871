"""The default exporter: one child process per export, fed from the engine; the event loop only passes on."""

import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bot.assets.kinds import REPORTED_KINDS
from bot.assets.values import Document
from bot.errors import TemporaryError
from bot.exporters.local.protocol import END, batch_line
from bot.models import Findings
from bot.ports import Engine, ReportInput
from bot.scratch import scratch_folder
from bot.workbook.baseline import compared
from bot.workbook.diff import Side

log = logging.getLogger(__name__)

BATCH = 200  # documents of a line: few enough that the loop is free again within milliseconds
LINE_BYTES = 1024 * 1024  # of an answer

_STORY = TypeAdapter(ReportInput)
_FINDINGS = TypeAdapter(Findings)


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """One export: what is told, where it goes, and the places nobody else writes to meanwhile."""

    story: ReportInput
    path: Path
    part: Path
    spool: str


class LocalExporter:
    """The Exporter port on this machine."""

    def __init__(
        self, engine: Engine, *, zone: str, lang: str, show_secrets: bool = False, at_once: int = 1
    ) -> None:
        self._engine = engine
        self._look = {"zone": zone, "lang": lang, "show_secrets": show_secrets}
        self._places = asyncio.Semaphore(at_once)
        self._progress: dict[str, int] = {}

    def progress(self, run_id: str) -> int | None:
        return self._progress.get(run_id)

    async def export(self, story: ReportInput, path: Path) -> Findings:
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        async with self._places:
            self._progress[story.run.id] = 0
            try:
                story = await compared(self._engine, story)
                async with scratch_folder() as spool:
                    return await self._in_child(
                        ExportJob(story=story, path=path, part=part, spool=str(spool))
                    )
            except OSError as error:
                raise TemporaryError(f"the report cannot be written: {error.strerror}") from error
            finally:
                self._progress.pop(story.run.id, None)  # the same run may be written twice at a time

    async def _in_child(self, order: ExportJob) -> Findings:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.exporters.local.child",
            order.spool,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env=os.environ | {"TMPDIR": order.spool, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        feeding = asyncio.create_task(self._feed(child, order))
        complaints = asyncio.create_task(_last_line(child.stderr))
        try:
            answer = await _last_line(child.stdout)
            with suppress(BrokenPipeError, ConnectionResetError):
                await feeding
            await child.wait()
            return _findings(answer, await complaints)
        finally:
            feeding.cancel()
            complaints.cancel()
            await _end(child, order.part)

    async def _feed(self, child: asyncio.subprocess.Process, order: ExportJob) -> None:
        """Everything the child needs, no faster than it takes it."""
        if child.stdin is None:
            return
        told = {
            "story": _STORY.dump_python(order.story, mode="json"),
            "path": str(order.path),
            "part": str(order.part),
            **self._look,
        }
        try:
            child.stdin.write(json.dumps(told).encode() + b"\n")
            for kind, side, task_ids in asset_requests(order.story):
                async for batch in self._batches(kind, task_ids):
                    child.stdin.write(batch_line(kind, side, batch))
                    self._took(order.story.run.id, len(batch))
                    await child.stdin.drain()
                    await asyncio.sleep(0)  # an engine that never waits must not keep the loop
            child.stdin.write(END)
            await child.stdin.drain()
        finally:
            child.stdin.close()

    def _took(self, run_id: str, assets: int) -> None:
        self._progress[run_id] = self._progress.get(run_id, 0) + assets

    async def _batches(self, kind: str, task_ids: Sequence[str]) -> AsyncIterator[list[Document]]:
        """What tasks found of one kind."""
        batch: list[Document] = []
        async for document in self._engine.iter_assets(task_ids, kind):
            batch.append(REPORTED_KINDS[kind].slimmed(document))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def asset_requests(story: ReportInput) -> Iterator[tuple[str, Side, Sequence[str]]]:
    """What is asked of the engine, in this order: kind by kind, the finds of the run itself last."""
    unfinished = frozenset(story.unfinished)
    base = story.baseline
    sides: dict[Side, Sequence[str]] = {
        Side.ELSEWHERE: base.elsewhere if base else (),
        Side.EARLIER_PARTIAL: base.partial if base else (),
        Side.THEIRS: base.complete if base else (),
        Side.PARTIAL: story.unfinished,
        Side.MINE: [id_ for id_ in story.run.task_ids if id_ not in unfinished],
    }
    for kind in REPORTED_KINDS:
        yield from ((kind, side, task_ids) for side, task_ids in sides.items() if task_ids)


async def _last_line(pipe: asyncio.StreamReader | None) -> str:
    """What the child said last; its pipe is emptied all the while."""
    last = ""
    if pipe is not None:
        async for line in pipe:
            last = line.decode(errors="replace").strip() or last
    return last


def _findings(answer: str, complaint: str) -> Findings:
    said: dict[str, Any] = json.loads(answer) if answer else {}
    if "findings" in said:
        return _FINDINGS.validate_python(said["findings"])
    raise TemporaryError(
        f"the report cannot be written: {said.get('error') or complaint or 'its process died'}"
    )


async def _end(child: asyncio.subprocess.Process, part: Path) -> None:
    """Nothing of a child that did not come to its end is left."""
    if child.returncode is None:
        child.kill()
        await child.wait()
    if child.returncode != 0:
        await asyncio.to_thread(part.unlink, missing_ok=True)
