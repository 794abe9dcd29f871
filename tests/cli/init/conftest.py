"""A sandbox, and fake ARLs, on a thread of their own: the command runs its own event loops."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import pytest

from dingtalk_sandbox import Sandbox

T = TypeVar("T")


class Background:
    """Runs servers while a test blocks. What it opens is closed at the end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def open(self, build: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        async def enter() -> T:
            return await self._stack.enter_async_context(build())

        return self.run(enter())

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def background() -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


@pytest.fixture
def sandbox(background: Background) -> Sandbox:
    return background.open(Sandbox)


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Give back the environment: secrets in `dingrun.env` become variables of the process."""
    before = {name: value for name, value in os.environ.items() if name != "DINGRUN_GOLDEN"}
    golden = os.environ.pop("DINGRUN_GOLDEN", None)
    yield
    os.environ.clear()
    os.environ.update(before | ({"DINGRUN_GOLDEN": golden} if golden else {}))
