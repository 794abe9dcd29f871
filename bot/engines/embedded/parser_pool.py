"""Runs parsers of foreign bytes in threads, each within a time limit."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

Result = TypeVar("Result")

log = logging.getLogger(__name__)

MAX_THREADS = 2
PARSE_SECONDS = 2.0


class ParserPool:
    """A thread pool for parsers only, so that a slow page blocks neither name lookups nor reports."""

    def __init__(self, *, seconds: float = PARSE_SECONDS) -> None:
        self._seconds = seconds
        self._threads = _new_threads()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self, parse: Callable[..., Result], *args: Any) -> Result:
        """Run a parser. Raises `TimeoutError` when it takes too long, and whatever the parser raises."""
        parsing = asyncio.get_running_loop().run_in_executor(self._threads, parse, *args)
        try:
            async with asyncio.timeout(self._seconds):
                return await parsing
        except TimeoutError:
            log.warning("a foreign page took longer than %g s to parse", self._seconds)
            self._threads.shutdown(wait=False)  # a thread cannot be stopped; queued work is still done
            self._threads = _new_threads()
            raise


def _new_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=MAX_THREADS, thread_name_prefix="page parser")
