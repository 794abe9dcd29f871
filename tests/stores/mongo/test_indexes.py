"""Every list of the store comes out of an index in its order: a server need not sort a whole history."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import pytest

from bot.models import JobState, LapseState, RunStatus
from bot.mongo import UP, Mongo
from bot.stores.mongo.audit import NAMED_BY, MongoAudit
from bot.stores.mongo.lapses import MongoLapses
from bot.stores.mongo.store import INDEXES, NEWEST_ENTRY, MongoStore
from tests import ROOT
from tests.factories import NOW

Question = tuple[str, list[tuple[str, int]]]


COLLECTION = re.compile(r'collection\("([a-z.]+)"\)')
ROW = re.compile(r"^\| (`.*?`) \|", re.MULTILINE)


def test_the_page_names_every_collection_once() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "bot/stores/mongo").glob("*.py")]
    used = {name for source in sources for name in COLLECTION.findall(source)}
    rows = ROW.findall((ROOT / "docs/mongodb.md").read_text(encoding="utf-8"))
    assert sorted(used) == sorted(name for row in rows for name in re.findall(r"`([a-z.]+)`", row))


class Listening:
    """Stands for a database and its collections; keeps what is asked and by which order."""

    def __init__(self, name: str = "", heard: list[Question] | None = None) -> None:
        self.name = name
        self.heard: list[Question] = [] if heard is None else heard

    def collection(self, name: str) -> "Listening":
        return Listening(name, self.heard)

    async def find(
        self, where: Mapping[str, Any], *, sort: Sequence[tuple[str, int]], limit: int = 0
    ) -> list[Any]:
        order = [*((key, UP) for key in where), *sort]
        self.heard.append((self.name, list(dict.fromkeys(order))))
        return []


ASKING: Mapping[str, Callable[[MongoStore], Awaitable[object]]] = {
    "runs": lambda store: store.find_runs(),
    "open runs": lambda store: store.find_runs(status=RunStatus.RUNNING),
    "runs of a schedule": lambda store: store.find_runs(schedule_id="s1"),
    "jobs of a run": lambda store: store.find_jobs(run_id="r1"),
    "dead jobs": lambda store: store.find_jobs(states={JobState.DEAD}),
    "dead files": lambda store: store.find_jobs(kind="file", states={JobState.DEAD}),
    "what did not arrive": lambda store: store.find_undelivered(["card", "file"]),
    "what ended lately": lambda store: store.find_ended(["card"], NOW),
    "reports": lambda store: store.find_reports(),
    "reports of a schedule": lambda store: store.find_reports(schedule_id="s1"),
}


@pytest.mark.parametrize("what", ASKING)
async def test_a_list_has_an_index_in_its_order(what: str) -> None:
    mongo = Listening()
    await ASKING[what](MongoStore(cast(Mongo, mongo)))
    ((collection, order),) = mongo.heard
    assert order in [list(keys) for keys in INDEXES[collection]]


async def test_the_audit_has_an_index_in_its_order_for_each_name() -> None:
    mongo = Listening()
    await MongoAudit(cast(Mongo, mongo)).find_entries()
    assert mongo.heard == [("audit", NEWEST_ENTRY)]
    for field in (*NAMED_BY["schedule"], *NAMED_BY["actor"]):
        assert [(field, UP), *NEWEST_ENTRY] in INDEXES["audit"]


async def test_open_lapses_have_an_index_in_their_order() -> None:
    mongo = Listening()
    await MongoLapses(cast(Mongo, mongo)).find_lapses({LapseState.FOUND})
    ((collection, order),) = mongo.heard
    assert order in [list(keys) for keys in INDEXES[collection]]
