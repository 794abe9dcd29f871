"""Reports in the archive: any bot can have any of them, whole or not at all."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gridfs import AsyncGridFSBucket
from pymongo import AsyncMongoClient

from bot.errors import PermanentError, TemporaryError
from bot.models import Report
from bot.mongo import Mongo
from bot.reports.archive import fetch
from bot.stores.mongo.archive import CHUNK_BYTES, MongoArchive
from tests.factories import make_report
from tests.mongo_server import Database

PATH = "2026-11-24/每日巡检_r1.xlsx"
CONTENT = os.urandom(700_000)  # three chunks


def report_of(content: bytes, path: str = PATH) -> Report:
    return make_report(path=path, sha256=hashlib.sha256(content).hexdigest())


REPORT = report_of(CONTENT)


@pytest.fixture
def archive(mongo: Mongo) -> MongoArchive:
    return MongoArchive(mongo)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "written").write_bytes(CONTENT)
    return tmp_path / "written"


async def test_another_bot_has_the_file(archive: MongoArchive, written: Path, tmp_path: Path) -> None:
    await archive.put(PATH, written)
    assert await archive.exists(PATH)
    assert await fetch(archive, REPORT, tmp_path / "other")
    assert (tmp_path / "other" / PATH).read_bytes() == CONTENT
    assert len(os.listdir(tmp_path / "other/2026-11-24")) == 1


async def test_a_file_that_the_archive_lacks_is_not_fetched(archive: MongoArchive, tmp_path: Path) -> None:
    assert not await archive.exists(PATH)
    assert not await fetch(archive, REPORT, tmp_path)
    assert os.listdir(tmp_path) == []
    with pytest.raises(PermanentError):
        [piece async for piece in archive.read(PATH)]


@pytest.mark.parametrize(
    "path", ["../2026-11-24/x", "2026-11-24/../x", "2026-11-24/..", "/etc/passwd", "2026-11-24", "a/b"]
)
async def test_nothing_is_written_elsewhere(archive: MongoArchive, path: str, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="not the path"):
        await fetch(archive, report_of(b"", path), tmp_path)


async def test_putting_again_is_harmless(archive: MongoArchive, written: Path, mongo: Mongo) -> None:
    await archive.put(PATH, written)
    await archive.put(PATH, written)
    assert await mongo.collection("files.chunks").count() == 3


async def test_a_broken_attempt_is_no_file_and_is_put_again(
    archive: MongoArchive, written: Path, database: Database, mongo: Mongo
) -> None:
    database.proxy.lose_answer_to("insert")
    with pytest.raises(TemporaryError):
        await archive.put(PATH, written)
    assert not await archive.exists(PATH)
    await archive.put(PATH, written)
    assert b"".join([piece async for piece in archive.read(PATH)]) == CONTENT


async def test_purging_removes_old_days_and_leftovers_of_dead_writers(
    archive: MongoArchive, written: Path, mongo: Mongo
) -> None:
    for day in ("2026-11-22", "2026-11-23", "2026-11-24"):
        await archive.put(f"{day}/r.xlsx", written)
    await mongo.collection("files.files").delete({"_id": "2026-11-22/r.xlsx"})
    assert await archive.purge("2026-11-24") == 1
    assert [each["_id"] for each in await mongo.collection("files.files").find({})] == ["2026-11-24/r.xlsx"]
    assert await mongo.collection("files.chunks").count() == 3


async def test_a_file_that_lost_a_piece_does_not_end_early(
    archive: MongoArchive, written: Path, mongo: Mongo, tmp_path: Path
) -> None:
    await archive.put(PATH, written)
    await mongo.collection("files.chunks").delete({"n": 2})
    with pytest.raises(TemporaryError, match="changed while"):
        await fetch(archive, REPORT, tmp_path / "other")
    assert os.listdir(tmp_path / "other/2026-11-24") == []


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 4 * CHUNK_BYTES, 4 * CHUNK_BYTES + 1, 9 * CHUNK_BYTES])
async def test_a_file_of_any_size_is_the_same_again(archive: MongoArchive, size: int, tmp_path: Path) -> None:
    (tmp_path / "some").write_bytes(b"x" * size)
    await archive.put(PATH, tmp_path / "some")
    assert await fetch(archive, report_of(b"x" * size), tmp_path / "other")
    assert (tmp_path / "other" / PATH).stat().st_size == size


async def test_any_tool_for_gridfs_reads_it(archive: MongoArchive, written: Path, database: Database) -> None:
    await archive.put(PATH, written)
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(database.address)
    async with client:
        bucket = AsyncGridFSBucket(client.get_default_database(), "files")
        assert await (await bucket.open_download_stream_by_name(PATH)).read() == CONTENT


async def test_a_file_with_another_digest_is_not_served(
    archive: MongoArchive, written: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await archive.put(PATH, written)
    assert not await fetch(archive, report_of(b"another"), tmp_path / "other")
    assert os.listdir(tmp_path / "other/2026-11-24") == []
    assert "recorded digest" in caplog.text


class Broken:
    """An archive that breaks off in the middle of a file."""

    async def put(self, path: str, file: Path) -> None:
        """Keeps nothing."""

    async def exists(self, path: str) -> bool:
        return True

    async def paths(self) -> AsyncIterator[str]:
        yield PATH

    async def read(self, path: str) -> AsyncIterator[bytes]:
        yield b"half"
        raise TemporaryError("lost")

    async def remove(self, path: str) -> None:
        """Has nothing to forget."""

    async def purge(self, day: str) -> int:
        return 0


async def test_half_a_file_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="lost"):
        await fetch(Broken(), REPORT, tmp_path)
    assert os.listdir(tmp_path / "2026-11-24") == []


async def test_a_folder_that_cannot_be_written_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(TemporaryError, match=r"reports\.dir"):
        await fetch(Broken(), REPORT, tmp_path / "file")


async def test_a_file_that_is_gone_is_not_put(archive: MongoArchive, tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match=r"reports\.dir"):
        await archive.put(PATH, tmp_path / "none")
