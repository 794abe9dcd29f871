"""Reads ARL through its API alone, where its database cannot be reached.

The API takes one id or one name per request, cannot filter by date, and returns all fields. Therefore:

- Open tasks are queried by the name that the tasks of one run share.
- Of lists of tasks only the newest pages are read.
- Of each document only the fields that are used are kept in memory.
- An answer about an open task is cached for some seconds, and a poll refreshes a few names, oldest first.
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
    FINAL_STATUSES,
    NAME_PREFIXES,
    NO_TIME,
    RESTART_PREFIX,
    Document,
    created_at,
    is_id,
    normalize_task,
    with_document_id,
)
from bot.engines.arl.skipped import SkippedDocuments
from bot.errors import PermanentError
from bot.models import Clock

UNCACHED_PAGE_SIZE = 5_001  # items; a fork caches answers of up to 5,000 for a minute
PAGE_SIZES = {"site": 500, "cert": 500}  # items; these documents hold icons, headers and extensions
TASK_PAGE_SIZES = range(50, 150)  # drawn at random: the page size is part of the cache key of a fork
MAX_CONCURRENT_REQUESTS = 4  # ARL has three workers, and people need one
MAX_NAMES_PER_POLL = 4  # refreshed by one poll
TASK_MAX_AGE = timedelta(seconds=10)  # of a cached open task
TASK_LIST_MAX_AGE = timedelta(seconds=60)  # of a cached list; lists of tasks are large
MAX_CACHED_TASKS = 10_000


@dataclass(frozen=True, kw_only=True)
class CachedTask:
    """The last answer about a task. `task` is None if ARL does not have it."""

    at: datetime
    task: Document | None

    @property
    def name(self) -> str:
        return str(self.task.get("name", "")) if self.task else ""

    def is_fresh(self, now: datetime) -> bool:
        """Tell if the answer can still be used. Final answers never expire."""
        return now - self.at < TASK_MAX_AGE or (self.task is not None and _final(self.task))


class ApiReader:
    """ArlReader over the API."""

    has_database = False

    def __init__(self, client: ArlClient, *, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)
        self._cache: dict[str, CachedTask] = {}
        self._scheduled: tuple[datetime, datetime, Sequence[Document]] | None = None  # read at, since, tasks

    @property
    def skipped(self) -> SkippedDocuments:
        return self._client.skipped

    async def close(self) -> None:
        self._cache.clear()

    def forget(self, task_ids: Collection[str]) -> None:
        for id_ in task_ids:
            self._cache.pop(id_, None)

    def forget_lists(self) -> None:
        self._scheduled = None

    async def schedules(self) -> Sequence[Document]:
        found = [each async for each in self._client.pages("/task_schedule/", size=UNCACHED_PAGE_SIZE)]
        return self.skipped.read_each("task_schedule", found, with_document_id)

    async def tasks(self, task_ids: Collection[str]) -> Sequence[Document]:
        ids = [id_ for id_ in task_ids if is_id(id_)]
        if len(self._cache) > MAX_CACHED_TASKS:
            self._cache = {id_: self._cache[id_] for id_ in ids if id_ in self._cache}
        await self._refresh(ids)
        while unknown := [id_ for id_ in ids if id_ not in self._cache]:
            await self._read_first(unknown)
        return [task for id_ in ids if (task := self._cache[id_].task)]

    async def _refresh(self, ids: Iterable[str]) -> None:
        """Refresh expired answers, a few names at a time, the oldest first."""
        now = self._clock()
        by_name: dict[str, list[str]] = defaultdict(list)
        for id_ in ids:
            if id_ in self._cache and not self._cache[id_].is_fresh(now):
                by_name[self._cache[id_].name or id_].append(id_)
        oldest = sorted(by_name, key=lambda name: min(self._cache[id_].at for id_ in by_name[name]))
        await asyncio.gather(*(self._read_tasks(name, by_name[name]) for name in oldest[:MAX_NAMES_PER_POLL]))

    async def _read_first(self, unknown: Sequence[str]) -> None:
        """Read the first task by its id, and those that share its name by the name."""
        first, *others = unknown
        await self._read_tasks("", [first])
        if others and (name := self._cache[first].name):
            found = await self._tasks_containing(name, min(map(created_at, others)))
            self._remember({id_: task for id_, task in found.items() if id_ in others})

    async def _read_tasks(self, name: str, ids: Sequence[str]) -> None:
        """Read tasks that share a name. A single one is read by its id."""
        if len(ids) > 1:
            found = await self._tasks_containing(name, min(map(created_at, ids)))
        else:
            async with self._slots:
                items = await self._client.items("/task/", _id=ids[0], size=UNCACHED_PAGE_SIZE)
            found = self._by_id(items)
        self._remember({id_: found.get(id_) for id_ in ids})

    def _remember(self, tasks: Mapping[str, Document | None]) -> None:
        now = self._clock()
        self._cache |= {id_: CachedTask(at=now, task=task) for id_, task in tasks.items()}

    async def scheduled_tasks(self, since: datetime) -> Sequence[Document]:
        now, cached = self._clock(), self._scheduled
        if cached is None or now - cached[0] >= TASK_LIST_MAX_AGE or since < cached[1]:
            cached = self._scheduled = now, since, await self._read_scheduled(since)
        return [task for task in cached[2] if created_at(task["_id"]) >= since]

    async def _read_scheduled(self, since: datetime) -> Sequence[Document]:
        found: dict[str, Document] = {}
        for prefix in NAME_PREFIXES.values():
            size = random.choice(TASK_PAGE_SIZES)  # noqa: S311 - not a secret
            found |= await self._tasks_containing(f"{prefix}-", since, size=size)
        self._remember(found)
        return [task for task in found.values() if _is_scheduled(task)]

    async def tasks_named(self, name: str, since: datetime) -> Sequence[Document]:
        found = await self._tasks_containing(name, since)
        return [found[id_] for id_ in sorted(found) if found[id_].get("name") == name]

    async def _tasks_containing(
        self, part: str, since: datetime, *, size: int = UNCACHED_PAGE_SIZE
    ) -> dict[str, Document]:
        """Return the tasks created since a time whose name contains a text, by id.

        They are read from the newest on. If ARL adds tasks meanwhile, one may come twice but none is missed.
        """
        found: dict[str, Document] = {}
        async with self._slots:
            async for each in self._client.pages("/task/", size=size, order="-_id", name=part):
                task = self._by_id([each])
                if any(created_at(id_) < since for id_ in task):
                    break
                found |= task
        return found

    def _by_id(self, tasks: Iterable[object]) -> dict[str, Document]:
        """Reduce tasks to the fields that are used, by id."""
        return {task["_id"]: task for task in self.skipped.read_each("task", tasks, normalize_task)}

    async def run_records(self, since: datetime) -> Sequence[Document]:
        return ()  # the API has no such list

    async def count_assets(self, task_ids: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Count with one request per task and kind: a list takes one task and gives its `total`."""
        counts: dict[str, dict[str, int]] = {}
        for id_ in task_ids:
            totals = await asyncio.gather(*(self._total(id_, kind) for kind in FINDINGS))
            counts[id_] = {kind: total for kind, total in zip(FINDINGS, totals, strict=True) if total}
        return counts

    async def _total(self, task_id: str, kind: str) -> int:
        async with self._slots:
            return await self._client.count(f"/{kind}/", task_id=task_id)

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Document]:
        """Yield documents page by page in the order in which ARL wrote them.

        A page from the cache of a fork is good enough: reports are made of tasks that have ended.
        """
        if kind not in FINDINGS:
            raise PermanentError(f"ARL has no assets of kind {kind}")
        fields = ("_id", *FINDINGS[kind].fields)
        for id_ in task_ids:
            pages = self._client.pages(
                f"/{kind}/", size=PAGE_SIZES.get(kind, UNCACHED_PAGE_SIZE), task_id=id_
            )
            async for document in pages:
                for slim in self.skipped.read_each(kind, [document], lambda found: _slim(found, fields)):
                    yield slim


def _slim(document: Document, fields: Sequence[str]) -> Document:
    """Reduce a document to its used fields. Raises `ValueError` if it is nested too deep."""
    slim = select_fields(document, fields)
    check_depth(slim)
    return slim


def _final(task: Document) -> bool:
    return task.get("status") in FINAL_STATUSES and task.get("end_time") != NO_TIME


def _is_scheduled(task: Document) -> bool:
    return str(task.get("name")).removeprefix(RESTART_PREFIX).startswith(tuple(NAME_PREFIXES.values()))
