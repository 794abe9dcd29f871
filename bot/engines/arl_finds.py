"""What ARL found, by kind: which fields travel, what they are merged by, and the sorting on our side.

ARL has no index that would give documents by their key, and its MongoDB refuses to sort many without one.
So they come as they lie, and are sorted here: in pieces, which wait in temporary files, so that memory stays
flat.
"""

import asyncio
import heapq
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from typing import IO, Any

from bot.engines.arl_documents import Document
from bot.findings import KINDS
from bot.values import text

PIECE = 5_000  # documents that are held in memory at once
FILES = 32  # that are read side by side; so many become one
BATCH = 500  # documents that are read back at once
MAX_DEPTH = 40  # of a document in a document

Key = tuple[str, ...]
Pair = tuple[Key, Document]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One of ARL's collections: the fields that are read of it, and the key that its documents are merged by.

    `whole` are fields that are asked for whole and slimmed here: what is no document in them counts too.
    """

    fields: Sequence[str]
    key: Callable[[Document], Key]
    whole: Collection[str] = ()

    @property
    def asked(self) -> Sequence[str]:
        """The fields as MongoDB is asked for them."""
        names = {field: field.partition(".")[0] for field in self.fields}
        return tuple(dict.fromkeys(name if name in self.whole else field for field, name in names.items()))


def keyed(*names: str) -> Callable[[Document], Key]:
    """The key made of these fields, compared field by field."""
    return lambda document: tuple(text(document.get(name)) for name in names)


def has_no_key(key: Key) -> bool:
    """Whether nothing in a key tells its document from others."""
    return not any(part.strip(":") for part in key)


FINDINGS: Mapping[str, Finding] = {
    "ip": Finding(
        fields=("ip", "port_info", "geo_city", "geo_asn", "domain", "os_info.name", "cdn_name", "ip_type"),
        key=KINDS["ip"].key,
    ),
    "site": Finding(
        fields=("site", "title", "finger.name", "status", "favicon.hash"),
        key=KINDS["site"].key,
        whole={"finger"},
    ),
    "domain": Finding(fields=("domain", "type", "record", "ips"), key=KINDS["domain"].key),
    "service": Finding(fields=("service_name", "service_info"), key=keyed("service_name")),
    "url": Finding(fields=("url", "title", "status_code", "content_length", "source"), key=KINDS["url"].key),
    "cert": Finding(
        fields=(
            "ip", "port", "cert.subject_dn", "cert.issuer_dn", "cert.validity", "cert.signature_algorithm",
            "cert.serial_number", "cert.fingerprint", "cert.extensions.subjectAltName",
        ),
        key=KINDS["cert"].key,
    ),
    "vuln": Finding(
        fields=("target", "vul_name", "plg_name", "plg_type", "app_name", "verify_data", "save_date"),
        key=KINDS["vuln"].key,
    ),
    "fileleak": Finding(
        fields=("url", "title", "status_code", "content_length", "site"), key=KINDS["fileleak"].key
    ),
    "stat_finger": Finding(fields=("name", "cnt"), key=KINDS["stat_finger"].key),
    "wih": Finding(
        fields=("record_type", "content", "source", "site"), key=KINDS["wih"].key
    ),
    "nuclei_result": Finding(
        fields=("vuln_url", "vuln_name", "vuln_severity", "template_id", "target", "save_date"),
        key=KINDS["nuclei_result"].key,
    ),
    "cip": Finding(fields=("cidr_ip", "ip_list", "domain_list"), key=KINDS["cip"].key),
    "npoc_service": Finding(
        fields=("host", "port", "scheme", "target", "save_date"), key=KINDS["npoc_service"].key
    ),
}  # fmt: skip


def slimmed(document: Document, fields: Sequence[str]) -> dict[str, Any]:
    """A document with these fields alone; `a.b` is the field `b` of `a`, or of each of its items."""
    return {
        name: _inside(document[name], inner) if inner else document[name]
        for name, inner in _paths(tuple(fields))
        if name in document
    }


@cache
def _paths(fields: tuple[str, ...]) -> Sequence[tuple[str, tuple[str, ...]]]:
    """Each name of a document with the fields that are wanted of what it holds; none means all of it."""
    inner: dict[str, tuple[str, ...]] = {}
    for field in fields:
        name, _, rest = field.partition(".")
        inner[name] = (*inner.get(name, ()), *([rest] if rest else []))
    return tuple(inner.items())


def _inside(value: object, fields: tuple[str, ...]) -> object:
    if isinstance(value, dict):
        return slimmed(value, fields)
    if isinstance(value, list):
        return [each if isinstance(each, str) else _inside(each, fields) for each in value]
    return None


def check_depth(value: object, left: int = MAX_DEPTH) -> None:
    """Raise `ValueError` for what nobody can write down again, so deep it is."""
    if not left:
        raise ValueError("too deep")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        check_depth(each, left - 1)


async def sorted_by_key(
    documents: AsyncIterator[Document], key: Callable[[Document], Key], *, piece: int = PIECE
) -> AsyncIterator[Document]:
    """The same documents by their keys; a few are sorted in memory, many by way of files."""
    with Pieces() as pieces:
        async for document in documents:
            pieces.held.append((key(document), document))
            if len(pieces.held) >= piece:
                await asyncio.to_thread(pieces.lay_down)
        merging = pieces.merged()
        while batch := await asyncio.to_thread(lambda: list(islice(merging, BATCH))):
            for _, document in batch:
                yield document


class Pieces:
    """Pairs of key and document: some in memory, the others sorted in files that nobody else sees.

    Files of one size become one of the next when there are too many of them, so that a million pairs need
    no more open files, and no more memory to read them, than a few.
    """

    def __init__(self, *, files: int = FILES) -> None:
        self.held: list[Pair] = []
        self._most = files
        self._sizes: list[list[IO[str]]] = []  # files, from the smallest on

    def __enter__(self) -> "Pieces":
        return self

    def __exit__(self, *exc: object) -> None:
        for file in chain(*self._sizes):
            file.close()

    def lay_down(self) -> None:
        """Move what is held into a file."""
        self.held.sort(key=_order)
        self._keep(_line(pair) for pair in self.held)
        self.held = []

    def _keep(self, lines: Iterator[str], size: int = 0) -> None:
        """Write sorted lines into a file of this size; if that makes too many, make them one."""
        self._sizes += [[]] if size == len(self._sizes) else []
        files = self._sizes[size]
        file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass")  # noqa: SIM115 - __exit__
        files.append(file)
        file.writelines(lines)
        if len(files) == self._most:
            self._keep((_line(pair) for pair in _read_together(files)), size + 1)
            while files:
                files.pop().close()

    def merged(self) -> Iterator[Pair]:
        """All of them, in order."""
        self.held.sort(key=_order)
        return heapq.merge(_read_together(list(chain(*self._sizes))), self.held, key=_order)


def _order(pair: Pair) -> Key:
    return pair[0]


def _line(pair: Pair) -> str:
    return json.dumps(pair, ensure_ascii=False, default=str) + "\n"


def _read_together(files: Sequence[IO[str]]) -> Iterator[Pair]:
    return heapq.merge(*map(_read_back, files), key=_order)


def _read_back(file: IO[str]) -> Iterator[Pair]:
    file.seek(0)
    for line in file:
        key, document = json.loads(line)
        yield tuple(key), document
