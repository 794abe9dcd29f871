"""What goes to the child process of an export: an order, batches of documents, an end; one line each.

A batch is `kind side [documents]`. Of each kind, what the run itself found comes last. A parent that dies
closes the pipe before the end.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, groupby
from operator import itemgetter
from typing import IO

from bot.assets.values import Document
from bot.workbook.diff import AssetPair, Side

END = b"end\n"

Batch = tuple[bytes, Side, bytes]  # kind, side, JSON


class ParentGone(Exception):
    """The pipe ended before its last line."""


def batch_line(kind: str, side: Side, documents: Sequence[Document]) -> bytes:
    """One line; values that JSON has no word for go as text."""
    body = json.dumps(documents, ensure_ascii=False, skipkeys=True, default=str)
    return b"%s %s %s\n" % (kind.encode(), side.encode(), body.encode(errors="surrogatepass"))


def batches(lines: Iterable[bytes]) -> Iterator[Batch]:
    for line in lines:
        if line == END:
            return
        kind, _, rest = line.partition(b" ")
        side, _, body = rest.partition(b" ")
        yield kind, Side(side.decode()), body
    raise ParentGone


def finds(lines: Iterable[bytes]) -> Iterator[AssetPair]:
    """Yield what was found, kind by kind; all but what the run itself found waits on disk for its turn."""
    for kind, group in groupby(batches(lines), itemgetter(0)):
        with ExitStack() as stack:
            aside: dict[Side, IO[bytes]] = {}
            mine = _put_aside(group, aside, stack)
            for file in aside.values():
                file.seek(0)
            earlier = {side: _documents(file) for side, file in aside.items()}
            yield AssetPair(kind=kind.decode(), sides={**earlier, Side.MINE: _documents(mine)})


def _put_aside(group: Iterator[Batch], aside: dict[Side, IO[bytes]], stack: ExitStack) -> Iterator[bytes]:
    """Write what comes before the run's own finds to a file for each side; return those finds."""
    for _, side, body in group:
        if side is Side.MINE:
            return chain([body], (later for _, _, later in group))
        if side not in aside:
            aside[side] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        aside[side].write(body)
    return iter(())


def _documents(bodies: Iterable[bytes]) -> Iterator[Document]:
    for body in bodies:
        yield from json.loads(body)
