"""A workbook comes from the worker to the bot whole or not at all, and leaves nothing behind."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import Permanent, Temporary
from bot.exporters.celery.transfer import ByArchive, Handover, SharedFolder
from bot.mongo import Mongo
from bot.stores.mongo.archive import MongoArchive
from tests.mongo_server import Database, database_for

PLACE = "2026-11-24/r1.abcd.part"
CONTENT = os.urandom(700_000)


@pytest.fixture(params=["folder", "gridfs"])
async def handover(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Handover]:
    if request.param == "folder":
        yield SharedFolder(tmp_path / "shared")
        return
    async with database_for(request.config) as database:
        mongo = Mongo(database.address)
        await mongo.open()
        yield ByArchive(MongoArchive(mongo))
        await mongo.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "bot").mkdir()
    return tmp_path / "bot" / "r.xlsx"


async def write(handover: Handover, content: bytes = CONTENT) -> Path:
    """As a worker does; where it wrote."""
    async with handover.room(PLACE) as room:
        room.write_bytes(content)
    return room


def content_of(path: Path) -> bytes:
    return path.read_bytes()


async def test_what_a_worker_wrote_the_bot_has(handover: Handover, path: Path) -> None:
    assert not await handover.has(PLACE)
    await write(handover)
    assert await handover.has(PLACE)
    await handover.take(PLACE, path)
    assert content_of(path) == CONTENT
    assert os.listdir(path.parent) == ["r.xlsx"]


async def test_what_was_taken_is_nowhere_else(handover: Handover, path: Path) -> None:
    room = await write(handover)
    await handover.take(PLACE, path)
    assert not await handover.has(PLACE)
    assert not room.exists()


async def test_what_is_not_there_cannot_be_taken(handover: Handover, path: Path) -> None:
    with pytest.raises(Temporary):
        await handover.take(PLACE, path)
    assert os.listdir(path.parent) == []


async def test_what_a_worker_did_not_end_is_not_handed_over(handover: Handover) -> None:
    with pytest.raises(Temporary, match="the engine is away"):
        async with handover.room(PLACE):
            raise Temporary("the engine is away")
    assert not await handover.has(PLACE)


async def test_a_place_of_the_bot_that_cannot_be_written_is_temporary(handover: Handover) -> None:
    await write(handover)
    with pytest.raises(Temporary, match=r"reports\.dir cannot be written"):
        await handover.take(PLACE, Path("/dev/null/x"))
    assert await handover.has(PLACE)


async def test_a_shared_folder_that_cannot_be_written_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Temporary, match=r"reports\.dir"):
        await write(SharedFolder(tmp_path / "file"))


async def test_a_day_that_is_a_link_leads_a_worker_nowhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / PLACE.partition("/")[0]).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Permanent, match="leads elsewhere"):
        await write(SharedFolder(tmp_path / "shared"))
    assert os.listdir(tmp_path / "elsewhere") == []


async def test_a_file_that_breaks_off_on_its_way_is_not_there(
    mongo: Mongo, database: Database, path: Path
) -> None:
    handover = ByArchive(MongoArchive(mongo))
    await write(handover)
    await mongo.collection("files.chunks").delete({"n": 2})
    with pytest.raises(Temporary, match="changed while"):
        await handover.take(PLACE, path)
    assert os.listdir(path.parent) == []
