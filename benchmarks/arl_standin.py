"""An ARL that found as much as is wanted and holds nothing of it: for the benchmark of reading it.

`python -m benchmarks.arl_standin ASSETS` serves the lists of results as ARL's API does, icons and all, and
says its port. Documents come in no order, as they lie in ARL; those of one task are spread over all.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from benchmarks.finds import KINDS, MAKERS, TASKS
from bot.assets.values import Document
from bot.engines.arl.assets import select_fields

STEP = 7919  # a prime: through all numbers, in no order
NOW = tuple(f"{number:024x}" for number in range(TASKS))
BEFORE = tuple(f"{number + TASKS:024x}" for number in range(TASKS))
WRITTEN = {"save_date": "2026-11-24 03:00:00", "task_id": NOW[0]}  # more that ARL has in a document


class Found:
    """What ten tasks found of each kind: of ten things nine are found once and one twice."""

    def __init__(self, assets: int) -> None:
        self._things = assets * 10 // 11
        self._total = self._things + -(-self._things // 10)

    def number_of(self, task_id: str) -> int:
        return len(range(_place(task_id), self._total, TASKS))

    def documents(
        self, kind: str, task_id: str, start: int = 0, stop: int | None = None
    ) -> Iterator[Document]:
        """What a task found, or a part of it."""
        salt = 1 if task_id in BEFORE else 0
        for each in range(_place(task_id), self._total, TASKS)[start:stop]:
            twice = each >= self._things
            number = (each - self._things) * 10 if twice else each * STEP % self._things
            yield MAKERS[kind](number, salt if number % 10 == 1 else 0) | WRITTEN  # type: ignore[operator]


def _place(task_id: str) -> int:
    return int(task_id, 16) % TASKS


class Cursor:
    """Stands in for the database: gives the fields that are asked for, of documents made as they are read."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._kind = ""

    def collection(self, kind: str) -> "Cursor":
        cursor = Cursor(self._found)
        cursor._kind = kind
        return cursor

    async def stream(
        self, where: Mapping[str, Any], *, fields: Sequence[str], batch: int = 500
    ) -> AsyncIterator[dict[str, Any]]:
        for task_id in where["task_id"]["$in"] if self._kind in KINDS else ():
            for number, document in enumerate(self._found.documents(self._kind, task_id)):
                if number % batch == 0:
                    await asyncio.sleep(0)  # here the driver would wait for the next batch
                yield {"_id": number, **select_fields(document, fields)}

    async def close(self) -> None:
        """There is nothing to let go."""


def answers(found: Found) -> web.Application:
    async def listed(request: web.Request) -> web.Response:
        kind, query = request.match_info["kind"], request.query
        page, size, task_id = int(query["page"]), int(query["size"]), query["task_id"]
        known = kind in KINDS
        items = found.documents(kind, task_id, (page - 1) * size, page * size) if known else ()
        total = found.number_of(task_id) if known else 0
        return web.json_response({
            "page": page,
            "size": size,
            "total": total,
            "items": list(items),
            "query": {},
            "code": 200,
        })

    app = web.Application()
    app.router.add_get("/api/{kind}/", listed)
    return app


async def serve(assets: int) -> None:
    runner = web.AppRunner(answers(Found(assets)), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.arl_standin", description="See the docstring."
    )
    parser.add_argument("assets", type=int, help="found of each kind")
    asyncio.run(serve(parser.parse_args().assets))
