"""The door to MongoDB: what its driver raises becomes our errors, and no secret gets out."""

import asyncio

import pytest
from pymongo.errors import (
    AutoReconnect,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.mongo import DOWN, UP, Mongo, as_object_id, translate
from tests.mongo_server import Database

QUICK = "?serverSelectionTimeoutMS=1200"


async def test_a_document_is_kept_once(mongo: Mongo) -> None:
    notes = mongo.collection("notes")
    assert await notes.insert({"_id": "a", "n": 1})
    assert not await notes.insert({"_id": "a", "n": 2})
    assert await notes.find_one({"_id": "a"}) == {"_id": "a", "n": 1}
    assert await notes.find_one({"_id": "b"}) is None


async def test_a_unique_index_holds(mongo: Mongo) -> None:
    notes = mongo.collection("notes")
    await notes.index(("place", UP), ("day", DOWN), unique=True)
    await notes.index(("place", UP), ("day", DOWN), unique=True)
    assert await notes.insert({"place": "here", "day": 1})
    assert not await notes.insert({"place": "here", "day": 1})


async def test_many_are_kept_or_left(mongo: Mongo) -> None:
    notes = mongo.collection("notes")
    await notes.insert_new([])
    await notes.put([])
    await notes.insert({"_id": "a", "n": 1})
    await notes.insert_new([{"_id": "a", "n": 2}, {"_id": "b", "n": 2}])
    await notes.put([{"_id": "b", "n": 3}, {"_id": "c", "n": 3}])
    found = await notes.find({}, sort=[("_id", DOWN)], fields=["n"])
    assert [each["n"] for each in found] == [3, 3, 1]
    assert await notes.find({"n": 3}, limit=1, sort=[("_id", UP)]) == [{"_id": "b", "n": 3}]
    assert await notes.count() == 3
    assert await notes.delete({"n": 3}) == 2


async def test_many_at_once_keep_the_same_document(mongo: Mongo) -> None:
    notes = mongo.collection("notes")
    await asyncio.gather(*(notes.put([{"_id": "a", "n": number}]) for number in range(20)))
    made = [notes.change({"_id": "b"}, {"$inc": {"n": 1}}, upsert=True) for _ in range(20)]
    assert sorted(each["n"] for each in await asyncio.gather(*made) if each) == list(range(1, 21))
    assert await notes.count() == 2


async def test_a_refusal_is_none_of_ours_to_hide(mongo: Mongo) -> None:
    notes = mongo.collection("notes")
    await notes.insert({"_id": "a"})
    with pytest.raises(PermanentError, match="rejected"):
        await notes.change({"_id": "a"}, {"$unknown": {"n": 1}})
    with pytest.raises(PermanentError, match="rejected"):
        await notes.find({"$unknown": 1})


async def test_a_change_is_told_as_it_is_afterwards(mongo: Mongo) -> None:
    notes = mongo.collection("notes")
    assert await notes.change({"_id": "a"}, {"$inc": {"n": 1}}) is None
    assert await notes.change({"_id": "a"}, {"$inc": {"n": 1}}, upsert=True) == {"_id": "a", "n": 1}
    assert await notes.change({"_id": "a"}, {"$inc": {"n": 1}}, upsert=True) == {"_id": "a", "n": 2}
    assert await notes.change_all({"n": 2}, {"$set": {"n": 5}}) == 1


async def test_a_stream_reads_all_in_small_pieces(mongo: Mongo) -> None:
    notes = mongo.collection("notes")
    await notes.insert_new([{"_id": number} for number in range(25)])
    got = [each["_id"] async for each in notes.stream({}, sort=[("_id", UP)], batch=10)]
    assert got == list(range(25))


@pytest.mark.parametrize("value", [2**70, "\ud800", object()])
async def test_what_fits_no_document_is_refused_for_good(mongo: Mongo, value: object) -> None:
    with pytest.raises(PermanentError, match="MongoDB"):
        await mongo.collection("notes").insert({"_id": "a", "v": value})


async def test_a_server_that_is_gone_is_temporary_and_nothing_was_sent(database: Database) -> None:
    mongo = Mongo(database.address + QUICK)
    await mongo.open()
    database.proxy.cut()
    with pytest.raises(TemporaryError):
        await mongo.collection("notes").find({})
    with pytest.raises(TemporaryError, match="does not answer") as gone:
        await mongo.collection("notes").insert({"_id": "a"})
    assert not gone.value.uncertain
    await database.proxy.listen()
    assert await mongo.collection("notes").insert({"_id": "a"})
    await mongo.close()


async def test_a_lost_answer_to_a_write_is_uncertain(database: Database, mongo: Mongo) -> None:
    database.proxy.lose_answer_to("insert")
    with pytest.raises(TemporaryError) as lost:
        await mongo.collection("notes").insert({"_id": "a"})
    assert lost.value.uncertain
    assert not await mongo.collection("notes").insert({"_id": "a"})


async def test_a_frozen_server_is_given_up(database: Database, mongo: Mongo) -> None:
    impatient = Mongo(f"{database.address}?socketTimeoutMS=200")
    await impatient.open()
    async with database.proxy.frozen():
        with pytest.raises(TemporaryError) as given_up:
            await impatient.collection("notes").insert({"_id": "a"})
    assert given_up.value.uncertain
    await impatient.close()


async def test_a_lost_answer_to_a_question_is_asked_again(database: Database, mongo: Mongo) -> None:
    await mongo.collection("notes").insert({"_id": "a"})
    database.proxy.lose_answer_to("find")
    assert await mongo.collection("notes").find_one({"_id": "a"}) == {"_id": "a"}


async def test_a_closed_connection_says_so(mongo: Mongo) -> None:
    await mongo.close()
    with pytest.raises(TemporaryError, match="closed"):
        await mongo.collection("notes").find({})


async def test_nobody_there_is_temporary_at_the_start(unused_port: int) -> None:
    mongo = Mongo(f"mongodb://user:pa55word@127.0.0.1:{unused_port}/d{QUICK}")
    with pytest.raises(TemporaryError, match=f"127.0.0.1:{unused_port}") as gone:
        await mongo.open()
    assert "pa55word" not in str(gone.value)
    await mongo.close()


@pytest.fixture
def unused_port() -> int:
    return 9  # discard; nobody serves it


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://us:er:pa55word@h/d",
        "mongodb://user:pa55word@h/d?tls=perhaps",
        "mongodb://user:p?a55word@h/d",
        "mongodb://user:pa55word@h:port/d",
        "mongodb://user:pa55word@h/d?pa55word=1",
        "mongodb://user:pa55word@h/d?w=0",
    ],
)
def test_a_wrong_address_is_refused_without_its_secrets(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^store\.url takes mongodb://") as refused:
        Mongo(address)
    assert "a55word" not in str(refused.value)
    assert refused.value.__cause__ is None


def failed(code: int, **details: object) -> OperationFailure:
    return OperationFailure("words", code, {"code": code, **details})


@pytest.mark.parametrize(
    ("error", "ours", "uncertain"),
    [
        (ServerSelectionTimeoutError("h:1: refused, Timeout: 5s"), TemporaryError, False),
        (AutoReconnect("h:1: closed"), TemporaryError, True),
        (NotPrimaryError("not primary", {"code": 10107}), TemporaryError, False),
        (NotPrimaryError("stepped down", {"code": 11602}), TemporaryError, True),
        (failed(11600), TemporaryError, True),
        (failed(189), TemporaryError, True),
        (WriteConcernError("slow", 64, {"writeConcernErrors": [{"code": 64}]}), TemporaryError, True),
        (failed(13435), TemporaryError, False),
        (failed(18), ConfigError, False),
        (failed(13), ConfigError, False),
        (failed(121), PermanentError, False),
        (failed(9, writeErrors=[{"code": 11000}, {"code": 91}]), TemporaryError, True),
        (PyMongoError("?"), PermanentError, False),
    ],
)
def test_the_drivers_errors_become_ours(
    error: PyMongoError, ours: type[DingRunError], uncertain: bool
) -> None:
    writing = translate(error, "store.url", writing=True)
    reading = translate(error, "store.url", writing=False)
    assert (type(writing), type(reading)) == (ours, ours)
    assert (getattr(writing, "uncertain", False), getattr(reading, "uncertain", False)) == (uncertain, False)


def test_an_error_holds_no_document() -> None:
    error = OperationFailure("E11000 dup key { title: 'secret' }", 121, {"code": 121, "errmsg": "secret"})
    assert "secret" not in str(translate(error, "store.url", writing=True))


def test_an_id_of_mongodb_is_made_from_its_digits() -> None:
    assert str(as_object_id("6b065807493d6cfd3d26e206")) == "6b065807493d6cfd3d26e206"
    assert as_object_id("6b065807493d6cfd3d26e206") != "6b065807493d6cfd3d26e206"
    assert as_object_id("r7") == "r7"
