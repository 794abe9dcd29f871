"""The child process of an export: documents come in as JSON lines, one answer goes out.

First line: the run, the look, the path. Then `[kind, document]` lines, and `null` at the end. A parent that
dies closes the pipe before that `null`: nothing is left behind then.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from bot.models import Run
from bot.workbook import WorkbookLook, write_workbook

PROGRESS_EVERY = 1_000  # documents


class ParentGone(Exception):
    """The pipe ended before its last line."""


def documents(lines: IO[str], answers: IO[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(lines, 1):
        pair = json.loads(line)
        if pair is None:
            return
        if number % PROGRESS_EVERY == 0:
            answers.write(f'{{"progress": {number}}}\n')
            answers.flush()
        yield pair[0], pair[1]
    raise ParentGone


def write(lines: IO[str], answers: IO[str]) -> int:
    """Write the workbook that the lines describe; its data rows."""
    order = json.loads(lines.readline())
    path = Path(order["path"])
    part = path.with_name(path.name + ".part")
    look = WorkbookLook(zone=ZoneInfo(order["zone"]), lang=order["lang"])
    run = TypeAdapter(Run).validate_python(order["run"])
    try:
        rows = write_workbook(part, run, documents(lines, answers), look=look)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return rows


def main() -> int:
    lines = open(sys.stdin.fileno(), encoding="utf-8", errors="surrogatepass", closefd=False)  # noqa: SIM115
    try:
        answer: dict[str, object] = {"rows": write(lines, sys.stdout)}
    except ParentGone:
        return 3
    except OSError as error:
        answer = {"error": error.strerror or type(error).__name__}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
