"""Have a worker write the report, and wait for it in the store.

The request and the response are a job of kind `export_request` (`requests.py`). The broker only carries a
wake-up notification. A worker that dies stops extending its lease, and another one is notified.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.errors import DingRunError, RateLimited, TemporaryError
from bot.exporters.celery.heartbeat import KEY, alive_workers
from bot.exporters.celery.requests import (
    KIND,
    assets_read,
    has_succeeded,
    has_transfer_path,
    new_request,
    parse_response,
    transfer_path,
)
from bot.exporters.celery.transfer import FileTransfer
from bot.files import UNFINISHED_SUFFIX
from bot.models import Clock, Findings, Job, JobState, Run
from bot.ports import ReportInput, Store
from bot.telemetry.loops import report_error
from bot.telemetry.rescues import Rescue, count_rescue

POLL_INTERVAL_SECONDS = 0.3  # while a worker is at the request
MAX_POLL_INTERVAL_SECONDS = 2.0  # while none is: each poll is a query, and many requests may wait
NOTIFY_TIMEOUT_SECONDS = 6.0
MAX_NOTIFY_THREADS = 2  # a broker that does not answer one call delays no other
NOTIFY_INTERVAL = timedelta(seconds=30)  # for a request that no worker claimed
UNCLAIMED_TIMEOUT = timedelta(seconds=90)  # then the job fails temporarily and says why
RETRY_AFTER_SECONDS = 10.0


class WorkerNotifier(Protocol):
    """Wakes a worker."""

    def notify(self) -> None:
        """Notify one worker. Blocks. Raises `TemporaryError` while the broker does not answer."""

    def check(self) -> None:
        """Connect to the broker. Blocks. Raises `TemporaryError` while it does not answer."""


@dataclass(frozen=True, kw_only=True)
class Notification:
    """The last notification for a request."""

    at: datetime
    attempts: int  # workers that had claimed the request by then


class CeleryExporter:
    """The Exporter port on workers that share the store."""

    def __init__(
        self, store: Store, transfer: FileTransfer, notifier: WorkerNotifier, *, clock: Clock
    ) -> None:
        self._store = store
        self._transfer = transfer
        self._notifier = notifier
        self._clock = clock
        self._progress: dict[str, int] = {}
        self._threads = ThreadPoolExecutor(MAX_NOTIFY_THREADS, thread_name_prefix="broker")

    async def prepare(self, *, expected: bool) -> None:
        """Do nothing: the workers are other processes."""

    async def close(self) -> None:
        return

    def progress(self, run_id: str) -> int | None:
        return self._progress.get(run_id)

    def probes(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        return {"broker": self._probe_broker, "worker": self._probe_workers}

    async def _probe_broker(self) -> None:
        try:
            async with asyncio.timeout(NOTIFY_TIMEOUT_SECONDS):
                await asyncio.get_running_loop().run_in_executor(self._threads, self._notifier.check)
        except TimeoutError:
            raise TemporaryError("exporter.broker_url: the broker does not answer in time") from None

    async def _probe_workers(self) -> None:
        if not alive_workers(await self._store.find_value(KEY), self._clock()):
            raise TemporaryError("no worker is alive; start one: dingrun worker")

    async def export(self, report_input: ReportInput, path: Path) -> Findings:
        run = report_input.run
        request = await self._find_open_request(run) or await self._add_request(run, path)
        try:
            ended = await self._wait_for_end(request)
        finally:
            self._progress.pop(run.id, None)
        findings = parse_response(ended)
        await self._transfer.receive(transfer_path(ended), path)
        return findings

    async def _find_open_request(self, run: Run) -> Job | None:
        """Return the request that an earlier attempt left: unfinished, or its report not received."""
        states = {JobState.TODO, JobState.DOING, JobState.DONE}
        requests = await self._store.find_jobs(run_id=run.id, kind=KIND, states=states)
        last = next((each for each in reversed(requests) if has_transfer_path(each)), None)
        if last is None or (last.state is JobState.DONE and not await self._is_written(last)):
            return None
        count_rescue(Rescue.REQUEST_RESUMED)
        return last

    async def _is_written(self, request: Job) -> bool:
        """Return whether a finished request has a report. A failed one may have left a file all the same."""
        return has_succeeded(request) and await self._transfer.exists(transfer_path(request))

    async def _add_request(self, run: Run, path: Path) -> Job:
        name = f"{run.id}.{secrets.token_hex(4)}"
        request = new_request(run.id, name, f"{path.parent.name}/{name}{UNFINISHED_SUFFIX}", self._clock())
        await self._store.add_job(request)
        return request

    async def _wait_for_end(self, request: Job) -> Job:
        """Poll the request until it has ended, and notify a worker whenever it is unclaimed."""
        last_claimed, notification, delay = self._clock(), None, POLL_INTERVAL_SECONDS
        while not request.state.ended:
            now = self._clock()
            if is_unclaimed(request, now):
                if now - last_claimed >= UNCLAIMED_TIMEOUT:
                    raise RateLimited(
                        "waits for a worker: none is free, or none is running",
                        retry_after=RETRY_AFTER_SECONDS,
                    )
                notification = await self._notify_if_due(request, notification, now)
            else:
                last_claimed = now
                self._progress[request.run_id] = assets_read(request)
            delay = next_poll_delay(request, now, delay)
            await asyncio.sleep(delay)
            found = await self._store.find_job(request.id)
            if found is None:
                raise TemporaryError(f"{request.id} is gone from the store")
            request = found
        return request

    async def _notify_if_due(self, request: Job, last: Notification | None, now: datetime) -> Notification:
        """Notify a worker unless the last notification is recent. Returns the last notification."""
        if last and not should_notify_again(request, last, now):
            return last
        if request.attempts > (last.attempts if last else 0):
            count_rescue(Rescue.WORKER_REPLACED)
        try:
            async with asyncio.timeout(NOTIFY_TIMEOUT_SECONDS):
                await asyncio.get_running_loop().run_in_executor(self._threads, self._notifier.notify)
        except TimeoutError:
            raise TemporaryError("exporter.broker_url: the broker does not answer in time") from None
        except DingRunError:
            raise
        except Exception as error:  # noqa: BLE001 - an idle worker may claim it all the same; notified again later
            report_error("broker", error)
        return Notification(at=now, attempts=request.attempts)


def is_unclaimed(request: Job, now: datetime) -> bool:
    """Return whether no worker has the request: it is `todo`, or its lease has expired."""
    if request.state is JobState.TODO:
        return True
    return request.state is JobState.DOING and request.lease_until is not None and request.lease_until <= now


def next_poll_delay(request: Job, now: datetime, last: float) -> float:
    """Return the seconds until the next poll. They double up to a maximum while the request is unclaimed."""
    if not is_unclaimed(request, now):
        return POLL_INTERVAL_SECONDS
    return min(last * 2, MAX_POLL_INTERVAL_SECONDS)


def should_notify_again(request: Job, last: Notification, now: datetime) -> bool:
    """Return True at once after a worker died, else once per interval: all workers may be busy."""
    return request.attempts > last.attempts or now - last.at >= NOTIFY_INTERVAL
