"""A worker claims one export request, sends heartbeats and saves the outcome."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot import __version__
from bot.cli import worker
from bot.cli.worker import Limits, handle_notification, is_alive, run_worker
from bot.config.settings import Settings
from bot.errors import ConfigError, TemporaryError
from bot.exporters.celery.requests import KIND, new_request
from bot.models import Findings, Job, JobState
from bot.ports import ReportInput
from bot.runtime import utc_now
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.exporters import build_broker
from bot.wiring.stores import open_stores
from tests.fakes import FakeExporter
from tests.worker_harness import WorkerHarness


class SlowPen(FakeExporter):
    """Writes no line before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may, self.begun = asyncio.Event(), asyncio.Event()

    async def export(self, story: ReportInput, path: Path) -> Findings:
        self.begun.set()
        await self.may.wait()
        return await super().export(story, path)


@pytest.fixture
async def workshop(store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerHarness:
    monkeypatch.setattr(worker, "HEARTBEAT_INTERVAL_SECONDS", 0.01)
    workshop = WorkerHarness(store, tmp_path / "reports", local_exporter=SlowPen())
    await workshop.report_input()
    return workshop


async def begun(workshop: WorkerHarness) -> "asyncio.Future[bool]":
    """Return a worker in the middle of a request."""
    making = asyncio.ensure_future(workshop.worker().run_next())
    assert isinstance(workshop.local_exporter, SlowPen)
    await workshop.local_exporter.begun.wait()
    return making


def let_go(workshop: WorkerHarness) -> None:
    assert isinstance(workshop.local_exporter, SlowPen)
    workshop.local_exporter.may.set()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 - the worker's own beat
        await asyncio.sleep(0.01)


async def the(workshop: WorkerHarness) -> Job:
    (order,) = await workshop.requests()
    return order


async def test_without_a_request_a_notification_does_nothing(workshop: WorkerHarness) -> None:
    assert not await workshop.worker().run_next()


async def test_a_lease_stays_alive_while_a_worker_works(workshop: WorkerHarness) -> None:
    await workshop.add_old_request()
    making = await begun(workshop)
    first = (await the(workshop)).lease_until

    async def later() -> bool:
        now = (await the(workshop)).lease_until
        return bool(first and now and now > first)

    await until(later)
    let_go(workshop)
    assert await making
    assert (await the(workshop)).state is JobState.DONE


async def test_the_progress_is_saved_in_the_request(workshop: WorkerHarness) -> None:
    await workshop.add_old_request()
    making = await begun(workshop)
    workshop.local_exporter.under_way["r1"] = 700  # type: ignore[attr-defined]

    async def told() -> bool:
        return (await the(workshop)).result == {"taken": 700}

    await until(told)
    let_go(workshop)
    await making


async def test_a_worker_that_lost_its_lease_stops_and_leaves_no_file(
    workshop: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await workshop.add_old_request()
    making = await begun(workshop)
    later = utc_now() + timedelta(hours=1)
    assert await workshop.store.claim_job([KIND], "other", later, later + timedelta(hours=1))
    await making
    assert ((await the(workshop)).owner, (await the(workshop)).state) == ("other", JobState.DOING)
    assert "was taken over" in caplog.text
    assert [*workshop.folder.glob("*/*")] == []


async def test_a_worker_survives_a_short_outage_of_the_store(
    workshop: WorkerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await workshop.add_old_request()
    making = await begun(workshop)
    with monkeypatch.context() as patched:
        patched.setattr(workshop.store, "save_job", _away)
        while "lease not renewed" not in caplog.text:  # noqa: ASYNC110 - the worker's own beat
            await asyncio.sleep(0.01)
    let_go(workshop)
    await making
    assert (await the(workshop)).state is JobState.DONE


async def _away(job: Job) -> bool:
    raise TemporaryError("the store is away")


async def test_an_export_is_cancelled_after_the_time_limit(workshop: WorkerHarness) -> None:
    await workshop.add_old_request()
    workshop.limits = Limits(lease=timedelta(seconds=10), seconds=0.05)
    await workshop.worker().run_next()
    order = await the(workshop)
    assert order.error == "timed out after exporter.time_limit (0.05 s)"


async def test_an_unexpected_error_ends_the_request(
    workshop: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(report_input: ReportInput, path: Path) -> Findings:
        raise ZeroDivisionError

    workshop.local_exporter.export = broken  # type: ignore[method-assign]
    await workshop.add_old_request()
    assert await workshop.worker().run_next()
    order = await the(workshop)
    assert order.state.ended
    assert "see the log of the worker (ZeroDivisionError)" in order.error
    assert not order.result["for_good"]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "place",
    ["../x.part", "/etc/x.part", "2026-11-24/../../x.part", "2026-11-24/x.xlsx", "x.part", "", 7, None],
)
async def test_a_path_outside_of_the_folder_is_rejected(workshop: WorkerHarness, place: object) -> None:
    await workshop.add_old_request(payload={"place": place, "version": __version__})
    let_go(workshop)
    await workshop.worker().run_next()
    assert "outside of reports.dir" in (await the(workshop)).error
    assert list(workshop.folder.parent.rglob("*.part")) == []


async def test_a_request_with_a_path_outside_is_not_waited_for(workshop: WorkerHarness) -> None:
    await workshop.add_old_request(payload={"place": "../x.part", "version": __version__})
    let_go(workshop)
    story = ReportInput(run=(await workshop.store.find_runs())[0])
    exporting = asyncio.create_task(workshop.exporter().export(story, workshop.path()))
    while len(await workshop.requests()) < 2:  # noqa: ASYNC110 - the exporter's own beat
        await asyncio.sleep(0.01)
    workshop.notify()  # of two workers one takes the foreign order
    assert (await exporting).rows == 3


async def test_an_unknown_run_is_rejected_permanently(workshop: WorkerHarness) -> None:
    await workshop.add_old_request(run_id="unknown")
    await workshop.worker().run_next()
    assert "not in the store" in (await the(workshop)).error
    assert (await the(workshop)).result["for_good"]


async def test_another_version_is_rejected_in_the_log_of_the_worker(
    workshop: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await workshop.add_old_request(payload={"place": "2026-11-24/x.part", "version": "9.9.9"})
    await workshop.worker().run_next()
    assert "the bot is DingRun 9.9.9, the worker worker is" in caplog.text
    assert "run the same on both" in caplog.text


def settings(folder: Path, **exporter: object) -> Settings:
    return Settings.model_validate({
        "store": {"url": f"sqlite:///{folder}/d.db"},
        "reports": {"dir": str(folder / "reports")},
        "exporter": {"kind": "celery", "broker_url": "redis://127.0.0.1:9/0", **exporter},
    })


def prepare(folder: Path) -> None:
    """Return a store with a request for a finished run."""

    async def fill() -> None:
        store = open_stores(f"sqlite:///{folder}/d.db").store
        await store.open()
        workshop = WorkerHarness(store, folder / "reports")
        await workshop.report_input()
        await store.add_job(new_request("r1", "r1.a", "2026-11-24/r1.a.part", utc_now()))
        await store.close()

    asyncio.run(fill())


def test_a_notification_is_handled_from_the_settings_alone(tmp_path: Path) -> None:
    prepare(tmp_path)
    handle_notification(settings(tmp_path))
    assert (tmp_path / "reports/2026-11-24/r1.a.part").read_bytes().startswith(b"PK")


def test_a_notification_without_a_store_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "d.db").write_text("no database at all, " * 99)
    handle_notification(settings(tmp_path))
    assert "notification not handled: store.url" in caplog.text


def test_an_unexpected_error_leaves_the_worker_for_the_next_notification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(settings: Settings) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(worker, "_run_one", broken)
    handle_notification(settings(tmp_path))
    assert "RuntimeError: a mistake of ours" in caplog.text


async def test_an_unexpected_error_of_the_heartbeat_cancels_nothing(
    workshop: WorkerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(job: Job) -> bool:
        raise RuntimeError("a mistake of ours")

    await workshop.add_old_request()
    making = await begun(workshop)
    with monkeypatch.context() as patched:
        patched.setattr(workshop.store, "save_job", broken)
        while "export lease" not in caplog.text:  # noqa: ASYNC110 - the worker's own beat
            await asyncio.sleep(0.01)
    let_go(workshop)
    await making
    assert (await the(workshop)).state is JobState.DONE


class ServingBroker:
    """Stands in for the broker: a worker that beats once and stops, with a look at `--ping` in between."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.seen = settings, [is_alive(settings)]

    def serve(self, handle: Callable[[], None], *, heartbeat: Callable[[], None], concurrency: int) -> int:
        heartbeat()
        self.seen.append(is_alive(self.settings))
        return 0


def test_a_living_worker_is_seen_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broker = ServingBroker(settings(tmp_path))
    monkeypatch.setattr(worker, "build_broker", lambda _: broker)
    assert run_worker(broker.settings, concurrency=1) == 0
    assert [*broker.seen, is_alive(broker.settings)] == [False, True, False]


def test_a_worker_survives_without_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*args: object) -> None:
        raise RuntimeError("the store is away")

    broker = ServingBroker(settings(tmp_path))
    monkeypatch.setattr(worker, "build_broker", lambda _: broker)
    monkeypatch.setattr(worker, "_save_heartbeat", away)
    assert run_worker(broker.settings, concurrency=1) == 0


def test_a_worker_needs_celery(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"exporter\.kind"):
        build_broker(settings(tmp_path, kind="local"))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bot.exporters.celery.broker", raising=False)
    monkeypatch.setitem(sys.modules, "celery", None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[celery\]'"):
        build_broker(settings(tmp_path))


def test_a_worker_does_not_start_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ConfigError, match=r"reports\.dir"):
        run_worker(settings(tmp_path), concurrency=1)
