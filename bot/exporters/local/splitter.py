"""Split a report into parts in a child process, so that the event loop never handles Excel files.

The child is this module, `python -m bot.exporters.local.splitter SOURCE FOLDER STEM BYTES LANG`. It prints
the paths of the parts as JSON.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.errors import PermanentError, TemporaryError
from bot.workbook.splitter import MAX_PARTS, SplitPlan, TooBigError, split

TOO_BIG_EXIT_CODE = 3
DISK_EXIT_CODE = 4


async def split_report(
    source: Path, folder: Path, stem: str, max_bytes: int, *, lang: str = "zh-CN"
) -> Sequence[Path]:
    """Write the report as several files of at most `max_bytes`, each a workbook, and return their paths.

    Raises `PermanentError` when `MAX_PARTS` files are not enough, `TemporaryError` when the disk or the
    child fails.
    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.exporters.local.splitter"),
        *(str(source), str(folder), stem, str(max_bytes), lang),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    try:
        output, errors = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == TOO_BIG_EXIT_CODE:
        raise PermanentError(
            f"the report is too big even for {MAX_PARTS} parts: set web.public_url for a link"
        )
    if child.returncode:
        reason = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise TemporaryError(f"the report cannot be split: {reason or 'the process died'}")
    return [Path(path) for path in json.loads(output)]


def main(source: str, folder: str, stem: str, max_bytes: str, lang: str) -> int:
    """Split the report and return the exit code."""
    plan = SplitPlan(folder=Path(folder), stem=stem, max_bytes=int(max_bytes), lang=lang)
    try:
        paths = split(Path(source), plan)
    except TooBigError:
        return TOO_BIG_EXIT_CODE
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        return DISK_EXIT_CODE
    sys.stdout.write(json.dumps([str(path) for path in paths]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
