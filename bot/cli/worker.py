"""`dingrun worker`: write reports for the bots on the same store.

All state is in the store. For each notification, a process of Celery's pool claims the oldest export request
and works on it while it holds the lease. The bots send the requests and deliver the reports.
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

STORE_TIMEOUT_SECONDS = 3.0  # for a heartbeat
HEARTBEAT_INTERVAL_SECONDS = 1.0  # between two renewals of the lease, with the progress


def run_worker(settings: Settings, *, concurrency: int | None = None) -> int:
    """Run the worker until SIGTERM or SIGINT and return the exit code.

    `concurrency` defaults to `exporter.concurrency`. Raises `ConfigError`.
    """
    broker = build_broker(settings)
    from bot.exporters.celery.broker import worker_name  # noqa: PLC0415 - an extra; build_broker has checked it

    name, processes = worker_name(), concurrency or settings.exporter.at_once(usable_cpus())
    asyncio.run(_open_once(settings))

    def send_heartbeat() -> None:
        with loop_step("worker heartbeat"):
            asyncio.run(_save_heartbeat(settings, name, life.with_worker))

    try:
        return broker.serve(
            lambda: handle_notification(settings), heartbeat=send_heartbeat, concurrency=processes
        )
    finally:
        with loop_step("worker heartbeat"):
            asyncio.run(_save_heartbeat(settings, name, life.without_worker))


def is_alive(settings: Settings) -> bool:
    """Tell if a worker of this machine or container has sent a heartbeat recently."""
    here = f"@{socket.gethostname()}"
    return any(name.endswith(here) for name in asyncio.run(living_workers(settings)))


async def living_workers(settings: Settings) -> Sequence[str]:
    """List the workers on this store that have sent a heartbeat recently."""
    store = open_stores(settings.store.url).store
    await store.open()
    try:
        return life.alive_workers(await store.find_value(life.KEY), utc_now())
    finally:
        await store.close()


async def _save_heartbeat(
    settings: Settings, name: str, change: Callable[[str | None, str, datetime], str]
) -> None:
    """Save a heartbeat, or the end of this worker. Raises `TimeoutError` if the store is slow."""
    store = open_stores(settings.store.url).store
    async with asyncio.timeout(STORE_TIMEOUT_SECONDS):
        await store.open()
        try:
            await store.set_value(life.KEY, change(await store.find_value(life.KEY), name, utc_now()))
        finally:
            await store.close()


async def _open_once(settings: Settings) -> None:
    store = open_stores(settings.store.url).store
    await store.open()
    await store.close()
    if settings.reports.store == "folder":
        await asyncio.to_thread(_make_folder, Path(settings.reports.dir))


def _make_folder(folder: Path) -> None:
    try:
        make_private_folder(folder)
    except OSError as error:
        raise ConfigError(f"reports.dir: {folder} cannot be written: {error.strerror}") from None


def handle_notification(settings: Settings) -> None:
    """Run one export request, if there is one."""
    try:
        asyncio.run(_run_one(settings))
    except DingRunError as error:  # another worker claims the request when its lease expires
        log.warning("notification not handled: %s", error)
    except Exception:  # the edge of the worker's loop: the next notification is handled
        log.exception("notification not handled: unexpected error")


async def _run_one(settings: Settings) -> None:
    stores, owner = open_stores(settings.store.url), owner_name()
    await stores.store.open()
    try:
        limits = Limits(lease=LEASE + clock_skew(settings.store.url), seconds=settings.exporter.time_limit)
        transfer = build_file_transfer(settings, stores)
        async with open_engine(settings, stores, clock=utc_now, owner=owner) as engine:
            exporter = build_local_exporter(settings, engine)
            await ExportWorker(stores.store, exporter, transfer, owner=owner, limits=limits).run_next()
    finally:
        await stores.store.close()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Time limits of an export request."""

    lease: timedelta  # without a heartbeat
    seconds: float  # in all


class ExportWorker:
    """Runs one export request at a time and saves its outcome in the request."""

    def __init__(
        self, store: Store, exporter: Exporter, transfer: FileTransfer, *, owner: str, limits: Limits
    ) -> None:
        self._store = store
        self._exporter = exporter
        self._transfer = transfer
        self._owner = owner
        self._limits = limits

    async def run_next(self) -> bool:
        """Run the oldest export request. Returns False if there is none."""
        now = utc_now()
        request = await self._store.claim_job([KIND], self._owner, now, now + self._limits.lease)
        if request is None:
            return False
        claim = Claim(self._store, request, utc_now, self._limits.lease)
        with log_context(run=request.run_id):
            outcome = await self._outcome(claim)
            if not await claim.save(**outcome, lease_until=None, ended_at=utc_now()):
                log.warning("export request %s was taken over", request.id)
                return True
            _log_outcome(claim.job)
        return True

    async def _outcome(self, claim: Claim) -> Mapping[str, object]:
        why = refusal_reason(claim.job, self._owner)
        if why:
            return failure_response(TemporaryError(why))
        try:
            async with asyncio.timeout(self._limits.seconds):
                return success_response(await self._export(claim))
        except TimeoutError:
            return failure_response(
                TemporaryError(f"timed out after exporter.time_limit ({self._limits.seconds:g} s)")
            )
        except DingRunError as error:
            return failure_response(error)
        except Exception as error:  # the edge of one request: the bot gets the error and retries
            log.exception("export request %s failed: unexpected error", claim.job.id)
            return failure_response(
                TemporaryError(f"unexpected error, see the log of the worker ({type(error).__name__})")
            )

    async def _export(self, claim: Claim) -> Findings:
        """Write the workbook while the lease is held, and return what it counted."""
        run = await self._store.find_run(claim.job.run_id)
        if run is None:
            raise PermanentError(f"run {claim.job.run_id} is not in the store")
        export = asyncio.create_task(self._write(claim, await load_report_input(self._store, run)))
        try:
            while not export.done():
                await asyncio.wait([export], timeout=HEARTBEAT_INTERVAL_SECONDS)
                if not export.done() and not await self._renew(claim):
                    raise TemporaryError("another worker has taken over this request")
            return await export
        finally:
            export.cancel()
            await asyncio.gather(export, return_exceptions=True)

    async def _write(self, claim: Claim, report_input: ReportInput) -> Findings:
        async with self._transfer.writer(transfer_path(claim.job)) as path:
            return await self._exporter.export(report_input, path)

    async def _renew(self, claim: Claim) -> bool:
        """Renew the lease and save the progress. Returns False if another worker has taken over."""
        taken = self._exporter.progress(claim.job.run_id) or 0
        try:
            return await claim.save(lease_until=utc_now() + self._limits.lease, result={"taken": taken})
        except TemporaryError as error:  # until the lease expires nobody else starts
            log.warning("lease not renewed: %s", error)
        except Exception as error:  # noqa: BLE001 - the edge of the heartbeat: the export goes on
            report_error("export lease", error)
        return True


def _log_outcome(request: Job) -> None:
    seconds = (utc_now() - request.created_at).total_seconds()
    if request.error:
        log.error("export request %s failed: %s", request.id, request.error)
    else:
        log.info("export request %s done in %.1f s", request.id, seconds)
