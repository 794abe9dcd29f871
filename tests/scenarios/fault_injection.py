"""Whole runs with a fault at one point, or with many by chance, and what must hold in the end.

One case is one world: a store in a file, the sandbox over real sockets, the core with the real messengers,
one bot or several on the store. It goes on until a fault, starts again as another process would, and runs
until nothing is left. `python -m benchmarks.campaign` goes through all of them and prints the counts.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bot.chat.permissions import AccessPolicy
from bot.delivery.plan import card_id
from bot.errors import DingRunError
from bot.messengers.dingtalk.auth import Tokens
from bot.messengers.dingtalk.rate_limiter import RateLimiter
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.webhook import WebhookMessenger
from bot.messengers.dingtalk.work_notification import WorkNotificationMessenger
from bot.models import (
    AuditOutcome,
    CustomRobot,
    Destination,
    DestinationKind,
    Job,
    JobState,
    Message,
    Run,
    RunStatus,
    Trigger,
)
from bot.stores.sqlite.audit import SqliteAudit
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from dingtalk_sandbox import Sandbox
from tests.conftest import CoreHarness
from tests.factories import make_message, make_robot, make_sandbox_app, make_schedule
from tests.fakes import FakeClock
from tests.scenarios.faults import ANSWERS, BOOKINGS, FOR_GOOD, WRITES, Fault, Faulty, FaultySession, Killed

GROUP, ROBOT_GROUP = "cidSandboxGroupOps==", "cidSandboxGroupRobot=="
PERSON = "work-user01"
OUT_OF_CALLS = "no more this month"
ROUNDS = 90  # turns of the clock after which a job counts as stuck
SCENE = {
    "groups": [
        {"id": GROUP, "title": "安全运营群", "members": ["user01"], "robots": ["dingsandboxapp"]},
        {"id": ROBOT_GROUP, "title": "机器人群", "members": ["user01"], "robots": []},
    ],
    "custom_robots": [
        {"token": "sandbox-webhook-token", "secret": "SECsandbox0123456789", "group": ROBOT_GROUP}
    ],
    "settings": {"qps": 0},
}
PLACES = tuple(Destination.parse(place) for place in (f"group:{GROUP}", "webhook:default", "work:user01"))


@dataclass(kw_only=True)
class Bot:
    """A process: what it remembers is gone when it dies."""

    core: CoreHarness
    url: str
    session: Any
    robots: dict[str, CustomRobot] = field(default_factory=lambda: {"default": make_robot()})

    def start(self) -> None:
        """As a process starts: nothing is remembered but what the store has."""
        core, app, clock = self.core, make_sandbox_app(self.url), self.core.clock
        tokens = Tokens(self.session, app, clock)
        ledger: Any = core.quota_store
        limiter = RateLimiter(ledger, core.budget, clock=clock, sleep=self.sleep)
        openapi: Any = OpenApiMessenger(self.session, app, tokens, clock=clock, rate_limiter=limiter)
        work = WorkNotificationMessenger(self.session, app, tokens, rate_limiter=limiter, sleep=self.sleep)
        webhook = WebhookMessenger(
            self.session, self.robots, clock=clock, base=self.url, rate_limiter=limiter
        )
        core.messenger = openapi
        core.reached = {DestinationKind.WORK: work, DestinationKind.WEBHOOK: webhook}
        core.build()

    async def sleep(self, seconds: float) -> None:
        self.core.clock.turn(seconds=seconds)

    async def round(self, messages: Sequence[Message]) -> None:
        for message in messages:  # DingTalk says it again until it is acked
            await self.core.intake.receive_message(message)
        await self.core.do_jobs()
        self.core.engine.end_all()
        await self.core.watcher.tick()
        await self.core.do_jobs()
        await self.core.reconciler.run()


@dataclass(kw_only=True)
class World:
    """One case."""

    bots: list[Bot]
    sandbox: Sandbox
    fault: Fault
    asked: int = 1
    choice: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - no secret in it

    @property
    def store(self) -> Any:
        return self.bots[0].core.store

    async def live(self) -> None:
        """Somebody asks for runs; everything that follows is done, through death if need be."""
        hook, _ = self.sandbox.state.open_session(GROUP, self.sandbox.state.scenario.apps[0])
        messages = [
            make_message(f"重跑 计划{number}", conversation_id=GROUP, session_webhook=hook)
            for number in range(self.asked)
        ]
        for _ in range(ROUNDS):
            bot = self.choice.choice(self.bots)
            try:
                await bot.round(messages)
                if await self.quiet():
                    return
            except Killed:
                bot.start()
            except DingRunError:
                pass  # said to DingTalk, or logged: the next round tries again
            bot.core.clock.turn(seconds=61 if self.fault.kind != OUT_OF_CALLS else 1_200)

    async def quiet(self) -> bool:
        jobs, runs = await self.jobs(), await self.runs()
        ended = all(job.state.ended for job in jobs) and len(runs) == self.asked
        return ended and all(run.status is not RunStatus.RUNNING for run in runs)

    async def jobs(self) -> Sequence[Job]:
        found: Sequence[Job] = await self.store.find_jobs(limit=10_000)
        return found

    async def runs(self) -> Sequence[Run]:
        found: Sequence[Run] = await self.store.find_runs(limit=0)
        return found

    def shown(self, place: str, kind: str, run: str) -> int:
        """How many messages of a kind people see of a run."""
        messages = [each for each in self.sandbox.state.conversations.messages(place) if each.kind == kind]
        if kind == "card":
            return sum(each.out_track_id.startswith(run) for each in messages)
        return sum(run in f"{each.content}{each.file_name}" for each in messages)

    async def verdict(self) -> list[str]:
        """What is not as promised; empty when everything is."""
        jobs, runs = await self.jobs(), await self.runs()
        wrong = [] if await self.quiet() else [f"stuck: {[job.id for job in jobs if not job.state.ended]}"]
        wrong += [] if len(runs) == self.asked else [f"{len(runs)} runs"]
        wrong += await self._wrong_audit()
        for run in runs:
            mine = [job for job in jobs if job.run_id == run.id]
            wrong += [f"{what} of {run.id}" for what in self._wrong_with(run, mine)]
        return wrong

    async def _wrong_audit(self) -> list[str]:
        """Each request in the chat has one entry, which names its run, whatever happened on the way."""
        entries = await SqliteAudit(self.store).find_entries(limit=10_000)
        named = {entry.run_id for entry in entries if entry.outcome is AuditOutcome.ACCEPTED}
        asked = {run.id for run in await self.runs() if run.trigger is Trigger.CHAT}
        fine = len(entries) == len(asked) and named == asked
        return [] if fine else [f"audit: {[(entry.id, entry.outcome) for entry in entries]}"]

    def _wrong_with(self, run: Run, jobs: Sequence[Job]) -> Iterator[str]:
        if run.status is not RunStatus.FINISHED:
            yield f"status {run.status}"
        if run.export_status != "success":
            yield f"export {run.export_status}"
        group, robot, person = map(str, PLACES)
        summaries = self.shown(GROUP, "card", run.id) + self._instead(run)
        yield from self._wrong_count("summary", summaries, self._told(jobs, group, ("card", "note")))
        yield from self._wrong_words(run, jobs)
        said = self.shown(ROBOT_GROUP, "markdown", run.id)
        yield from self._wrong_count("webhook message", said, self._told(jobs, robot, ("note",)))
        noticed = self._noticed(run.id, "markdown")
        yield from self._wrong_count("work notification", noticed, self._told(jobs, person, ("note",)))
        files = self.shown(GROUP, "file", run.id)
        yield from self._wrong_count("file", files, self._told(jobs, group, ("file",)))
        sent = self._noticed(run.id, "file")
        yield from self._wrong_count("file at work", sent, self._told(jobs, person, ("file",)))

    def _wrong_words(self, run: Run, jobs: Sequence[Job]) -> Iterator[str]:
        """The card offers to send its file again just when nobody knows whether the file arrived."""
        card = self.sandbox.state.cards.get(card_id(run.id, PLACES[0]))
        if card is None or not card.carriers:
            return
        states = self._told(jobs, str(PLACES[0]), ("file",))
        offers = '"resend"' in card.public["sys_full_json_obj"]
        if offers != (states == {JobState.UNCONFIRMED}) and self.fault.kind != OUT_OF_CALLS:
            yield f"the card of {run.id} {'offers' if offers else 'does not offer'} to send again"

    def _noticed(self, run: str, kind: str) -> int:
        notices = self.sandbox.state.conversations.messages(PERSON)
        mine = [each for each in notices if run in f"{each.content}{each.file_name}"]
        return sum(each.content.get("msgtype") == kind for each in mine)

    def _instead(self, run: Run) -> int:
        """Messages of the robot that stand for a card: they name the run, and are no answer."""
        texts = [
            str(each.content)
            for each in self.sandbox.state.conversations.messages(GROUP)
            if each.kind == "markdown"
        ]
        return sum(run.id in text and "开始重跑" not in text for text in texts)

    def _told(self, jobs: Sequence[Job], place: str, kinds: Sequence[str]) -> set[JobState]:
        mine = [job for job in jobs if job.kind in kinds and job.payload["destination"] == place]
        states = {job.state for job in mine if not job.result.get("fell")}
        left_out = any(job.result.get("skipped") for job in mine)  # and the card says how to get it
        return states | ({JobState.UNCONFIRMED} if left_out and self.fault.kind == OUT_OF_CALLS else set())

    def _wrong_count(self, what: str, count: int, states: set[JobState]) -> Iterator[str]:
        """Exactly one; or none, and it is known that it may be, or surely is, missing."""
        honest = {JobState.UNCONFIRMED} | ({JobState.DEAD} if self.fault.kind in FOR_GOOD else set())
        if count > 1:
            yield f"doubled: {count} times {what}"
        if count == 0 and not states & honest:
            yield f"lost: {what}, {sorted(states)}"
        if count and states & {JobState.DEAD}:
            yield f"shown, and called dead: {what}"


@asynccontextmanager
async def world(folder: Path, fault: Fault, *, bots: int = 1, asked: int = 1) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        clock = FakeClock()
        sandbox = await stack.enter_async_context(Sandbox(scenario=SCENE, clock=clock))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = [await _bot(stack, folder, clock, fault) for _ in range(bots)]
        for bot in made:
            bot.url, bot.session = sandbox.url, FaultySession(session, fault)
            bot.core.engine = made[0].core.engine
            bot.start()
        made[0].core.engine.known[:] = [
            make_schedule(id=f"s{number}", name=f"计划{number}", notify_enable=True, send_to=PLACES)
            for number in range(asked)
        ]
        yield World(bots=made, sandbox=sandbox, fault=fault, asked=asked)


async def _bot(stack: AsyncExitStack, folder: Path, clock: FakeClock, fault: Fault) -> Bot:
    store = SqliteStore(folder / "d.db")
    await store.open()
    await store.rows("pragma synchronous=off")  # the processes that die here take no disk with them
    stack.push_async_callback(store.close)
    faulty: Any = Faulty(store, WRITES, fault)
    ledger: Any = Faulty(SqliteQuotaStore(store), BOOKINGS, fault)
    policy = AccessPolicy(admins=("user01",), conversations=(GROUP,))
    core = CoreHarness(
        store=faulty,
        clock=clock,
        folder=folder / "reports",
        quota_store=ledger,
        per_hour=0,
        access_policy=policy,
    )
    return Bot(core=core, url="", session=None)


async def run_case(folder: Path, fault: Fault, *, bots: int = 1, asked: int = 1, seed: int = 0) -> list[str]:
    """Live through one case; what is wrong in the end."""
    async with world(folder, fault, bots=bots, asked=asked) as case:
        case.choice = random.Random(seed)  # noqa: S311 - no secret in it
        async with asyncio.timeout(60):
            await case.live()
        return await case.verdict()


async def points_of(folder: Path) -> list[str]:
    """Every point that a whole calm run passes."""
    fault = Fault()
    wrong = await run_case(folder, fault)
    if wrong:
        raise AssertionError(wrong)
    return fault.points


def deaths(points: Sequence[str]) -> list[Fault]:
    """A process that dies at each point."""
    return [Fault(at=number) for number in range(len(points))]


def lost_answers(points: Sequence[str]) -> list[Fault]:
    """The answer to each request, lost after DingTalk has done it."""
    after = [number for number, name in enumerate(points) if name.startswith("after request")]
    return [Fault(at=number, kind="lost") for number in after]


def other_answers(points: Sequence[str]) -> list[Fault]:
    """Each request, answered with each family of trouble."""
    before = [number for number, name in enumerate(points) if name.startswith("before request")]
    return [Fault(at=number, kind=kind) for number in before for kind in ANSWERS]


async def go_through(folder: Path, faults: Sequence[Fault]) -> dict[str, list[str]]:
    """What is wrong, by case."""
    wrong = {}
    for number, fault in enumerate(faults):
        found = await run_case(folder / str(number), fault)
        if found:
            name = fault.points[fault.at] if fault.at < len(fault.points) else "not reached"
            wrong[f"{fault.kind} at {fault.at} {name}"] = found
    return wrong
