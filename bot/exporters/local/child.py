"""The child process of an export: reads the request and the assets from stdin, prints one response.

It is started as `python -m bot.exporters.local.child`, and may wait for its request as a spare. The request
names a folder for temporary files, which the child removes at the end, so that nothing is left when the
parent dies. A parent that dies closes the pipe, which ends a waiting child too.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
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

_REPORT_INPUT = TypeAdapter(ReportInput)


def write(request: Mapping[str, Any], lines: Iterator[bytes]) -> Findings:
    """Write the requested workbook from the lines of assets and return what it counted."""
    path, part = Path(request["path"]), Path(request["part"])
    options = WorkbookOptions(
        zone=ZoneInfo(request["zone"]), lang=request["lang"], show_secrets=request["show_secrets"]
    )
    report_input = _REPORT_INPUT.validate_python(request["report_input"])
    try:
        findings = write_workbook(part, report_input, read_assets(lines), options=options)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return findings


def main() -> int:
    """Wait for the request, run the export and return the exit code."""
    lines = iter(sys.stdin.buffer)
    request: dict[str, Any] | None = json.loads(next(lines, b"null"))
    if request is None:
        return PARENT_GONE_EXIT_CODE
    tempfile.tempdir = request["scratch"]
    try:
        response: dict[str, object] = {"findings": asdict(write(request, lines))}
    except ParentGoneError:
        return PARENT_GONE_EXIT_CODE
    except OSError as error:
        response = {"error": error.strerror or type(error).__name__}
    finally:
        shutil.rmtree(request["scratch"], ignore_errors=True)
    sys.stdout.write(json.dumps(response) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
