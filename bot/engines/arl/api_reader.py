"""Reading ARL through its API alone, where its database cannot be reached.

The API takes one id or one name at a time, has no dates to ask by, and leaves no field out. So open tasks are
asked for by the name that those of one run share; of lists of tasks only the newest pages are read; and of
each document only what is needed is kept. An answer about an open task counts for some seconds, and however
many runs are open, a look asks for a few names and leaves the others to the next one.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.engines.arl.assets import FINDINGS, check_depth, select_fields
from bot.engines.arl.client import ArlClient
from bot.engines.arl.documents import (
    AGAIN,
    ENDINGS,
    NOT_YET,
    STEMS,
    Document,
    created_at,
    is_id,
    normalize_task,
    with_document_id,
)
from bot.engines.arl.skipped import SkippedDocuments
from bot.errors import PermanentError
from bot.models import Clock

UNCACHED = 5_001  # items of a page: a fork keeps answers of up to 5,000 for a minute
HEAVY = {"site": 500, "cert": 500}  # of a page: they bring icons, heads and extensions along
SOME = range(50, 150)  # tasks of a page; the cache knows an answer by its size, so each has another
AT_ONCE = 4  # of the three workers that ARL has, one is left to people for most of the time
NAMES = 4  # that one look asks for again
TASKS_FOR = timedelta(seconds=10)  # so long an answer about an open task is as good as a new one
BEGUN_FOR = timedelta(seconds=60)  # lists of all tasks are heavy
KEPT = 10_000  # tasks


@dataclass(frozen=True, kw_only=True)
class Known:
    """What ARL last said of a task; `task` is None when it has none such."""

    at: datetime
    task: Document | None

    @property
    def name(self) -> str:
        return str(self.task.get("name", "")) if self.task else ""

    def is_good(self, now: datetime) -> bool:
        """Whether it need not be asked for again."""
        return now - self.at < TASKS_FOR or (self.task is not None and _final(self.task))


class ApiReader:
    """ArlReader over the API."""

    has_database = False

    def __init__(self, wire: ArlClient, *, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)
        self._known: dict[str, Known] = {}
        self._begun: tuple[datetime, datetime, Sequence[Document]] | None = None  # when, since when, what

    @property
    def skipped(self) -> SkippedDocuments:
        return self._wire.skipped

    async def close(self) -> None:
        self._known.clear()

    def forget(self, task_ids: Collection[str]) -> None:
        for id_ in task_ids:
            self._known.pop(id_, None)

    def forget_lists(self) -> None:
        self._begun = None

    async def schedules(self) -> Sequence[Document]:
        found = [each async for each in self._wire.pages("/task_schedule/", size=UNCACHED)]
        return self.skipped.read_each("task_schedule", found, with_document_id)

    async def tasks(self, task_ids: Collection[str]) -> Sequence[Document]:
        ids = [id_ for id_ in task_ids if is_id(id_)]
        if len(self._known) > KEPT:
            self._known = {id_: self._known[id_] for id_ in ids if id_ in self._known}
        await self._ask_again(ids)
        while unknown := [id_ for id_ in ids if id_ not in self._known]:
            await self._meet(unknown)
        return [task for id_ in ids if (task := self._known[id_].task)]

    async def _ask_again(self, ids: Iterable[str]) -> None:
        """Bring what is known up to date, a few names at a time, the oldest answers first."""
        now = self._clock()
        alike: dict[str, list[str]] = defaultdict(list)
        for id_ in ids:
            if id_ in self._known and not self._known[id_].is_good(now):
                alike[self._known[id_].name or id_].append(id_)
        oldest = sorted(alike, key=lambda name: min(self._known[id_].at for id_ in alike[name]))
        await asyncio.gather(*(self._ask(name, alike[name]) for name in oldest[:NAMES]))

    async def _meet(self, unknown: Sequence[str]) -> None:
        """Ask for the first of these by its id, and for those that share its name by the name."""
        first, *others = unknown
        await self._ask("", [first])
        if others and (name := self._known[first].name):
            found = await self._called(name, min(map(created_at, others)))
            self._learn({id_: task for id_, task in found.items() if id_ in others})

    async def _ask(self, name: str, ids: Sequence[str]) -> None:
        """Ask for tasks that share a name; one alone is asked for by its id."""
        if len(ids) > 1:
            found = await self._called(name, min(map(created_at, ids)))
        else:
            async with self._places:
                items = await self._wire.items("/task/", _id=ids[0], size=UNCACHED)
            found = self._by_id(items)
        self._learn({id_: found.get(id_) for id_ in ids})

    def _learn(self, tasks: Mapping[str, Document | None]) -> None:
        now = self._clock()
        self._known |= {id_: Known(at=now, task=task) for id_, task in tasks.items()}

    async def begun(self, since: datetime) -> Sequence[Document]:
        now = self._clock()
        if self._begun is None or now - self._begun[0] >= BEGUN_FOR or since < self._begun[1]:
            found: dict[str, Document] = {}
            for stem in STEMS.values():
                found |= await self._called(f"{stem}-", since, size=random.choice(SOME))  # noqa: S311 - no secret
            self._learn(found)
            self._begun = now, since, [task for task in found.values() if _is_scheduled(task)]
        return [task for task in self._begun[2] if created_at(task["_id"]) >= since]

    async def named(self, name: str, since: datetime) -> Sequence[Document]:
        found = await self._called(name, since)
        return [found[id_] for id_ in sorted(found) if found[id_].get("name") == name]

    async def _called(self, part: str, since: datetime, *, size: int = UNCACHED) -> dict[str, Document]:
        """Tasks with this in their name (the API looks for a part) that were made since then, by id.

        Read from the newest on: what ARL adds meanwhile shifts pages, so that one may come twice and none is
        left out.
        """
        found: dict[str, Document] = {}
        async with self._places:
            async for each in self._wire.pages("/task/", size=size, order="-_id", name=part):
                task = self._by_id([each])
                if any(created_at(id_) < since for id_ in task):
                    break
                found |= task
        return found

    def _by_id(self, tasks: Iterable[object]) -> dict[str, Document]:
        """Without their options and whatever else is not read: those can be long."""
        return {task["_id"]: task for task in self.skipped.read_each("task", tasks, normalize_task)}

    async def records(self, since: datetime) -> Sequence[Document]:
        return ()  # there is no such list

    async def counts(self, task_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """A question for each task and kind: a list tells its `total`, and takes one task at a time."""
        counts: dict[str, dict[str, int]] = {}
        for id_ in task_ids:
            totals = await asyncio.gather(*(self._total(id_, kind) for kind in FINDINGS))
            counts[id_] = {kind: total for kind, total in zip(FINDINGS, totals, strict=True) if total}
        return counts

    async def _total(self, task_id: str, kind: str) -> int:
        async with self._places:
            return await self._wire.total(f"/{kind}/", task_id=task_id)

    async def finds(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        """Page by page in the order in which ARL wrote them, so that what it adds comes on the last one.

        A page that a fork keeps for a minute does no harm: reports are made of tasks that have ended.
        """
        if kind not in FINDINGS:
            raise PermanentError(f"ARL has no {kind}")
        fields = ("_id", *FINDINGS[kind].fields)
        for id_ in task_ids:
            pages = self._wire.pages(f"/{kind}/", size=HEAVY.get(kind, UNCACHED), task_id=id_)
            async for document in pages:
                for slim in self.skipped.read_each(kind, [document], lambda found: _slim(found, fields)):
                    yield slim


def _slim(document: Document, fields: Sequence[str]) -> Document:
    """What is read of a document. Raises `ValueError` for one that nobody can write down again."""
    slim = select_fields(document, fields)
    check_depth(slim)
    return slim


def _final(task: Document) -> bool:
    return task.get("status") in ENDINGS and task.get("end_time") != NOT_YET


def _is_scheduled(task: Document) -> bool:
    return str(task.get("name")).removeprefix(AGAIN).startswith(tuple(STEMS.values()))
