"""What goes to the child process of an export: an order, batches of documents, an end; one line each.

A batch is `kind side [documents]`. Of each kind, what the run before found comes first. A parent that dies
closes the pipe before the end.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import IO

from bot.diff import Finds
from bot.values import Document

MINE, THEIRS = b"mine", b"theirs"
END = b"end\n"

Batch = tuple[bytes, bytes, bytes]  # kind, side, JSON


class ParentGone(Exception):
    """The pipe ended before its last line."""


def batch_line(kind: str, side: bytes, documents: Sequence[Document]) -> bytes:
    """One line; values that JSON has no word for go as text."""
    body = json.dumps(documents, ensure_ascii=False, skipkeys=True, default=str)
    return b"%s %s %s\n" % (kind.encode(), side, body.encode(errors="surrogatepass"))


def batches(lines: Iterable[bytes]) -> Iterator[Batch]:
    for line in lines:
        if line == END:
            return
        kind, _, rest = line.partition(b" ")
        side, _, body = rest.partition(b" ")
        yield kind, side, body
    raise ParentGone


def finds(lines: Iterable[bytes]) -> Iterator[Finds]:
    """What both runs found, kind by kind; what the run before found waits on disk for its turn."""
    for kind, group in groupby(batches(lines), itemgetter(0)):
        with tempfile.TemporaryFile() as shelf:
            mine = _put_aside(group, shelf)
            shelf.seek(0)
            yield Finds(kind=kind.decode(), mine=_documents(mine), theirs=_documents(shelf))


def _put_aside(group: Iterator[Batch], shelf: IO[bytes]) -> Iterator[bytes]:
    """Keep what comes of the run before; the rest."""
    for _, side, body in group:
        if side == MINE:
            return chain([body], (later for _, _, later in group))
        shelf.write(body)
    return iter(())


def _documents(bodies: Iterable[bytes]) -> Iterator[Document]:
    for body in bodies:
        yield from json.loads(body)
