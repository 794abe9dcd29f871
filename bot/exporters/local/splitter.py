"""Cuts a report into parts in a child process, so that the event loop never touches Excel.

The child is this file, `python -m bot.exporters.local.splitter SOURCE FOLDER STEM BYTES`; it prints the paths
of the parts as JSON.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.errors import PermanentError, TemporaryError
from bot.workbook.splitter import MOST_PARTS, Cut, TooBig, split

TOO_BIG, DISK = 3, 4  # how the child ends


async def split_report(source: Path, folder: Path, stem: str, max_bytes: int) -> Sequence[Path]:
    """The report as files of at most so many bytes that each open alone, written into a folder.

    Raises `PermanentError` when it is too big even for that, `TemporaryError` when the disk or the child
    fails.
    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.exporters.local.splitter"),
        *(str(source), str(folder), stem, str(max_bytes)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    try:
        said, complaint = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == TOO_BIG:
        raise PermanentError(
            f"the report is too big even for {MOST_PARTS} parts: set web.public_url for a link"
        )
    if child.returncode:
        why = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        raise TemporaryError(f"the report cannot be cut into parts: {why or 'the process died'}")
    return [Path(path) for path in json.loads(said)]


def main(source: str, folder: str, stem: str, max_bytes: str) -> int:
    cut = Cut(folder=Path(folder), stem=stem, max_bytes=int(max_bytes))
    try:
        paths = split(Path(source), cut)
    except TooBig:
        return TOO_BIG
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        return DISK
    sys.stdout.write(json.dumps([str(path) for path in paths]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
