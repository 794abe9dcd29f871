"""Two bots on one store, which watch the parts of the service as `bot.app` does."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from bot.errors import TemporaryError
from bot.messengers.dingtalk.stream import StreamConnection
from bot.models import Destination, QuotaKind
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.wiring.monitoring.operators import build_incident_monitor
from tests.conftest import CoreHarness

BOSS = Destination.parse("user:boss")


@dataclass
class FakeStream:
    """What the monitor knows of a Stream."""

    connected: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: str = ""


class Part:
    """A part of the service that a test can break: `await part()` raises its error while it has one."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def __call__(self, *args: object) -> tuple[()]:
        if self.error:
            raise self.error
        return ()


class Bots:
    """The bots, and the switches of everything that they depend on."""

    def __init__(self, core: CoreHarness, *, owners: str = "ab") -> None:
        self.core, self.stream = core, FakeStream()
        self.engine, self.broker, self.worker = Part(), Part(), Part()
        self.disk: Mapping[str, object] | None = None
        core.operators = core.operators or (BOSS,)
        core.budget = Budget(limits={QuotaKind.API: 1_000})
        core.exporter.depends_on = {"broker": self.broker, "worker": self.worker}
        core.engine.schedules = self.engine  # type: ignore[method-assign]
        core.build()
        self.stream.connected.set()
        streams = {"": cast(StreamConnection, self.stream)}
        self.monitors = [
            build_incident_monitor(
                core.settings(), replace(core.adapters, owner=owner), core.services, streams
            )
            for owner in owners
        ]
        for monitor in self.monitors:
            monitor.probes = [
                replace(each, check=self._check_disk) if each.part == "disk" else each
                for each in monitor.probes
            ]

    async def _check_disk(self, is_open: bool) -> Mapping[str, object] | None:
        return self.disk

    async def pass_minutes(self, minutes: int) -> None:
        """Let every bot check once a minute, and send what is to be sent."""
        for _ in range(minutes):
            self.core.clock.turn(seconds=60)
            for monitor in self.monitors:
                await monitor.check()
            await self.core.do_jobs()

    def told(self) -> list[str]:
        """Return the first lines of what the operator was told."""
        sent = self.core.messenger.sent
        return [what.split("\n")[0] for verb, where, what in sent if (verb, where) == ("note", str(BOSS))]

    async def spend(self, calls: int) -> None:
        quota = SqliteQuotaStore(self.core.store)
        await quota.add_usage(month_of(self.core.clock()), QuotaKind.API, calls)


def away(why: str = "it does not answer") -> TemporaryError:
    return TemporaryError(why)
