"""A whole run with a fault at one point, found by enumeration: around every store write and request.

One case is one world: a store in a file, the sandbox over real sockets, the core with the real messenger. It
goes on until the chosen point, fails there, starts again as another process would, and runs until nothing
is left.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bot.dingtalk.openapi import OpenApiMessenger
from bot.dingtalk.token import Tokens
from bot.errors import DingRunError
from bot.models import Destination, JobState, RunStatus
from bot.sandbox import Sandbox
from bot.stores.sqlite import SqliteStore
from tests.conftest import Desk
from tests.factories import make_message, make_sandbox_app, make_schedule
from tests.fakes import FakeClock

GROUP = "cidSandboxGroupOps=="
WRITES = (
    "add_run",
    "update_run",
    "add_job",
    "claim_job",
    "save_job",
    "advance_jobs",
    "save_report",
    "remember",
)
ROUNDS = 60  # turns of the clock after which a job counts as stuck


class Killed(BaseException):
    """The process is gone: nothing after this runs."""


@dataclass
class Fault:
    """What happens at which point: the process dies there (`kill`), or a request's answer is `lost`."""

    at: int = -1
    kind: str = "kill"
    points: list[str] = field(default_factory=list)

    def pass_point(self, name: str) -> None:
        self.points.append(name)
        if self.kind == "kill" and len(self.points) - 1 == self.at:
            raise Killed(name)

    @property
    def loses_answer(self) -> bool:
        return self.kind == "lost" and len(self.points) - 1 == self.at


class FaultyStore:
    """A store with a point before and after each of its writes."""

    def __init__(self, store: SqliteStore, fault: Fault) -> None:
        self._store = store
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if name not in WRITES:
            return verb

        async def write(*args: Any, **options: Any) -> Any:
            self._fault.pass_point(f"before {name}")
            result = await verb(*args, **options)
            self._fault.pass_point(f"after {name}")
            return result

        return write


class FaultySession:
    """A session with a point before each request and after each answer."""

    def __init__(self, session: aiohttp.ClientSession, fault: Fault) -> None:
        self._session = session
        self._fault = fault

    @asynccontextmanager
    async def request(self, method: str, url: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        name = url.rpartition("/")[2].partition("?")[0]
        self._fault.pass_point(f"before request {name}")
        async with self._session.request(method, url, **options) as answer:
            yield answer
            self._fault.pass_point(f"after request {name}")
            if self._fault.loses_answer:
                raise aiohttp.ServerDisconnectedError


@dataclass(kw_only=True)
class World:
    """One case."""

    desk: Desk
    sandbox: Sandbox
    fault: Fault
    session: aiohttp.ClientSession

    def start(self) -> None:
        """As a process starts: nothing is remembered but what the store has."""
        clock = self.desk.clock
        app = make_sandbox_app(self.sandbox.url)
        session: Any = FaultySession(self.session, self.fault)
        messenger: Any = OpenApiMessenger(session, app, Tokens(session, app, clock), clock=clock)
        self.desk.messenger = messenger
        self.desk.build()

    async def live(self) -> None:
        """Somebody asks for a run; everything that follows is done, through death if need be."""
        hook, _ = self.sandbox.world.open_session(GROUP, self.sandbox.world.scene.apps[0])
        message = make_message("重跑", conversation_id=GROUP, session_webhook=hook)
        for _ in range(ROUNDS):
            try:
                await self.desk.intake.on_message(message)  # DingTalk says it again until it is acked
                await self.round()
                if await self.quiet():
                    return
            except Killed:
                self.start()
            except DingRunError:
                pass  # said to DingTalk, or logged: the next round tries again
            self.desk.clock.turn(seconds=61)

    async def round(self) -> None:
        await self.desk.do_jobs()
        self.desk.engine.end_all()
        await self.desk.watcher.tick()
        await self.desk.do_jobs()
        await self.desk.deliver.reconcile()

    async def quiet(self) -> bool:
        jobs = await self.desk.store.find_jobs()
        runs = await self.desk.store.find_runs()
        return all(job.state.ended for job in jobs) and all(
            run.status is not RunStatus.RUNNING for run in runs
        )

    def shown(self, kind: str) -> int:
        return len([m for m in self.sandbox.world.board.of(GROUP) if m.kind == kind])

    async def verdict(self) -> list[str]:
        """What is not as promised; empty when everything is."""
        (run,) = await self.desk.store.find_runs()
        jobs = await self.desk.store.find_jobs()
        unconfirmed = {job.kind for job in jobs if job.state is JobState.UNCONFIRMED}
        dead = [(job.id, job.error) for job in jobs if job.state is JobState.DEAD]
        wrong = {
            f"{self.shown('card')} cards": self.shown("card") != 1,
            f"{self.shown('file')} files": self.shown("file") != 1
            and not (self.shown("file") == 0 and "file" in unconfirmed),
            f"{self.shown('markdown')} answers": self.shown("markdown") != 1
            and not (self.shown("markdown") == 0 and "message" in unconfirmed),
            f"the run is {run.status}": run.status is not RunStatus.FINISHED,
            f"the push is {run.push_status}": run.push_status != "success",
            f"the export is {run.export_status}": run.export_status != "success",
            f"stuck: {[j.id for j in jobs if not j.state.ended]}": not await self.quiet(),
            f"dead: {dead}": bool(dead),
        }
        return [what for what, so in wrong.items() if so]


@asynccontextmanager
async def world(folder: Path, fault: Fault) -> AsyncIterator[World]:
    folder.mkdir(parents=True)  # noqa: ASYNC240 - a test's own folder
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(scene={"settings": {"qps": 0}}))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        store = SqliteStore(folder / "d.db")
        await store.open()
        stack.push_async_callback(store.close)
        faulty: Any = FaultyStore(store, fault)
        desk = Desk(store=faulty, clock=FakeClock(), folder=folder / "reports")
        place = Destination.parse(f"group:{GROUP}")
        desk.engine.known[:] = [make_schedule(notify_enable=True, send_to=(place,))]
        case = World(desk=desk, sandbox=sandbox, fault=fault, session=session)
        case.start()
        yield case


async def run_case(folder: Path, fault: Fault, *, faults: list[dict[str, Any]] | None = None) -> list[str]:
    """Live through one case; what is wrong in the end."""
    async with world(folder, fault) as case:
        if faults:
            case.sandbox.world.faults.replace(faults)
        async with asyncio.timeout(30):
            await case.live()
        return await case.verdict()
