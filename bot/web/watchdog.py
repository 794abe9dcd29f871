"""Ping an outer guard, such as healthchecks.io, while the service is useful. It notices when pings end."""

import asyncio
import logging
from collections.abc import Callable

import aiohttp

from bot.errors import TemporaryError
from bot.telemetry.loops import loop_step

log = logging.getLogger(__name__)

PING_TIMEOUT = aiohttp.ClientTimeout(total=10)
MAX_BODY_LENGTH = 1_000


async def ping(session: aiohttp.ClientSession, url: str, problem: str = "") -> None:
    """Ping a URL, or with `/fail` and the problem as its body (healthchecks.io/docs/http_api).

    Raises `TemporaryError` if the guard does not take it. Its text never has the URL, which is a secret.
    """
    base, mark, query = url.partition("?")
    if problem:
        url = f"{base.rstrip('/')}/fail{mark}{query}"
    try:
        async with session.post(url, data=problem[:MAX_BODY_LENGTH].encode(), timeout=PING_TIMEOUT) as answer:
            if not answer.ok:
                raise TemporaryError(f"the guard answered {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise TemporaryError(f"the guard cannot be reached: {type(error).__name__}") from None


class Watchdog:
    """Pings at an interval. `find_problem` returns why the service is of no use now, or ""."""

    def __init__(self, url: str, find_problem: Callable[[], str]) -> None:
        self._url = url
        self._find_problem = find_problem

    async def run(self, interval_seconds: float) -> None:
        """Ping until cancelled."""
        async with aiohttp.ClientSession() as session:
            while True:
                with loop_step("watchdog"):
                    await ping(session, self._url, self._find_problem())
                await asyncio.sleep(interval_seconds)
