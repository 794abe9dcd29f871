"""No step of a loop ends the service: it is logged, counted, and the loop goes on."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from bot.app import App
from bot.config.loader import Settings
from bot.delivery.incidents.monitor import IncidentMonitor
from bot.delivery.reconcile import Reconciler
from bot.engines.embedded.engine import EmbeddedEngine
from bot.errors import ConfigError, PermanentError, TemporaryError
from bot.jobs.queue import Jobs
from bot.messengers.dingtalk.stream import StreamConnection
from bot.quota.governor import Governor
from bot.reports.exports import ReportExports
from bot.reports.repository import Reports
from bot.runs.discovery import RunDiscovery
from bot.runs.scheduler import Scheduler
from bot.runs.watcher import Watcher
from bot.stores.sqlite.tasks import SqliteTaskStore
from bot.telemetry.loops import LoopErrors, counting_errors, keep_alive, loop_item, measure_lag
from bot.web.server import WebServer
from tests.brokers import free_port

FAST = 0.001  # seconds


class Fault:
    """Stands in for a step: raises `RuntimeError` twice, then does as before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
        self._real, self.calls, self.survived = getattr(place, name), 0, asyncio.Event()
        fault = self

        async def step(*args: Any, **options: Any) -> Any:
            fault.calls += 1
            if fault.calls <= 2:
                raise RuntimeError(f"fault {fault.calls}")
            fault.survived.set()
            return await fault._real(*args, **options)

        monkeypatch.setattr(place, name, step)


@asynccontextmanager
async def running(folder: Path, *, web: bool = False) -> AsyncIterator[App]:
    """The service with its loops; it must still run at the end."""
    base = "http://127.0.0.1:1"  # nobody is there: the Stream never opens
    settings = Settings.model_validate({
        "store": {"url": f"sqlite:///{folder}/d.db"},
        "reports": {"dir": str(folder / "reports")},
        "DINGDING": {"APP_KEY": "k", "APP_SECRET": "secret-of-k", "OPENAPI_BASE": base, "OAPI_BASE": base},
        "web": {"port": free_port() if web else 0},
    })
    stop = asyncio.Event()
    async with App(settings) as app:
        service = asyncio.create_task(app.run(stop))
        async with asyncio.timeout(20):
            yield app
        assert not service.done()
        stop.set()
        await service


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = (
        "app.HOUSEKEEPING_INTERVAL_SECONDS",
        "app.DISCOVERY_INTERVAL_SECONDS",
        "app.WATCH_INTERVAL_SECONDS",
        "app.INCIDENT_INTERVAL_SECONDS",
        "runs.scheduler.TICK_SECONDS",
        "jobs.pool.POLL_INTERVAL_SECONDS",
        "jobs.pool.BUSY_INTERVAL_SECONDS",
        "runs.watcher.IDLE_INTERVAL_SECONDS",
    )
    for name in pauses:
        monkeypatch.setattr(f"bot.{name}", FAST)
    monkeypatch.setattr("bot.engines.embedded.engine.POLL_SECONDS", FAST)
    monkeypatch.setattr("bot.telemetry.loops.RESTART_SECONDS", FAST)
    monkeypatch.setattr("bot.messengers.dingtalk.stream.MAX_BACKOFF_SECONDS", FAST)


@pytest.mark.parametrize(
    ("place", "step", "loop"),
    [
        (SqliteTaskStore, "claim_task", "engine"),
        (EmbeddedEngine, "run", "engine"),
        (Jobs, "claim", "pool "),
        (Jobs, "run", "jobs"),
        (Watcher, "tick", "watcher"),
        (Watcher, "run", "watcher"),
        (Scheduler, "tick", "scheduler"),
        (Scheduler, "run", "scheduler"),
        (RunDiscovery, "poll", "discovery"),
        (RunDiscovery, "run", "discovery"),
        (Reconciler, "run", "housekeeping"),
        (IncidentMonitor, "check", "incidents"),
        (IncidentMonitor, "run", "incidents"),
        (Reports, "purge_expired", "housekeeping: purge expired reports"),
        (Governor, "warnings", "housekeeping: check the quota"),
        (ReportExports, "stalled_exports", "housekeeping: check for stalled exports"),
        (App, "alert_engine_warnings", "housekeeping: check the engine"),
        (StreamConnection, "ticket", "stream"),
        (StreamConnection, "run", "stream"),
        (WebServer, "serve", "web"),
    ],
)
async def test_every_loop_goes_on_after_a_mistake_of_ours(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    step: str,
    loop: str,
) -> None:
    monkeypatch.setattr(EmbeddedEngine, "has_own_scheduler", loop == "discovery")
    fault = Fault(monkeypatch, place, step)
    async with running(tmp_path, web=loop == "web") as app:
        await fault.survived.wait()
        counted = generate_latest(app._metrics._registry).decode()
    assert f'dingrun_loop_errors_total{{loop="{loop}' in counted


async def test_a_step_of_housekeeping_that_fails_keeps_no_other_from_being_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Reconciler, "run", broken)
    last = Fault(monkeypatch, App, "alert_engine_warnings")
    async with running(tmp_path):
        await last.survived.wait()


async def test_the_delay_of_the_event_loop_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.telemetry.loops.LAG_INTERVAL_SECONDS", 0.0)
    lags: asyncio.Queue[float] = asyncio.Queue()
    measuring = asyncio.create_task(measure_lag(lags.put_nowait))
    await asyncio.sleep(0)
    time.sleep(0.02)  # noqa: ASYNC251 - what blocks the loop
    assert await lags.get() >= 0.02
    measuring.cancel()


async def test_a_wrong_setting_still_ends_the_service() -> None:
    async def wrong() -> None:
        raise ConfigError("web.port: 80 is taken")

    with pytest.raises(ConfigError):
        await keep_alive("web", wrong)


async def test_a_cancellation_that_nobody_asked_for_ends_no_loop() -> None:
    starts = 0

    async def run() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone

    await keep_alive("watcher", run)
    assert starts == 2


async def test_a_stop_ends_a_loop_at_once() -> None:
    living = asyncio.create_task(keep_alive("watcher", asyncio.Event().wait))
    await asyncio.sleep(0)
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await living


def test_what_stays_wrong_has_one_traceback(caplog: pytest.LogCaptureFixture) -> None:
    errors = LoopErrors()
    for error in (RuntimeError("a"), RuntimeError("a"), RuntimeError("b"), TemporaryError("away")):
        errors.report("watcher", error)
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, True, False]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 3 + [logging.WARNING]


def test_one_bad_item_does_not_stand_in_the_way_but_a_store_that_is_away_ends_the_step() -> None:
    counted: list[str] = []
    with counting_errors(counted.append):
        for odd in (KeyError(), PermanentError("the store refuses this run")):
            with loop_item("watcher"):
                raise odd
        with pytest.raises(TemporaryError), loop_item("watcher"):
            raise TemporaryError("away")
    assert counted == ["watcher"] * 2
