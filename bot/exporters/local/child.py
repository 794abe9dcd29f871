"""The child process of an export: lines come in, one answer goes out.

It is started as `python -m bot.exporters.local.child SPOOL`.

Nothing is left behind, also when the parent dies: SPOOL, the folder for its temporary files, goes with it.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from bot.exporters.local.protocol import ParentGone, finds
from bot.models import Findings
from bot.ports import ReportInput
from bot.workbook.builder import write_workbook
from bot.workbook.cells import WorkbookOptions

PARENT_GONE = 3  # exit code
POLITE = 5  # on a busy machine, people who wait for an answer come first


def write(lines: Iterator[bytes]) -> Findings:
    """Write the workbook that the lines describe; what it counted."""
    order: dict[str, Any] = json.loads(next(lines, b"null"))
    if order is None:
        raise ParentGone
    path, part = Path(order["path"]), Path(order["part"])
    look = WorkbookOptions(
        zone=ZoneInfo(order["zone"]), lang=order["lang"], show_secrets=order["show_secrets"]
    )
    story = TypeAdapter(ReportInput).validate_python(order["story"])
    try:
        findings = write_workbook(part, story, finds(lines), look=look)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return findings


def main(spool: str) -> int:
    os.nice(POLITE)
    try:
        answer: dict[str, object] = {"findings": asdict(write(iter(sys.stdin.buffer)))}
    except ParentGone:
        return PARENT_GONE
    except OSError as error:
        answer = {"error": error.strerror or type(error).__name__}
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
