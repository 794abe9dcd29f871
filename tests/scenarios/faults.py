"""Points at which a process may die or an answer may be wrong, found by passing them, not by hand."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.client_reqrep import ConnectionKey

WRITES = (
    "add_run",
    "update_run",
    "add_job",
    "claim_job",
    "save_job",
    "make_jobs_due",
    "mark_replaced",
    "save_report",
    "remember",
    "change",  # of the audit and the reservations
)
BOOKINGS = ("book", "acquire", "block_until")
DINGTALK = ConnectionKey("api.dingtalk.com", 443, True, True, None, None, None)
HUGE = 2 * 1024 * 1024  # bytes

ANSWERS: Mapping[str, tuple[int, bytes]] = {
    "throttled": (403, b'{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi","errcode":90018}'),
    "busy": (500, b'{"code":"system.busy","errcode":-1}'),
    "old token": (400, b'{"code":"InvalidAuthentication","errcode":40014}'),
    "no more this month": (403, b'{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg","errcode":90020}'),
    "no scope": (403, b'{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","errcode":60011}'),
    "audited": (400, b'{"code":"contain.notAllowed.text","errcode":430102}'),
    "banned": (403, b'{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"u"}'),
    "a page": (403, b"<html><body>punished</body></html>"),
    "nothing said": (200, b"{}"),
    "no JSON": (200, b"\xff\x00{"),
    "huge": (200, b" " * HUGE),
}
"""What DingTalk, or something in between, may answer instead. The request never gets there."""

FOR_GOOD = frozenset({"no scope", "audited"})


class Killed(BaseException):
    """The process is gone: nothing after this runs."""


@dataclass
class Fault:
    """What happens at which point: the process dies (`kill`), an answer is `lost`, or another one comes."""

    at: int = -1
    kind: str = "kill"
    points: list[str] = field(default_factory=list)
    chance: random.Random | None = None  # dies now and then instead of at one point
    deaths: int = 0
    dead: bool = False  # DingTalk cannot be reached at all

    def pass_point(self, name: str) -> None:
        self.points.append(name)
        if self.kind == "kill" and (self._is_here or self._by_chance()):
            self.deaths += 1
            raise Killed(name)

    async def give_way(self) -> None:
        """Let another process go on first, if several are at work."""

    def _by_chance(self) -> bool:
        return self.chance is not None and self.chance.random() < 1 / 60

    @property
    def _is_here(self) -> bool:
        return len(self.points) - 1 == self.at

    @property
    def loses_answer(self) -> bool:
        return self.kind == "lost" and self._is_here

    @property
    def answer(self) -> tuple[int, bytes] | None:
        """What is answered here in DingTalk's place."""
        return ANSWERS.get(self.kind) if self._is_here else None


class Faulty:
    """Something with a point before and after each of its writes."""

    def __init__(self, real: object, writes: tuple[str, ...], fault: Fault) -> None:
        self._real = real
        self._writes = writes
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._real, name)
        if name not in self._writes:
            return verb

        async def write(*args: Any, **options: Any) -> Any:
            await self._fault.give_way()
            self._fault.pass_point(f"before {name}")
            result = await verb(*args, **options)
            self._fault.pass_point(f"after {name}")
            return result

        return write


@dataclass
class Said:
    """An answer that nobody sent, as far as it is read."""

    status: int
    body: bytes

    @property
    def content(self) -> "Said":
        return self

    async def read(self, count: int) -> bytes:
        part, self.body = self.body[:count], self.body[count:]
        return part


class FaultySession:
    """A session with a point before each request and after each answer."""

    def __init__(self, session: aiohttp.ClientSession, fault: Fault) -> None:
        self._session = session
        self._fault = fault

    @asynccontextmanager
    async def request(self, method: str, url: str, **options: Any) -> AsyncIterator[Any]:
        name = url.rpartition("/")[2].partition("?")[0]
        await self._fault.give_way()
        self._fault.pass_point(f"before request {name}")
        if self._fault.dead:
            raise aiohttp.ClientConnectorDNSError(DINGTALK, OSError("no route"))
        if self._fault.answer:
            yield Said(*self._fault.answer)
            return
        async with self._session.request(method, url, **options) as answer:
            yield answer
            self._fault.pass_point(f"after request {name}")
            if self._fault.loses_answer:
                raise aiohttp.ServerDisconnectedError
