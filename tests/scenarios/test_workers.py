"""Workers in processes of their own, over real brokers: killed, without a broker, without a shared folder."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.delivery.plan import jobs_for_finished_run
from bot.exporters.celery.requests import KIND, parse_response
from bot.models import Destination, ExportStatus, Job, JobState, Run, RunStatus, TaskCounts, TaskStatus
from bot.runtime import utc_now
from bot.wiring.stores import StoreSet, open_stores
from dingtalk_sandbox import Sandbox
from tests.brokers import PASSWORD, BrokerServer
from tests.factories import make_run, make_schedule, make_task
from tests.mongo_server import Database
from tests.scenarios.conftest import GROUP, Chat, Service, settings, until

SITES = 100_000  # some seconds of writing


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What bots and workers share."""

    stores: StoreSet
    values: Mapping[str, Any]
    folder: Path

    def process(self, name: str, *words: str, reports: str = "reports") -> Service:
        """A bot, or with `worker` a worker; not started yet."""
        config = self.folder / f"{name}.yaml"
        where = {"store": self.values["reports"]["store"], "dir": str(self.folder / reports)}
        config.write_text(yaml.safe_dump({**self.values, "reports": where}), encoding="utf-8")
        return Service(config, self.folder / f"{name}.log", *words)

    async def ended_run(self, sites: int = 1) -> Run:
        """A run that has ended and whose report is asked for."""
        now = utc_now()
        schedule = make_schedule(notify_enable=True, send_to=(Destination.parse(f"group:{GROUP}"),))
        run = make_run(schedule=schedule, start_time=now - timedelta(minutes=1), task_ids=("t1",))
        await self.stores.store.add_run(run)
        await self.stores.tasks.add_tasks([make_task(id="t1", run_id=run.id, status=TaskStatus.DONE)])
        for first in range(0, sites, 1000):
            names = [f"http://{number:06}.example" for number in range(first, min(first + 1000, sites))]
            await self.stores.tasks.save_assets("t1", "site", {name: {"site": name} for name in names})
        ended = {"status": RunStatus.FINISHED, "end_time": now, "task_counts": TaskCounts(total=1, done=1)}
        done = await self.stores.store.update_run(run.id, ended)
        assert done
        for job in jobs_for_finished_run(done, now):
            await self.stores.store.add_job(job)
        return done

    async def order(self) -> Job | None:
        orders = await self.stores.store.find_jobs(kind=KIND)
        return orders[-1] if orders else None

    async def export_is(self, status: ExportStatus, error: str = "") -> bool:
        (run,) = await self.stores.store.find_runs()
        return run.export_status is status and error in run.export_error

    async def done(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for it; if it does not come, say what everybody said last."""
        try:
            await until(condition)
        except TimeoutError:
            said = [log.read_text(encoding="utf-8")[-3000:] for log in self.folder.glob("*.log")]
            raise AssertionError("\n".join(said)) from None


@asynccontextmanager
async def ground_at(address: str, values: Mapping[str, Any], folder: Path) -> AsyncIterator[Ground]:
    stores = open_stores(address)
    await stores.store.open()
    try:
        yield Ground(stores=stores, values={**values, "store": {"url": address}}, folder=folder)
    finally:
        await stores.store.close()


@pytest.fixture
async def ground(sandbox: Sandbox, redis: BrokerServer, tmp_path: Path) -> AsyncIterator[Ground]:
    values = settings(sandbox, ["127.0.0.1"])
    values |= {"exporter": {"kind": "celery", "broker_url": redis.url}, "reports": {"store": "folder"}}
    async with ground_at(f"sqlite:///{tmp_path}/dingrun.db", values, tmp_path) as ground:
        yield ground


def below(pid: int) -> list[int]:
    """A process and all that it started and that lives."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in below(int(child)))]


async def kill_whole(worker: Service) -> None:
    assert worker.process is not None
    for pid in below(worker.process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await worker.process.wait()


async def at_work(ground: Ground, workers: Sequence[Service]) -> Service:
    """The worker that has taken the order and is not done with it."""

    async def is_taken() -> bool:
        order = await ground.order()
        return bool(order and order.state is JobState.DOING)

    await ground.done(is_taken)
    order = await ground.order()
    assert order is not None
    return next(each for each in workers if is_at(each, order))


def is_at(worker: Service, order: Job) -> bool:
    assert worker.process is not None
    return any(f"-{pid}-" in order.owner for pid in below(worker.process.pid))


async def test_a_worker_that_is_killed_costs_time_and_nothing_else(chat: Chat, ground: Ground) -> None:
    await ground.ended_run(SITES)
    workers = [ground.process(name, "worker") for name in ("w1", "w2")]
    bot = ground.process("bot")
    for each in (*workers, bot):
        await each.start()
    victim = await at_work(ground, workers)
    await kill_whole(victim)
    await ground.done(partial(chat.has, "file", 1))
    orders = await ground.stores.store.find_jobs(kind=KIND)
    assert [(order.attempts, parse_response(order).rows) for order in orders] == [(2, SITES)]
    assert await ground.export_is(ExportStatus.SUCCESS)
    assert len([*(ground.folder / "reports").glob("*/*")]) == 1
    assert len(await chat.messages("card")) == 1
    assert "2 workers" in await bot.command("check")  # a dead one counts until it is silent for long enough
    workers.remove(victim)
    for each in (*workers, bot):
        assert await each.end() == 0
    assert PASSWORD not in "".join(log.read_text(encoding="utf-8") for log in ground.folder.glob("*.log"))


async def test_a_broker_that_is_down_is_told_and_waited_for(
    chat: Chat, sandbox: Sandbox, rabbitmq: BrokerServer, database: Database, tmp_path: Path
) -> None:
    """Bot and worker share a database and no folder."""
    values = settings(sandbox, ["127.0.0.1"])
    values |= {"exporter": {"kind": "celery", "broker_url": rabbitmq.url}, "reports": {"store": "gridfs"}}
    async with ground_at(database.address, values, tmp_path) as ground:
        worker, bot = ground.process("worker", "worker", reports="elsewhere"), ground.process("bot")
        run = await ground.ended_run()
        for each in (worker, bot):
            await each.start()
        await ground.done(partial(ground.export_is, ExportStatus.RUNNING, "does not answer"))
        assert "没有响应" in await chat.say("@DingRun 状态")
        await rabbitmq.start()
        await ground.stores.store.make_jobs_due([f"export:{run.id}"], utc_now())  # sooner than by its waits
        await ground.done(partial(chat.has, "file", 1))
        assert [await each.end() for each in (worker, bot)] == [0, 0]
        assert await ground.export_is(ExportStatus.SUCCESS)
        assert not (tmp_path / "elsewhere").exists()
        assert len([*(tmp_path / "reports").glob("*/*")]) == 1
