"""A workbook comes from the worker to the bot whole or not at all, and leaves nothing behind."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.exporters.celery.transfer import ArchiveTransfer, FileTransfer, SharedFolder
from bot.mongo import Mongo
from bot.stores.mongo.archive import MongoArchive
from tests.mongo_server import Database, database_for

PLACE = "2026-11-24/r1.abcd.part"
CONTENT = os.urandom(700_000)


@pytest.fixture(params=["folder", "gridfs"])
async def handover(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileTransfer]:
    if request.param == "folder":
        yield SharedFolder(tmp_path / "shared")
        return
    async with database_for(request.config) as database:
        mongo = Mongo(database.address)
        await mongo.open()
        yield ArchiveTransfer(MongoArchive(mongo))
        await mongo.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "bot").mkdir()
    return tmp_path / "bot" / "r.xlsx"


async def write(handover: FileTransfer, content: bytes = CONTENT) -> Path:
    """As a worker does; where it wrote."""
    async with handover.writer(PLACE) as room:
        room.write_bytes(content)
    return room


def content_of(path: Path) -> bytes:
    return path.read_bytes()


async def test_the_bot_receives_what_a_worker_wrote(handover: FileTransfer, path: Path) -> None:
    assert not await handover.exists(PLACE)
    await write(handover)
    assert await handover.exists(PLACE)
    await handover.receive(PLACE, path)
    assert content_of(path) == CONTENT
    assert os.listdir(path.parent) == ["r.xlsx"]


async def test_a_received_file_is_removed_from_the_transfer(handover: FileTransfer, path: Path) -> None:
    room = await write(handover)
    await handover.receive(PLACE, path)
    assert not await handover.exists(PLACE)
    assert not room.exists()


async def test_receiving_a_missing_file_is_temporary(handover: FileTransfer, path: Path) -> None:
    with pytest.raises(TemporaryError):
        await handover.receive(PLACE, path)
    assert os.listdir(path.parent) == []


async def test_an_unfinished_file_is_not_transferred(handover: FileTransfer) -> None:
    with pytest.raises(TemporaryError, match="the engine is away"):
        async with handover.writer(PLACE):
            raise TemporaryError("the engine is away")
    assert not await handover.exists(PLACE)


async def test_a_place_of_the_bot_that_cannot_be_written_is_temporary(handover: FileTransfer) -> None:
    await write(handover)
    with pytest.raises(TemporaryError, match=r"reports\.dir cannot be written"):
        await handover.receive(PLACE, Path("/dev/null/x"))
    assert await handover.exists(PLACE)


async def test_a_shared_folder_that_cannot_be_written_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(TemporaryError, match=r"reports\.dir"):
        await write(SharedFolder(tmp_path / "file"))


async def test_a_worker_refuses_a_day_folder_that_is_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / PLACE.partition("/")[0]).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermanentError, match="symbolic link"):
        await write(SharedFolder(tmp_path / "shared"))
    assert os.listdir(tmp_path / "elsewhere") == []


async def test_a_file_that_breaks_off_on_its_way_is_not_there(
    mongo: Mongo, database: Database, path: Path
) -> None:
    handover = ArchiveTransfer(MongoArchive(mongo))
    await write(handover)
    await mongo.collection("files.chunks").delete({"n": 2})
    with pytest.raises(TemporaryError, match="changed while"):
        await handover.receive(PLACE, path)
    assert os.listdir(path.parent) == []
