"""The Archive in the same MongoDB database as the store, in GridFS's format.

The driver's own GridFS holds 48 MB of a file before it writes, and asks for all of it at once: some servers
answer that with more than a message may hold. A file here passes in pieces of one megabyte, by plain
commands; any GridFS tool can read it (bucket `files`).
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import PermanentError, TemporaryError
from bot.mongo import Mongo
from bot.stores.mongo.documents import Document

CHUNK = 255 * 1024  # bytes, as GridFS has it
AT_ONCE = 4  # chunks in one command


class MongoArchive:
    """The Archive on the database of a `MongoStore`. A file's name, and its id, is the path of its report."""

    def __init__(self, mongo: Mongo) -> None:
        self._files = mongo.collection("files.files")
        self._chunks = mongo.collection("files.chunks")

    async def put(self, path: str, file: Path) -> None:
        """The file is there when the last thing that is written, its description, is."""
        await self.remove(path)
        size = 0
        async for pieces in _pieces(file):
            first = size // CHUNK
            await self._chunks.insert_new([_chunk(path, first + n, piece) for n, piece in enumerate(pieces)])
            size += sum(map(len, pieces))
        described = {"length": size, "chunkSize": CHUNK, "uploadDate": datetime.now(UTC), "filename": path}
        await self._files.put([{"_id": path, **described}])

    async def exists(self, path: str) -> bool:
        return await self._files.find_one({"_id": path}) is not None

    async def read(self, path: str) -> AsyncIterator[bytes]:
        file = await self._files.find_one({"_id": path})
        if file is None:
            raise PermanentError(f"the report {path} is not in the store")
        for start in range(0, file["length"], CHUNK):
            chunk = await self._chunks.find_one({"_id": _chunk_id(path, start // CHUNK)})
            if chunk is None or len(chunk["data"]) != min(CHUNK, file["length"] - start):
                raise TemporaryError(f"the report {path} changed while it was read")  # written over, or swept
            yield bytes(chunk["data"])

    async def remove(self, path: str) -> None:
        await self._remove({"_id": path}, {"files_id": path})

    async def purge(self, day: str) -> int:
        """Paths start with their day, so the older ones sort before it; so do what dead writers left."""
        return await self._remove({"_id": {"$lt": day}}, {"files_id": {"$lt": day}})

    async def _remove(self, files: Document, chunks: Document) -> int:
        gone = await self._files.delete(files)
        await self._chunks.delete(chunks)
        return gone


def _chunk_id(path: str, number: int) -> str:
    return f"{path}/{number}"


def _chunk(path: str, number: int, data: bytes) -> Document:
    return {"_id": _chunk_id(path, number), "files_id": path, "n": number, "data": data}


async def _pieces(file: Path) -> AsyncIterator[list[bytes]]:
    try:
        opened = await asyncio.to_thread(file.open, "rb")
        try:
            while read := await asyncio.to_thread(opened.read, AT_ONCE * CHUNK):
                yield [read[start : start + CHUNK] for start in range(0, len(read), CHUNK)]
        finally:
            await asyncio.to_thread(opened.close)
    except OSError as error:
        raise TemporaryError(f"reports.dir cannot be read: {error.strerror}") from error
