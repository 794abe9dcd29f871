"""The default exporter: one child process per export, fed from the engine; the event loop only passes on."""

import asyncio
import json
import logging
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bot.errors import Temporary
from bot.models import Run
from bot.ports import Engine

log = logging.getLogger(__name__)

AT_ONCE = 1
KINDS = ("ip", "site", "domain")  # in this order
LINE_BYTES = 1024 * 1024

_RUN = TypeAdapter(Run)


class InProcessExporter:
    """The Exporter port on this machine."""

    def __init__(self, engine: Engine, *, zone: str, lang: str) -> None:
        self._engine = engine
        self._zone = zone
        self._lang = lang
        self._places = asyncio.Semaphore(AT_ONCE)
        self._progress: dict[str, int] = {}

    def progress(self, run_id: str) -> int | None:
        """Documents written so far of an export under way, or None."""
        return self._progress.get(run_id)

    async def export(self, run: Run, path: Path) -> int:
        async with self._places:
            self._progress[run.id] = 0
            try:
                with tempfile.TemporaryDirectory(prefix="dingrun-export-") as spool:
                    return await self._in_child(run, path, spool)
            except OSError as error:
                raise Temporary(f"the report cannot be written: {error.strerror}") from error
            finally:
                del self._progress[run.id]

    async def _in_child(self, run: Run, path: Path, spool: str) -> int:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.exporters.child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env=os.environ | {"TMPDIR": spool, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        feeding = asyncio.create_task(self._feed(child, run, path))
        complaints = asyncio.create_task(_last_line(child))
        try:
            answer = await self._listen(child, run.id)
            with suppress(BrokenPipeError, ConnectionResetError):
                await feeding
            await child.wait()
            return _rows(answer, await complaints)
        finally:
            feeding.cancel()
            complaints.cancel()
            await _end(child, path)

    async def _feed(self, child: asyncio.subprocess.Process, run: Run, path: Path) -> None:
        """Everything the child needs, no faster than it takes it."""
        if child.stdin is None:
            return
        try:
            order = {
                "run": _RUN.dump_python(run, mode="json"),
                "path": str(path),
                "zone": self._zone,
                "lang": self._lang,
            }
            child.stdin.write(_line(order))
            for kind in KINDS:
                async for document in self._engine.assets(run.task_ids, kind):
                    child.stdin.write(_line([kind, document]))
                    await child.stdin.drain()
            child.stdin.write(_line(None))
            await child.stdin.drain()
        finally:
            child.stdin.close()

    async def _listen(self, child: asyncio.subprocess.Process, run_id: str) -> dict[str, Any]:
        """The child's last line; those before tell its progress."""
        answer: dict[str, Any] = {}
        if child.stdout is not None:
            async for line in child.stdout:
                answer = json.loads(line)
                self._progress[run_id] = answer.get("progress", self._progress[run_id])
        return answer


async def _last_line(child: asyncio.subprocess.Process) -> str:
    """What the child complained of last; its pipe is emptied all the while."""
    last = ""
    if child.stderr is not None:
        async for line in child.stderr:
            last = line.decode(errors="replace").strip() or last
    return last


def _rows(answer: dict[str, Any], complaint: str) -> int:
    if "rows" in answer:
        return int(answer["rows"])
    raise Temporary(f"the report cannot be written: {answer.get('error') or complaint or 'its process died'}")


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


async def _end(child: asyncio.subprocess.Process, path: Path) -> None:
    """Nothing of a child that did not come to its end is left."""
    if child.returncode is None:
        child.kill()
        await child.wait()
    if child.returncode != 0:
        await asyncio.to_thread(path.with_name(path.name + ".part").unlink, missing_ok=True)
