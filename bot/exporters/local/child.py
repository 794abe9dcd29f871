"""The child process of an export: reads the request and the assets from stdin, prints one response.

It is started as `python -m bot.exporters.local.child SCRATCH`, with a folder for its temporary files. It
removes that folder at the end, so that nothing is left when the parent dies.
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

from bot.exporters.local.protocol import ParentGoneError, read_assets
from bot.models import Findings
from bot.ports import ReportInput
from bot.workbook.builder import write_workbook
from bot.workbook.cells import WorkbookOptions

PARENT_GONE_EXIT_CODE = 3
NICENESS = 5  # on a busy machine, the chat comes first


def write(lines: Iterator[bytes]) -> Findings:
    """Write the workbook that the lines describe and return what it counted."""
    request: dict[str, Any] = json.loads(next(lines, b"null"))
    if request is None:
        raise ParentGoneError
    path, part = Path(request["path"]), Path(request["part"])
    options = WorkbookOptions(
        zone=ZoneInfo(request["zone"]), lang=request["lang"], show_secrets=request["show_secrets"]
    )
    report_input = TypeAdapter(ReportInput).validate_python(request["report_input"])
    try:
        findings = write_workbook(part, report_input, read_assets(lines), options=options)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return findings


def main(scratch: str) -> int:
    """Run the export and return the exit code."""
    os.nice(NICENESS)
    try:
        response: dict[str, object] = {"findings": asdict(write(iter(sys.stdin.buffer)))}
    except ParentGoneError:
        return PARENT_GONE_EXIT_CODE
    except OSError as error:
        response = {"error": error.strerror or type(error).__name__}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.stdout.write(json.dumps(response) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
