"""What ARL found, by kind: which fields travel, what they are merged by, and the sorting on our side.

ARL has no index that would give documents by their key, and its MongoDB refuses to sort many without one.
So they come as they lie, and are sorted here: in pieces, which wait in temporary files, so that memory stays
flat.
"""

import asyncio
import heapq
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from bot.engines.arl_documents import Document

PIECE = 5_000  # documents that are held in memory at once
BATCH = 500  # documents that are read back at once

Key = tuple[str, ...]
Pair = tuple[Key, Document]


def text(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One of ARL's collections: the fields that are read of it, and the key of a document."""

    fields: Sequence[str]
    key: Callable[[Document], Key]


def keyed(*names: str) -> Callable[[Document], Key]:
    """The key made of these fields, compared field by field."""
    return lambda document: tuple(text(document.get(name)) for name in names)


def certificate(document: Document) -> Key:
    """Its fingerprint; one without stands for where it was seen."""
    prints = (document.get("cert") or {}).get("fingerprint") or {}
    place = f"{text(document.get('ip'))}:{text(document.get('port'))}"
    return (next((text(prints[name]) for name in ("sha256", "sha1", "md5") if prints.get(name)), place),)


FINDINGS: Mapping[str, Finding] = {
    "ip": Finding(
        fields=("ip", "port_info", "geo_city", "geo_asn", "domain", "os_info.name", "cdn_name", "ip_type"),
        key=keyed("ip"),
    ),
    "site": Finding(
        fields=("site", "title", "finger.name", "status", "favicon.hash"),
        key=keyed("site"),
    ),
    "domain": Finding(fields=("domain", "type", "record", "ips"), key=keyed("domain")),
    "service": Finding(fields=("service_name", "service_info"), key=keyed("service_name")),
    "url": Finding(fields=("url", "title", "status_code", "content_length", "source"), key=keyed("url")),
    "cert": Finding(
        fields=(
            "ip", "port", "cert.subject_dn", "cert.issuer_dn", "cert.validity", "cert.signature_algorithm",
            "cert.serial_number", "cert.fingerprint", "cert.extensions.subjectAltName",
        ),
        key=certificate,
    ),
    "vuln": Finding(
        fields=("target", "vul_name", "plg_name", "plg_type", "app_name", "verify_data", "save_date"),
        key=keyed("target", "plg_name", "vul_name"),
    ),
    "fileleak": Finding(
        fields=("url", "title", "status_code", "content_length", "site"), key=keyed("url")
    ),
    "stat_finger": Finding(fields=("name", "cnt"), key=keyed("name")),
    "wih": Finding(
        fields=("record_type", "content", "source", "site"), key=keyed("record_type", "content", "site")
    ),
    "nuclei_result": Finding(
        fields=("vuln_url", "vuln_name", "vuln_severity", "template_id", "target", "save_date"),
        key=keyed("vuln_url", "template_id", "vuln_name"),
    ),
    "cip": Finding(fields=("cidr_ip", "ip_list", "domain_list"), key=keyed("cidr_ip")),
    "npoc_service": Finding(
        fields=("host", "port", "scheme", "target", "save_date"), key=keyed("host", "port", "scheme")
    ),
}  # fmt: skip


def slimmed(document: Document, fields: Sequence[str]) -> dict[str, Any]:
    """A document with these fields alone; `a.b` is the field `b` of `a`, or of each of its items."""
    slim: dict[str, Any] = {}
    for field in fields:
        name, _, inner = field.partition(".")
        if name not in document:
            continue
        value = document[name]
        part = value if not inner else _inside(value, inner)
        slim[name] = slim[name] | part if isinstance(part, dict) and name in slim else part
    return slim


def _inside(value: object, inner: str) -> object:
    if isinstance(value, Mapping):
        return slimmed(value, (inner,))
    return [_inside(each, inner) for each in value] if isinstance(value, list) else None


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
    """Pairs of key and document: some in memory, the others sorted in files that nobody else sees."""

    def __init__(self) -> None:
        self.held: list[Pair] = []
        self._files: list[IO[str]] = []
        self._stack = ExitStack()

    def __enter__(self) -> "Pieces":
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def lay_down(self) -> None:
        """Move what is held into a file."""
        self.held.sort(key=_order)
        file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass")  # noqa: SIM115 - below
        self._stack.enter_context(file)
        self._files.append(file)
        file.writelines(json.dumps(pair, ensure_ascii=False) + "\n" for pair in self.held)
        self.held = []

    def merged(self) -> Iterator[Pair]:
        """All of them, in order."""
        self.held.sort(key=_order)
        return heapq.merge(*map(_read_back, self._files), self.held, key=_order)


def _order(pair: Pair) -> Key:
    return pair[0]


def _read_back(file: IO[str]) -> Iterator[Pair]:
    file.seek(0)
    for line in file:
        key, document = json.loads(line)
        yield tuple(key), document
