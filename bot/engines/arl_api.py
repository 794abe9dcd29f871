"""Reading ARL through its API alone, where its database cannot be reached.

The API answers one task at a time and has no dates to ask by, so this is slower and asks less often.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta

from bot.engines.arl_documents import ENDINGS, STEMS, Document, born, is_id
from bot.engines.arl_finds import FINDINGS, slimmed
from bot.engines.arl_wire import ArlWire
from bot.errors import Permanent
from bot.models import Clock

UNCACHED = 5_001  # items of a page: a fork keeps answers of up to 5,000 for a minute
SITES = 500  # of a page: each brings its icon
AT_ONCE = 4  # of the three workers that ARL has, one is left to people for most of the time
TASKS_FOR = timedelta(seconds=10)  # so long an answer about an open task is as good as a new one
BEGUN_FOR = timedelta(seconds=60)  # lists of all tasks are heavy
KEPT = 10_000  # tasks


class ApiReads:
    """The port Reads over the API."""

    def __init__(self, wire: ArlWire, *, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)
        self._known: dict[str, tuple[datetime, Document | None]] = {}
        self._begun: tuple[datetime, Sequence[Document]] | None = None

    async def close(self) -> None:
        self._known.clear()

    def forget(self, task_ids: Collection[str]) -> None:
        for id_ in task_ids:
            self._known.pop(id_, None)

    async def schedules(self) -> Sequence[Document]:
        return [each async for each in self._wire.pages("/task_schedule/", size=UNCACHED)]

    async def tasks(self, task_ids: Collection[str]) -> Sequence[Document]:
        found = await asyncio.gather(*(self._task(id_) for id_ in task_ids if is_id(id_)))
        return [task for task in found if task is not None]

    async def _task(self, id_: str) -> Document | None:
        now = self._clock()
        if id_ in self._known:
            asked, task = self._known[id_]
            if now - asked < TASKS_FOR or (task and _final(task)):
                return task
        async with self._places:
            items = (await self._wire.get("/task/", _id=id_, size=UNCACHED)).get("items", ())
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[id_] = now, items[0] if items else None
        return self._known[id_][1]

    async def begun(self, since: datetime) -> Sequence[Document]:
        now = self._clock()
        if self._begun is None or now - self._begun[0] >= BEGUN_FOR:
            found = [task for stem in STEMS.values() for task in await self._called(f"{stem}-")]
            self._begun = now, found
        return [
            task
            for task in self._begun[1]
            if born(task["_id"]) >= since and task["name"].startswith(tuple(STEMS.values()))
        ]

    async def named(self, name: str, since: datetime) -> Sequence[Document]:
        found = await self._called(name)
        return [task for task in found if task["name"] == name and born(task["_id"]) >= since]

    async def _called(self, part: str) -> list[Document]:
        """Tasks with this in their name: the API looks for a part."""
        return [task async for task in self._wire.pages("/task/", size=UNCACHED, name=part)]

    async def records(self, since: datetime) -> Sequence[Document]:
        return ()  # there is no such list

    async def count(self, task_id: str, kind: str) -> int:
        answer = await self._wire.get(f"/{kind}/", task_id=task_id, size=1)
        return int(answer.get("total", 0))

    async def finds(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        if kind not in FINDINGS:
            raise Permanent(f"ARL has no {kind}")
        size, fields = SITES if kind == "site" else UNCACHED, FINDINGS[kind].fields
        for id_ in task_ids:
            async for document in self._wire.pages(f"/{kind}/", size=size, task_id=id_):
                yield slimmed(document, fields)


def _final(task: Document) -> bool:
    return task.get("status") in ENDINGS and task.get("end_time", "-") != "-"
