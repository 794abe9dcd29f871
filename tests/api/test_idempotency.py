"""The same request again is carried out once, also if its first process died."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from bot.api.idempotency import Idempotency, uuid7
from bot.api.problems import Problem
from bot.stores.sqlite.documents import SqliteDocuments
from bot.stores.sqlite.store import SqliteStore
from tests.api.harness import KEYS
from tests.fakes import FakeClock

REQUEST = make_mocked_request("POST", "/v1/runs", headers={"Idempotency-Key": "a"})
KEY = KEYS[0]


class Acts:
    """Keeps for which ids a request was carried out. The first attempt fails with `error`."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.subjects: list[str] = []
        self._errors = [error] if error else []

    async def __call__(self, subject: str) -> web.Response:
        self.subjects.append(subject)
        if self._errors:
            raise self._errors.pop()
        return web.json_response({"id": subject}, status=201)


@pytest.fixture
def idempotency(store: SqliteStore, clock: FakeClock) -> Idempotency:
    return Idempotency(SqliteDocuments(store), clock=clock)


async def test_a_request_whose_process_died_goes_on_with_the_same_id(
    idempotency: Idempotency, clock: FakeClock
) -> None:
    acts = Acts(SystemExit())
    with pytest.raises(SystemExit):
        await idempotency.once(REQUEST, KEY, b"", acts)
    with pytest.raises(Problem) as busy:
        await idempotency.once(REQUEST, KEY, b"", acts)
    assert busy.value.status == 409
    clock.turn(seconds=31)
    assert (await idempotency.once(REQUEST, KEY, b"", acts)).status == 201
    assert len(set(acts.subjects)) == 1


async def test_a_request_that_was_refused_may_be_repeated_at_once(idempotency: Idempotency) -> None:
    acts = Acts(Problem(404))
    with pytest.raises(Problem):
        await idempotency.once(REQUEST, KEY, b"", acts)
    assert (await idempotency.once(REQUEST, KEY, b"", acts)).status == 201


async def test_keys_of_different_systems_are_different(idempotency: Idempotency) -> None:
    acts = Acts()
    for key in KEYS[:2]:
        await idempotency.once(REQUEST, key, b"", acts)
    assert len(set(acts.subjects)) == 2


def test_ids_are_ordered_by_time_and_say_their_version() -> None:
    ids = [uuid7() for _ in range(50)]
    assert {id_[14] for id_ in ids} == {"7"}
    assert {id_[19] for id_ in ids} <= set("89ab")
    assert len(set(ids)) == 50
