"""What is MongoDB's own: versions, lost answers, a server that restarts, and gates."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import ConfigError, TemporaryError
from bot.models import JobState, PushStatus, TaskCounts
from bot.mongo import Mongo
from bot.stores.mongo.documents import JOBS, RUNS, Numbers, moment
from bot.stores.mongo.quota import NEVER_TAKEN, LimiterState, MongoQuotaStore, round_up, take_slot
from bot.stores.mongo.store import MongoStore
from tests.factories import NOW, make_job, make_run, make_schedule
from tests.mongo_server import Database

LATER = NOW + timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[MongoStore]:
    store = MongoStore(Mongo(f"{database.address}?serverSelectionTimeoutMS=1200"))
    await store.open()
    yield store
    await store.close()


async def test_a_newer_store_is_refused_with_what_to_do(mongo: Mongo, store: MongoStore) -> None:
    await mongo.collection("about").put([{"_id": "schema", "version": 99}])
    with pytest.raises(ConfigError, match=r"store\.url.*newer DingRun.*99"):
        await MongoStore(mongo).open()


async def test_an_older_version_is_raised_and_a_newer_one_never_lowered(
    mongo: Mongo, store: MongoStore
) -> None:
    about = mongo.collection("about")
    await about.put([{"_id": "schema", "version": 0}])
    await store.open()
    assert await about.find_one({"_id": "schema"}) == {"_id": "schema", "version": 5}
    await store.open()


async def test_a_lost_answer_to_a_claim_leaves_the_job_to_its_lease(
    database: Database, store: MongoStore
) -> None:
    await store.add_job(make_job(id="j"))
    database.proxy.lose_answer_to("findAndModify")
    with pytest.raises(TemporaryError) as lost:
        await store.claim_job(["card"], "me", NOW, LATER)
    assert lost.value.uncertain
    assert await store.claim_job(["card"], "me", NOW, LATER) is None
    job = await store.claim_job(["card"], "me", LATER, LATER + MINUTE)
    assert job is not None
    assert (job.attempts, job.state) == (2, JobState.DOING)


async def test_a_store_goes_on_when_its_server_is_back(database: Database, store: MongoStore) -> None:
    assert await store.add_run(make_run(id="r"))
    database.proxy.cut()
    with pytest.raises(TemporaryError):
        await store.find_run("r")
    with pytest.raises(TemporaryError):
        await store.add_job(make_job())
    await database.proxy.listen()
    assert await store.find_run("r") is not None


async def test_a_closed_store_says_so(database: Database) -> None:
    store = MongoStore(Mongo(database.address))
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(TemporaryError, match="closed"):
        await store.find_run("r1")


async def test_a_document_carries_the_names_of_the_fields(mongo: Mongo, store: MongoStore) -> None:
    await store.add_job(make_job(id="j", due_at=NOW + timedelta(microseconds=1500)))
    (found,) = await mongo.collection("jobs").find({})
    assert found["_id"] == "j"
    assert found["due_at"] == NOW + timedelta(milliseconds=1)
    assert found["micros"] == {"due_at": 500}
    assert found.keys() >= {
        "kind",
        "run_id",
        "created_at",
        "state",
        "attempts",
        "failures",
        "owner",
        "send_attempted",
    }


async def test_a_limiter_under_contention_is_a_temporary_error(
    mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.stores.mongo.quota.MAX_ATTEMPTS", 0)
    with pytest.raises(TemporaryError, match="robot"):
        await MongoQuotaStore(mongo).acquire("robot", 1, NOW, MINUTE)


SECOND = timedelta(seconds=1)
FREE_SLOT = NOW - SECOND


@pytest.mark.parametrize(
    ("state", "capacity", "outcome"),
    [
        (LimiterState(), 2, (NOW + MINUTE, NEVER_TAKEN)),
        (LimiterState(slots=(LATER,)), 2, (LATER, NOW + MINUTE)),
        (LimiterState(slots=(LATER, FREE_SLOT, NOW - MINUTE)), 3, (LATER, FREE_SLOT, NOW + MINUTE)),
        (LimiterState(slots=(LATER, LATER + SECOND)), 2, LATER),
        (LimiterState(slots=(LATER, FREE_SLOT)), 1, LATER),
        (LimiterState(slots=(NOW + 3 * MINUTE, FREE_SLOT)), 1, (NOW + MINUTE, FREE_SLOT)),
        (LimiterState(slots=(FREE_SLOT,), blocked_until=LATER), 1, LATER),
        (LimiterState(slots=(LATER,), blocked_until=NOW), 1, LATER),
        (LimiterState(blocked_until=NOW), 1, (NOW + MINUTE,)),
    ],
)
def test_a_limiter_gives_a_slot_or_the_time_to_try_again(
    state: LimiterState, capacity: int, outcome: object
) -> None:
    assert take_slot(state, capacity, NOW, MINUTE) == outcome


def test_times_are_refused_without_a_zone_and_rounded_as_said() -> None:
    with pytest.raises(ValueError, match="aware"):
        moment(NOW.replace(tzinfo=None))
    assert moment(NOW + timedelta(microseconds=1999)) == NOW + timedelta(microseconds=1000)
    assert round_up(NOW) == NOW
    assert round_up(NOW + timedelta(microseconds=1)) == NOW + timedelta(milliseconds=1)


def test_numbers_grow() -> None:
    numbers = Numbers()
    taken = [numbers.next() for _ in range(1000)]
    assert taken == sorted(set(taken))


def test_a_noun_with_everything_unset_is_the_same_again() -> None:
    job = make_job()
    assert JOBS.model(JOBS.document(job)) == job


async def test_documents_of_version_2_are_read_under_todays_names(mongo: Mongo) -> None:
    run = make_run(push_status=PushStatus.SKIPPED, task_counts=TaskCounts(total=1, done=1))
    old = {**RUNS.document(run), "cause": run.idempotency_key, "push_status": "skip"}
    old["tally"], old["schedule"]["manners"] = old.pop("task_counts"), []
    del old["ordinal"]
    del old["idempotency_key"], old["schedule"]["recipient_options"]
    await mongo.collection("runs").put([old])
    await mongo.collection("about").put([{"_id": "schema", "version": 2}])
    store = MongoStore(mongo)
    await store.open()
    assert await store.find_run(run.id) == replace(run, ordinal=1)


async def test_runs_of_version_4_are_counted_by_schedule_and_start(mongo: Mongo) -> None:
    starts = {"later": ("s1", 2), "first": ("s1", 0), "between": ("s1", 1), "other": ("s2", 1)}
    for number, (id_, (schedule, minute)) in enumerate(starts.items()):
        run = make_run(id=id_, schedule=make_schedule(id=schedule), start_time=NOW + minute * MINUTE)
        document = RUNS.document(run) | {"number": number}
        del document["ordinal"]
        await mongo.collection("runs").put([document])
    await mongo.collection("about").put([{"_id": "schema", "version": 4}])
    store = MongoStore(mongo)
    await store.open()
    await store.add_run(make_run(id="new"))
    found = {run.id: run.ordinal for run in await store.find_runs()}
    assert found == {"first": 1, "between": 2, "later": 3, "other": 1, "new": 4}


async def test_requests_to_workers_of_version_3_keep_their_kind(mongo: Mongo) -> None:
    job = make_job(kind="export_request")
    await mongo.collection("jobs").put([JOBS.document(job) | {"kind": "make", "number": 1}])
    await mongo.collection("about").put([{"_id": "schema", "version": 3}])
    store = MongoStore(mongo)
    await store.open()
    assert await store.find_job(job.id) == job
