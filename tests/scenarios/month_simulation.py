"""A month of runs on a month's calls: the core and the real messengers against the sandbox, on one clock."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bot.messengers.dingtalk.auth import Tokens
from bot.messengers.dingtalk.rate_limiter import RateLimiter
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.webhook import WebhookMessenger
from bot.models import Destination, DestinationKind, QuotaKind, Run, Trigger
from bot.quota.budget import Budget, month_of
from bot.runs.lifecycle import TriggerRequest
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.store import SqliteStore
from dingtalk_sandbox import Sandbox
from tests.conftest import CoreHarness
from tests.factories import make_message, make_robot, make_sandbox_app, make_schedule
from tests.fakes import FakeClock

GROUP = "cidSandboxGroupOps=="
FIRST = datetime(2026, 11, 30, 16, 0, 5, tzinfo=UTC)  # December has begun in China
DAYS = 31
TALK = 20  # runs per thing that a person says
SPAN = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How busy, and how many calls there are."""

    runs_per_day: int = 200
    api: int = 5_000
    stream_webhook: int = 3_000

    @property
    def limits(self) -> Mapping[str, int]:
        return {"api_limit": self.api, "stream_limit": self.stream_webhook}

    @property
    def budget(self) -> Budget:
        return Budget(limits={QuotaKind.API: self.api, QuotaKind.STREAM: self.stream_webhook})


@dataclass(kw_only=True)
class Month:
    """What happened in it."""

    core: CoreHarness
    sandbox: Sandbox
    rate_limiter: RateLimiter
    clock: FakeClock

    async def live(self, scale: Scale) -> list[Run]:
        """All runs of the month, and the first night of the next for what was put off; the runs."""
        runs = []
        for number in range(DAYS * scale.runs_per_day):
            runs.append(await self._one(number))
            if number % TALK == 0:
                await self._talk()
            self.clock.turn(seconds=SPAN.total_seconds() / scale.runs_per_day)
        for _ in range(12):
            self.clock.turn(seconds=3_600)
            await self.core.do_jobs()
        return runs

    async def _one(self, number: int) -> Run:
        cause = TriggerRequest(idempotency_key=f"cron:{number}", trigger=Trigger.CRON)
        run = await self.core.runs.trigger(self.core.schedule, cause)
        await self.core.do_jobs()
        await self.core.finish()
        return run

    async def _talk(self) -> None:
        """Somebody says something, which DingTalk counts, and is answered for nothing."""
        app = self.sandbox.state.scenario.apps[0]
        hook, _ = self.sandbox.state.open_session(GROUP, app)
        await self.core.hear(make_message("状态", conversation_id=GROUP, session_webhook=hook))
        await self.rate_limiter.count_inbound()

    async def untold(self, runs: list[Run]) -> list[str]:
        """The runs that no message in the group tells of."""
        texts = " ".join(
            f"{each.content}{each.out_track_id}" for each in self.sandbox.state.conversations.messages(GROUP)
        )
        texts += " ".join(str(card.public) for card in self.sandbox.state.cards.values())
        return [run.id for run in runs if run.id not in texts]

    def refused(self) -> Mapping[str, int]:
        """What DingTalk refused, by endpoint."""
        return dict(self.sandbox.state.error_counts)

    def counted(self) -> Mapping[str, int]:
        """What DingTalk has counted in the month that is over."""
        return dict(self.sandbox.state.monthly_usage[month_of(FIRST)])


@asynccontextmanager
async def month(folder: Path, scale: Scale, *, beside: bool) -> AsyncIterator[Month]:
    async with AsyncExitStack() as stack:
        clock = FakeClock(FIRST)
        scene = {"settings": {"qps": 0, **scale.limits}}
        sandbox = await stack.enter_async_context(Sandbox(scenario=scene, clock=clock))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        store = SqliteStore(folder / "d.db")
        await store.open()
        stack.push_async_callback(store.close)
        await store.rows("pragma synchronous=off")  # nothing is killed in this month
        core = CoreHarness(store=store, clock=clock, folder=folder / "reports", budget=scale.budget)
        rate_limiter = wire(core, sandbox, session, scale)
        group, robot = Destination.parse(f"group:{GROUP}"), Destination.parse("webhook:default")
        core.fallback_webhooks = {str(group): robot} if beside else {}
        core.schedule = make_schedule(notify_enable=True, send_to=(group,))
        core.build()
        yield Month(core=core, sandbox=sandbox, rate_limiter=rate_limiter, clock=clock)


def wire(core: CoreHarness, sandbox: Sandbox, session: aiohttp.ClientSession, scale: Scale) -> RateLimiter:
    clock, app = core.clock, make_sandbox_app(sandbox.url)

    async def sleep(seconds: float) -> None:
        clock.turn(seconds=seconds)

    limiter = RateLimiter(SqliteQuotaStore(core.store), scale.budget, clock=clock, sleep=sleep)
    openapi: Any = OpenApiMessenger(
        session, app, Tokens(session, app, clock), clock=clock, rate_limiter=limiter
    )
    robots = {"default": make_robot()}
    webhook = WebhookMessenger(session, robots, clock=clock, base=sandbox.url, rate_limiter=limiter)
    core.messenger, core.reached = openapi, {DestinationKind.WEBHOOK: webhook}
    return limiter


async def booked(case: Month) -> Mapping[str, int]:
    """What we have booked of the month that is over."""
    return await SqliteQuotaStore(case.core.store).usage(month_of(FIRST))
