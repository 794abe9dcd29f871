"""The exporter of several machines: a worker writes the workbook, and this one waits for it, by the store.

The request and its outcome are a job of kind `make` (`requests.py`). The broker only carries a wake-up
notification. A worker that dies stops extending its lease, and another one is notified.
"""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.errors import DingRunError, RateLimited, TemporaryError
from bot.exporters.celery.requests import KIND, findings_of, has_place, new_request, place_of, taken
from bot.exporters.celery.transfer import FileTransfer
from bot.files import UNFINISHED_SUFFIX
from bot.models import Clock, Findings, Job, JobState, Run
from bot.ports import ReportInput, Store
from bot.telemetry.loops import report_error

LOOK = 0.3  # seconds between two looks at an order that a worker is at
SELDOM = 2.0  # the most while nobody is: as many wait as a bot has places, and each look is a question
PATIENCE = 6.0  # seconds that a ring may take
AT_ONCE = 2  # rings: a broker that keeps one waiting holds up nobody else
RING_AGAIN = timedelta(seconds=30)  # for an order that nobody took
NOBODY_CAME = timedelta(seconds=90)  # then the wait is told and goes on later
COME_BACK = 10.0  # seconds


class WorkerNotifier(Protocol):
    """Wakes a worker."""

    def notify(self) -> None:
        """Blocks. Raises `TemporaryError` while there is no way to any worker."""


@dataclass(frozen=True, kw_only=True)
class Notification:
    """When a worker was rung for last, and for what."""

    at: datetime
    attempts: int  # workers that had taken the order by then


class CeleryExporter:
    """The Exporter port by workers that share the store."""

    def __init__(self, store: Store, handover: FileTransfer, bell: WorkerNotifier, *, clock: Clock) -> None:
        self._store = store
        self._handover = handover
        self._bell = bell
        self._clock = clock
        self._progress: dict[str, int] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="broker")

    def progress(self, run_id: str) -> int | None:
        return self._progress.get(run_id)

    async def export(self, story: ReportInput, path: Path) -> Findings:
        run = story.run
        order = await self._open_order(run) or await self._new_order(run, path)
        try:
            ended = await self._ended(order)
        finally:
            self._progress.pop(run.id, None)
        findings = findings_of(ended)
        await self._handover.receive(place_of(ended), path)
        return findings

    async def _open_order(self, run: Run) -> Job | None:
        """What was asked for this run before a bot died or stopped, and is not fetched yet."""
        states = {JobState.TODO, JobState.DOING, JobState.DONE}
        orders = await self._store.find_jobs(run_id=run.id, kind=KIND, states=states)
        ours = [order for order in orders if has_place(order)]
        last = ours[-1] if ours else None
        if last and last.state is JobState.DONE and not await self._handover.exists(place_of(last)):
            return None
        return last

    async def _new_order(self, run: Run, path: Path) -> Job:
        name = f"{run.id}.{secrets.token_hex(4)}"
        order = new_request(run.id, name, f"{path.parent.name}/{name}{UNFINISHED_SUFFIX}", self._clock())
        await self._store.add_job(order)
        return order

    async def _ended(self, order: Job) -> Job:
        """Wait for the order's end, and ring whenever it waits for a worker."""
        came, rung, pause = self._clock(), None, LOOK
        while not order.state.ended:
            now = self._clock()
            if is_unclaimed(order, now):
                if now - came >= NOBODY_CAME:
                    raise RateLimited("waits for a worker: none is free, or none runs", retry_after=COME_BACK)
                rung = await self._rung(order, rung, now)
            else:
                came = now
                self._progress[order.run_id] = taken(order)
            pause = next_pause(order, now, pause)
            await asyncio.sleep(pause)
            found = await self._store.find_job(order.id)
            if found is None:
                raise TemporaryError(f"{order.id} is gone from the store")
            order = found
        return order

    async def _rung(self, order: Job, last: Notification | None, now: datetime) -> Notification:
        """Ring if it is time; the last ring."""
        if last and not should_notify_again(order, last, now):
            return last
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().run_in_executor(self._threads, self._bell.notify)
        except TimeoutError:
            raise TemporaryError("exporter.broker_url: the broker does not answer in time") from None
        except DingRunError:
            raise
        except Exception as error:  # noqa: BLE001 - a worker may come all the same; it is rung for again
            report_error("broker", error)
        return Notification(at=now, attempts=order.attempts)


def is_unclaimed(order: Job, now: datetime) -> bool:
    """Whether nobody is at it: it waits, or its worker has died."""
    if order.state is JobState.TODO:
        return True
    return order.state is JobState.DOING and order.lease_until is not None and order.lease_until <= now


def next_pause(order: Job, now: datetime, last: float) -> float:
    """Seconds until the next look: ever more while nobody is at it."""
    return min(last * 2, SELDOM) if is_unclaimed(order, now) else LOOK


def should_notify_again(order: Job, last: Notification, now: datetime) -> bool:
    """At once for a worker that took it since and died; else seldom: all workers may be busy."""
    return order.attempts > last.attempts or now - last.at >= RING_AGAIN
