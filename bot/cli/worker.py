"""`dingrun worker`: writes reports for the bots on the same store; whatever it knows is in the store.

Each ring is answered in a process of Celery's pool, which takes one order, the oldest, and works on it while
its lease lives. What it was asked for, and what becomes of the report, is the bots' affair.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.config.loader import Settings
from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.exporters.celery import heartbeat as life
from bot.exporters.celery.requests import (
    KIND,
    LEASE,
    failure_response,
    refusal_reason,
    success_response,
    transfer_path,
)
from bot.exporters.celery.transfer import FileTransfer
from bot.files import make_private_folder
from bot.jobs.queue import Claim
from bot.models import Findings, Job
from bot.ports import Exporter, ReportInput, Store
from bot.reports.comparison import load_report_input
from bot.runtime import owner_name, usable_cpus, utc_now
from bot.telemetry.logging import log_context
from bot.telemetry.loops import loop_step, report_error
from bot.wiring.engines import open_engine
from bot.wiring.exporters import build_broker, build_file_transfer, build_local_exporter
from bot.wiring.stores import clock_skew, open_stores

log = logging.getLogger(__name__)

STORE_SECONDS = 3.0  # that a worker waits for the store to say that it lives
BEAT = 1.0  # seconds between two words to the store that the worker lives, and how far it is


def work(settings: Settings, *, at_once: int | None = None) -> int:
    """Be a worker until SIGTERM or SIGINT; the exit code. Raises `ConfigError`.

    Without `at_once` it writes as many reports at the same time as the settings say.
    """
    broker = build_broker(settings)
    from bot.exporters.celery.broker import worker_name  # noqa: PLC0415 - an extra; what is missing is told by then

    name, places = worker_name(), at_once or settings.exporter.at_once(usable_cpus())
    asyncio.run(_try_out(settings))

    def beat() -> None:
        with loop_step("life of the worker"):
            asyncio.run(_tell_life(settings, name, life.with_worker))

    try:
        return broker.serve(lambda: answer_ring(settings), heartbeat=beat, concurrency=places)
    finally:
        with loop_step("life of the worker"):
            asyncio.run(_tell_life(settings, name, life.without_worker))


def answers(settings: Settings) -> bool:
    """Check that a worker of this machine, or container, has sent a heartbeat lately."""
    here = f"@{socket.gethostname()}"
    return any(name.endswith(here) for name in asyncio.run(living_workers(settings)))


async def living_workers(settings: Settings) -> Sequence[str]:
    """List the workers on this store that have sent a heartbeat lately."""
    store = open_stores(settings.store.url).store
    await store.open()
    try:
        return life.alive_workers(await store.find_value(life.KEY), utc_now())
    finally:
        await store.close()


async def _tell_life(settings: Settings, name: str, told: Callable[[str | None, str, datetime], str]) -> None:
    """Write a heartbeat, or the end of this worker, into the store; a slow store is not waited for."""
    store = open_stores(settings.store.url).store
    async with asyncio.timeout(STORE_SECONDS):
        await store.open()
        try:
            await store.set_value(life.KEY, told(await store.find_value(life.KEY), name, utc_now()))
        finally:
            await store.close()


async def _try_out(settings: Settings) -> None:
    store = open_stores(settings.store.url).store
    await store.open()
    await store.close()
    if settings.reports.store == "folder":
        await asyncio.to_thread(_make, Path(settings.reports.dir))


def _make(folder: Path) -> None:
    try:
        make_private_folder(folder)
    except OSError as error:
        raise ConfigError(f"reports.dir: {folder} cannot be written: {error.strerror}") from None


def answer_ring(settings: Settings) -> None:
    """Do one order, if there is one left for this ring."""
    try:
        asyncio.run(_answer(settings))
    except DingRunError as error:  # the order, if there was one, is left to its lease
        log.warning("a ring could not be answered: %s", error)
    except Exception:  # the edge of the worker's loop: the next ring may be answered
        log.exception("a ring could not be answered by a mistake of ours")


async def _answer(settings: Settings) -> None:
    stores, owner = open_stores(settings.store.url), owner_name()
    await stores.store.open()
    try:
        limits = Limits(lease=LEASE + clock_skew(settings.store.url), seconds=settings.exporter.time_limit)
        handover = build_file_transfer(settings, stores)
        async with open_engine(settings, stores.tasks, clock=utc_now, owner=owner) as engine:
            pen = build_local_exporter(settings, engine)
            await ExportWorker(stores.store, pen, handover, owner=owner, limits=limits).run_next()
    finally:
        await stores.store.close()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long an order is left to a worker that says nothing, and how many seconds it may take in all."""

    lease: timedelta
    seconds: float


class ExportWorker:
    """Takes one order at a time, and writes its outcome into it."""

    def __init__(
        self, store: Store, exporter: Exporter, handover: FileTransfer, *, owner: str, limits: Limits
    ) -> None:
        self._store = store
        self._exporter = exporter
        self._handover = handover
        self._owner = owner
        self._limits = limits

    async def run_next(self) -> bool:
        """Do the order that waits longest; False when none does."""
        now = utc_now()
        order = await self._store.claim_job([KIND], self._owner, now, now + self._limits.lease)
        if order is None:
            return False
        claim = Claim(self._store, order, utc_now, self._limits.lease)
        with log_context(run=order.run_id):
            outcome = await self._outcome(claim)
            if not await claim.save(**outcome, lease_until=None, ended_at=utc_now()):
                log.warning("order %s was taken over", order.id)
                return True
            _tell(claim.job)
        return True

    async def _outcome(self, claim: Claim) -> Mapping[str, object]:
        why = refusal_reason(claim.job, self._owner)
        if why:
            return failure_response(TemporaryError(why))
        try:
            async with asyncio.timeout(self._limits.seconds):
                return success_response(await self._make(claim))
        except TimeoutError:
            return failure_response(
                TemporaryError(f"it took longer than exporter.time_limit, {self._limits.seconds:g} s")
            )
        except DingRunError as error:
            return failure_response(error)
        except Exception as error:  # the edge of one order: the bot is told, and asks again
            log.exception("order %s failed by a mistake of ours", claim.job.id)
            return failure_response(
                TemporaryError(f"a mistake of ours, see the worker's log ({type(error).__name__})")
            )

    async def _make(self, claim: Claim) -> Findings:
        """Write the workbook while the lease is ours; what it counted."""
        run = await self._store.find_run(claim.job.run_id)
        if run is None:
            raise PermanentError(f"run {claim.job.run_id} is not in the store")
        making = asyncio.create_task(self._hand_over(claim, await load_report_input(self._store, run)))
        try:
            while not making.done():
                await asyncio.wait([making], timeout=BEAT)
                if not making.done() and not await self._beat(claim):
                    raise TemporaryError("another worker has this order now")
            return await making
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)

    async def _hand_over(self, claim: Claim, story: ReportInput) -> Findings:
        async with self._handover.writer(transfer_path(claim.job)) as path:
            return await self._exporter.export(story, path)

    async def _beat(self, claim: Claim) -> bool:
        """Say that it goes on and how far it is. False when the order is no longer ours."""
        so_far = self._exporter.progress(claim.job.run_id) or 0
        try:
            return await claim.save(lease_until=utc_now() + self._limits.lease, result={"taken": so_far})
        except TemporaryError as error:  # as long as the lease lasts nobody else begins
            log.warning("the store does not answer: %s", error)
        except Exception as error:  # noqa: BLE001 - the edge of the heartbeat: what is being made goes on
            report_error("lease of an order", error)
        return True


def _tell(order: Job) -> None:
    seconds = (utc_now() - order.created_at).total_seconds()
    if order.error:
        log.error("order %s not made: %s", order.id, order.error)
    else:
        log.info("order %s made, %.1f s after it was asked for", order.id, seconds)
