"""What `deploy/compose.yaml` runs, as processes: one is killed each second, nothing is lost or doubled."""

import asyncio
import hashlib
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.cli.demo.sample_sites import SampleSites
from bot.errors import DingRunError
from bot.models import ExportStatus, Job, JobState, PushStatus, Report, Run, RunStatus
from bot.mongo import Mongo
from bot.wiring.stores import StoreSet, open_stores
from dingtalk_sandbox import Sandbox
from tests import brokers, mongo_server
from tests.scenarios.conftest import GROUP, Chat, settings, until
from tests.scenarios.topology import BOTS, SERVERS, WORKERS, Topology, topology

FULL = os.environ.get("CAMPAIGN") == "full"  # else a sample, for the everyday suite
RUNS = 200 if FULL else 60
REPORTS = RUNS // 2  # each costs most of a second of a core
KILLS = 45 if FULL else 15
ASKED_EVERY = 0.2  # seconds
AFTERWARDS = 400  # seconds at most; the leases of the dead take 50, the rest is for a busy machine
LOOK = 2.0  # seconds
MANY = 10_000  # jobs
OPEN = {JobState.TODO, JobState.DOING}
RUN = re.compile(r"\br[a-z2-7]{10}\b")  # its id


@pytest.fixture
async def services(
    request: pytest.FixtureRequest, sandbox: Sandbox, neighbours: SampleSites, tmp_path: Path
) -> AsyncIterator[Topology]:
    if not request.config.getoption("--mongo"):
        pytest.skip(mongo_server.HOW)
    if not shutil.which("redis-server"):
        pytest.skip(brokers.HOW)
    values = settings(sandbox, neighbours.targets[:1])
    (first,) = values["schedules"]
    values["schedules"] = [first | {"name": f"计划{n}", "export": n < REPORTS} for n in range(RUNS)]
    values["quota"] = {"per_person": 0}  # one person asks for all of them
    async with topology(values, tmp_path) as services:
        yield services


@pytest.fixture
async def stores(services: Topology) -> AsyncIterator[StoreSet]:
    stores = open_stores(services.database)
    yield stores
    await stores.store.close()


async def ask_for_all(chat: Chat, chance: random.Random) -> None:
    """As people do: whoever finds that nobody listens says it again."""
    for number in chance.sample(range(RUNS), RUNS):
        said = {"conversation": GROUP, "user": "user01", "text": f"@DingRun 重跑 计划{number}"}
        while not (await chat.post("say", said))["delivered"]:  # noqa: ASYNC110 - bots are processes
            await asyncio.sleep(ASKED_EVERY)
        await asyncio.sleep(ASKED_EVERY)


async def test_one_process_is_killed_each_second_and_every_run_is_told_once(
    sandbox: Sandbox, chat: Chat, services: Topology, stores: StoreSet
) -> None:
    chance = random.Random(1)  # noqa: S311 - the same kills every time
    await chat.post("settings", {"redeliver_after": 1, "redeliver_limit": 120})
    await until(lambda: chat.opened(2))
    async with asyncio.TaskGroup() as group:
        group.create_task(ask_for_all(chat, chance))
        killing = group.create_task(services.kill_one_each_second(chance, KILLS))
    assert set(killing.result()) == {*BOTS, *WORKERS, *SERVERS}
    await wait_until_settled(services, stores)
    runs = await stores.store.find_runs(limit=0)
    jobs = await stores.store.find_jobs(limit=MANY)
    reports = await stores.store.find_reports(limit=RUNS)
    assert {run.status for run in runs} == {RunStatus.FINISHED}
    assert {run.push_status for run in runs} == {PushStatus.SUCCESS}
    assert {run.export_status for run in runs if run.schedule.export} == {ExportStatus.SUCCESS}
    assert {job.kind for job in jobs if job.state is JobState.DEAD} <= {"export_request"}  # asked for anew
    assert told(sandbox) == dict.fromkeys((run.id for run in runs), 1)
    assert {report.run_id for report in reports} == wanted(runs)
    assert await archived(services, stores, reports) == []
    assert misdelivered(sandbox, wanted(runs), jobs) == []
    assert await services.stop() == dict.fromkeys((*BOTS, *WORKERS), 0)


async def wait_until_settled(services: Topology, stores: StoreSet) -> None:
    try:
        async with asyncio.timeout(AFTERWARDS):
            while await unsettled(stores):  # noqa: ASYNC110 - the others are processes
                await asyncio.sleep(LOOK)
    except TimeoutError:
        left = await unsettled(stores)
        raise AssertionError("\n".join([*left, services.last_words()])) from None


async def unsettled(stores: StoreSet) -> list[str]:
    """Of what is not over, some: jobs, runs, and what a run says of its report and its push."""
    try:
        if jobs := await stores.store.find_jobs(states=OPEN, limit=20):
            return [str(job) for job in jobs]
        runs = await stores.store.find_runs(limit=0)
    except DingRunError as error:  # the database was the last to die
        return [str(error)]
    if len(runs) < RUNS:
        return [f"{len(runs)} runs of {RUNS}"]
    return [str(run) for run in runs if not is_over(run)]


def is_over(run: Run) -> bool:
    exported = run.export_status not in {ExportStatus.PENDING, ExportStatus.RUNNING}
    return run.status is not RunStatus.RUNNING and run.push_status is not PushStatus.PENDING and exported


def wanted(runs: Sequence[Run]) -> set[str]:
    """The runs that were to have a report."""
    return {run.id for run in runs if run.schedule.export}


def told(sandbox: Sandbox) -> Counter[str]:
    """How many of the messages that people see tell of a run, its own card or one that it shares."""
    world = sandbox.state
    texts = [
        str(world.cards[each.out_track_id].public)
        for each in world.conversations.messages(GROUP)
        if each.out_track_id
    ]
    return Counter(run for text in texts for run in {*RUN.findall(text)})


async def archived(services: Topology, stores: StoreSet, reports: Sequence[Report]) -> list[str]:
    """What is wrong with the files in the archive: each report as it was recorded, and nothing else."""
    mongo = Mongo(services.database)
    there = {str(file["_id"]) for file in await mongo.collection("files.files").find({}, fields=["length"])}
    await mongo.close()
    wrong = [*there ^ {report.path for report in reports}]
    for report in reports:
        assert stores.archive is not None
        digest = hashlib.sha256()
        async for piece in stores.archive.read(report.path):
            digest.update(piece)
        wrong += [] if digest.hexdigest() == report.sha256 else [report.path]
    return wrong


def misdelivered(sandbox: Sandbox, runs: set[str], jobs: Sequence[Job]) -> list[str]:
    """Reports that came twice, or uncalled for, or not at all while nobody says that it is unsure."""
    files = [each.file_name for each in sandbox.state.conversations.messages(GROUP) if each.kind == "file"]
    came = Counter(name.removesuffix(".xlsx").rpartition("_")[2] for name in files)
    unsure = {job.run_id for job in jobs if job.kind == "file" and job.state is JobState.UNCONFIRMED}
    return [run for run in came if came[run] > 1 or run not in runs] + [*runs - came.keys() - unsure]
