"""The pipe protocol between an exporter and its child process, line by line: a request, batches, an end.

A batch is `kind side [documents]`. Of each kind, the assets of the run itself come last. A parent that dies
closes the pipe before the end line.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, groupby
from operator import itemgetter
from typing import IO

from bot.assets.values import Document
from bot.workbook.diff import AssetSides, Side

END = b"end\n"

Batch = tuple[bytes, Side, bytes]  # kind, side, JSON


class ParentGoneError(Exception):
    """The pipe ended before the end line."""


def batch_line(kind: str, side: Side, documents: Sequence[Document]) -> bytes:
    """Encode a batch as one line. Values that JSON cannot express become text."""
    body = json.dumps(documents, ensure_ascii=False, skipkeys=True, default=str)
    return b"%s %s %s\n" % (kind.encode(), side.encode(), body.encode(errors="surrogatepass"))


def read_batches(lines: Iterable[bytes]) -> Iterator[Batch]:
    """Yield the batches up to the end line. Raises `ParentGoneError` when it is missing."""
    for line in lines:
        if line == END:
            return
        kind, _, rest = line.partition(b" ")
        side, _, body = rest.partition(b" ")
        yield kind, Side(side.decode()), body
    raise ParentGoneError


def read_assets(lines: Iterable[bytes]) -> Iterator[AssetSides]:
    """Yield the assets kind by kind. All but those of the run itself are buffered in temporary files."""
    for kind, group in groupby(read_batches(lines), itemgetter(0)):
        with ExitStack() as stack:
            buffers: dict[Side, IO[bytes]] = {}
            current = _buffer_earlier(group, buffers, stack)
            for file in buffers.values():
                file.seek(0)
            earlier = {side: _documents(file) for side, file in buffers.items()}
            yield AssetSides(kind=kind.decode(), sides={**earlier, Side.CURRENT: _documents(current)})


def _buffer_earlier(
    group: Iterator[Batch], buffers: dict[Side, IO[bytes]], stack: ExitStack
) -> Iterator[bytes]:
    """Write what precedes the assets of the run itself to one file per side, and return those assets."""
    for _, side, body in group:
        if side is Side.CURRENT:
            return chain([body], (later for _, _, later in group))
        if side not in buffers:
            buffers[side] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        buffers[side].write(body)
    return iter(())


def _documents(bodies: Iterable[bytes]) -> Iterator[Document]:
    for body in bodies:
        yield from json.loads(body)
