"""Bots on one store whose clocks differ by 30 s: nothing is done twice because of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.engines.embedded.engine import EmbeddedEngine
from bot.engines.embedded.probes import TASK_LEASE
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import MAX_CLOCK_SKEW, JobState, RunStatus, TaskStatus
from bot.runs.scheduler import SchedulePolicy, Scheduler
from bot.runs.watcher import Watcher
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from bot.wiring.stores import clock_skew
from tests.conftest import ZONE, CoreHarness
from tests.engines.conftest import LIMITS
from tests.factories import make_job, make_schedule, make_task
from tests.fakes import FakeClock

SKEW = 30.0
EITHER_WAY = pytest.mark.parametrize("ahead", [SKEW, -SKEW])


class Bot:
    """A bot with a clock of its own, whose acts begin and then last until a test lets them go."""

    def __init__(self, store: SqliteStore, owner: str, *, ahead: float = 0) -> None:
        self.clock = FakeClock()
        self.clock.turn(seconds=ahead)
        self.acts, self.started, self.go = 0, asyncio.Event(), asyncio.Event()
        self.jobs = Jobs(store, clock=self.clock, owner=owner, skew=MAX_CLOCK_SKEW)
        self.jobs.register({"work": JobKind(run=self.act)})

    async def act(self, claim: Claim) -> Result:
        self.acts += 1
        self.started.set()
        await self.go.wait()
        return {}


def turn(*bots: Bot, seconds: float) -> None:
    for bot in bots:
        bot.clock.turn(seconds=seconds)


@EITHER_WAY
async def test_a_job_under_way_is_not_taken_by_a_bot_whose_clock_differs(
    store: SqliteStore, ahead: float
) -> None:
    one, other = Bot(store, "one"), Bot(store, "other", ahead=ahead)
    other.go.set()
    await one.jobs.add(make_job(kind="work"))
    doing = asyncio.create_task(one.jobs.run_due(["work"]))
    await one.started.wait()
    turn(one, other, seconds=3.4)  # its next heartbeat is due
    await other.jobs.run_due(["work"])
    one.go.set()
    await doing
    (job,) = await store.find_jobs(kind="work")
    assert (one.acts, other.acts, job.state) == (1, 0, JobState.DONE)


@EITHER_WAY
async def test_a_job_of_a_bot_that_died_comes_back_to_one_whose_clock_differs(
    store: SqliteStore, ahead: float
) -> None:
    one, other = Bot(store, "one"), Bot(store, "other", ahead=ahead)
    other.go.set()
    await one.jobs.add(make_job(kind="work"))
    dying = asyncio.create_task(one.jobs.run_due(["work"]))
    await one.started.wait()
    turn(one, other, seconds=10 + 2 * SKEW)
    await other.jobs.run_due(["work"])
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert other.acts == 1


async def test_a_job_that_is_given_back_is_free_by_every_clock(store: SqliteStore) -> None:
    ahead, other = Bot(store, "ahead", ahead=SKEW), Bot(store, "other")
    other.go.set()
    await other.jobs.add(make_job(kind="work"))
    stopped = asyncio.create_task(ahead.jobs.run_due(["work"]))
    await ahead.started.wait()
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    await other.jobs.run_due(["work"])
    assert other.acts == 1


async def test_a_schedule_fires_once_each_time(core: CoreHarness) -> None:
    core.engine.known[:] = [make_schedule(cron="*/2 * * * *")]
    timetable = SchedulePolicy(zone=ZONE)
    bots = [Scheduler(core.store, core.engine, core.runs, policy=timetable) for _ in range(2)]
    start = datetime(2026, 11, 24, 3, 0, 1, tzinfo=UTC)
    fired = 0
    for second in range(0, 20 * 60 + 60, 5):
        now = start + timedelta(seconds=second)
        fired += await bots[0].tick(now) + await bots[1].tick(now + timedelta(seconds=SKEW))
    assert fired == len(await core.store.find_runs(limit=0)) == 10


async def test_two_watchers_end_a_run_once_and_it_never_ends_before_it_began(core: CoreHarness) -> None:
    run = await core.trigger()
    core.engine.end_all()
    behind = FakeClock(core.clock() - timedelta(seconds=SKEW))
    other = CoreHarness(store=core.store, clock=behind, folder=core.folder, engine=core.engine)
    watchers: list[Watcher] = [core.watcher, other.watcher]
    await asyncio.gather(*(watcher.tick() for watcher in watchers))
    await core.do_jobs()
    await other.do_jobs()
    ended = await core.run(run.id)
    assert (ended.status, ended.end_time) == (RunStatus.FINISHED, ended.start_time)
    assert core.messenger.verbs() + other.messenger.verbs() == ["card", "upload", "file"]


async def test_a_gate_lets_no_more_pass_than_the_skew_explains(store: SqliteStore) -> None:
    ledger, span, places = SqliteQuotaStore(store), timedelta(seconds=65), 20
    start, passed = FakeClock()(), []
    for second in range(300):
        for ahead in (0.0, SKEW):
            now = start + timedelta(seconds=second + ahead)
            tries = [await ledger.acquire("robot", places, now, span) for _ in range(3)]
            passed += [second] * tries.count(None)
    window = span.total_seconds() - SKEW
    assert max(len([at for at in passed if first <= at < first + window]) for first in passed) <= places
    assert len(passed) >= 300 / span.total_seconds() * places - places


@EITHER_WAY
async def test_a_task_under_way_is_not_taken_and_one_given_back_is_free(
    store: SqliteStore, ahead: float
) -> None:
    tasks, one, other = SqliteTaskStore(store), FakeClock(), FakeClock()
    limits = replace(LIMITS, lease=TASK_LEASE + MAX_CLOCK_SKEW)
    other.turn(seconds=ahead)
    engines = [
        EmbeddedEngine((), tasks, limits=limits, clock=clock, owner=owner)
        for clock, owner in ((one, "one"), (other, "other"))
    ]
    await tasks.add_tasks([make_task(id="t", status=TaskStatus.WAITING)])
    task = await tasks.claim_task("one", one(), engines[0]._lease_end())
    assert task is not None
    assert await tasks.claim_task("other", other(), engines[1]._lease_end()) is None
    await engines[0]._give_back(task)
    assert await tasks.claim_task("other", other(), engines[1]._lease_end()) is not None


@pytest.mark.parametrize(
    ("url", "skew"), [("sqlite:///d.db", timedelta()), ("mongodb://a,b/dingrun", timedelta(seconds=30))]
)
def test_bots_on_one_file_share_a_clock(url: str, skew: timedelta) -> None:
    assert clock_skew(url) == skew
