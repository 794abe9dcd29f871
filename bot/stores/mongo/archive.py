"""ReportArchive in the MongoDB database of the store, in the format of GridFS (bucket `files`).

The driver's own GridFS buffers 48 MB before it writes and reads all chunks with one query, which exceeds the
message size of some servers. Here a file is transferred in parts of one megabyte.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import PermanentError, TemporaryError
from bot.mongo import Mongo
from bot.stores.mongo.documents import Document

CHUNK_BYTES = 255 * 1024  # bytes, as GridFS has it
CHUNKS_PER_COMMAND = 4  # one megabyte


class MongoArchive:
    """ReportArchive on the database of a `MongoStore`. The id of a file is the path of its report."""

    def __init__(self, mongo: Mongo) -> None:
        self._files = mongo.collection("files.files")
        self._chunks = mongo.collection("files.chunks")

    async def put(self, path: str, file: Path) -> None:
        """Store a file. It exists once its description is written, which happens last."""
        await self.remove(path)
        size = 0
        async for parts in _read_chunks(file):
            first = size // CHUNK_BYTES
            await self._chunks.insert_new([_chunk(path, first + n, part) for n, part in enumerate(parts)])
            size += sum(map(len, parts))
        described = {
            "length": size,
            "chunkSize": CHUNK_BYTES,
            "uploadDate": datetime.now(UTC),
            "filename": path,
        }
        await self._files.put([{"_id": path, **described}])

    async def exists(self, path: str) -> bool:
        return await self._files.find_one({"_id": path}) is not None

    async def paths(self) -> AsyncIterator[str]:
        async for file in self._files.stream({}, fields=["_id"]):
            yield file["_id"]

    async def read(self, path: str) -> AsyncIterator[bytes]:
        file = await self._files.find_one({"_id": path})
        if file is None:
            raise PermanentError(f"the report {path} is not in the store")
        for start in range(0, file["length"], CHUNK_BYTES):
            chunk = await self._chunks.find_one({"_id": _chunk_id(path, start // CHUNK_BYTES)})
            if chunk is None or len(chunk["data"]) != min(CHUNK_BYTES, file["length"] - start):
                raise TemporaryError(f"the report {path} changed while it was read")  # replaced or purged
            yield bytes(chunk["data"])

    async def remove(self, path: str) -> None:
        await self._remove({"_id": path}, {"files_id": path})

    async def purge(self, day: str) -> int:
        """Remove files older than a day, and chunks without a file. Paths start with their day."""
        return await self._remove({"_id": {"$lt": day}}, {"files_id": {"$lt": day}})

    async def _remove(self, files: Document, chunks: Document) -> int:
        gone = await self._files.delete(files)
        await self._chunks.delete(chunks)
        return gone


def _chunk_id(path: str, number: int) -> str:
    return f"{path}/{number}"


def _chunk(path: str, number: int, data: bytes) -> Document:
    return {"_id": _chunk_id(path, number), "files_id": path, "n": number, "data": data}


async def _read_chunks(file: Path) -> AsyncIterator[list[bytes]]:
    try:
        opened = await asyncio.to_thread(file.open, "rb")
        try:
            while read := await asyncio.to_thread(opened.read, CHUNKS_PER_COMMAND * CHUNK_BYTES):
                yield [read[start : start + CHUNK_BYTES] for start in range(0, len(read), CHUNK_BYTES)]
        finally:
            await asyncio.to_thread(opened.close)
    except OSError as error:
        raise TemporaryError(f"reports.dir cannot be read: {error.strerror}") from error
