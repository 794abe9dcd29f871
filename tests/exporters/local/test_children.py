"""A spare child waits while an export is expected: at most one, and never for ever."""

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from bot.exporters.local.children import KEEP_SECONDS, RETRY_SECONDS, ChildProcesses, end_child, start_child
from bot.exporters.local.exporter import LocalExporter
from tests.exporters.local.test_exporter import STORY, FullEngine, children, exporter


class Spares:
    """Children that read their input and do nothing, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.started: list[Process] = []
        self.kept = ChildProcesses(start=self.start, now=lambda: self.now)

    async def start(self) -> Process:
        self.started.append(await asyncio.create_subprocess_exec("cat", stdin=PIPE))
        return self.started[-1]

    @property
    def alive(self) -> list[bool]:
        return [each.returncode is None for each in self.started]

    async def kill(self) -> None:
        self.started[-1].kill()
        await self.started[-1].wait()


@pytest.fixture
async def spares() -> AsyncIterator[Spares]:
    spares = Spares()
    yield spares
    for each in spares.started:
        await end_child(each)


async def test_one_spare_waits_while_an_export_is_expected(spares: Spares) -> None:
    await spares.kept.prepare(expected=False)
    assert spares.alive == []
    await asyncio.gather(*(spares.kept.prepare(expected=True) for _ in range(3)))
    assert spares.alive == [True]


async def test_a_spare_ends_when_none_was_expected_for_a_while(spares: Spares) -> None:
    await spares.kept.prepare(expected=True)
    spares.now = KEEP_SECONDS - 1
    await spares.kept.prepare(expected=False)
    assert spares.alive == [True]
    spares.now = KEEP_SECONDS
    await spares.kept.prepare(expected=False)
    assert spares.alive == [False]


async def test_a_spare_is_taken_once_and_replaced(spares: Spares) -> None:
    await spares.kept.prepare(expected=True)
    first = await spares.kept.take()
    await spares.kept.replenish()
    second = await spares.kept.take()
    third = await spares.kept.take()
    assert [first, second, third] == spares.started
    assert spares.alive == [True, True, True]


async def test_without_an_expected_export_no_spare_is_started(spares: Spares) -> None:
    await spares.kept.take()
    await spares.kept.replenish()
    assert len(spares.started) == 1


async def test_a_spare_that_died_is_replaced_later_and_never_taken(spares: Spares) -> None:
    await spares.kept.prepare(expected=True)
    await spares.kill()
    assert (await spares.kept.take()).returncode is None
    await spares.kept.prepare(expected=True)
    await spares.kill()
    for now in (0.0, RETRY_SECONDS - 1, RETRY_SECONDS):
        spares.now = now
        await spares.kept.prepare(expected=True)
    assert spares.alive == [False, True, False, True]


async def test_closing_ends_the_spare_and_starts_no_other(spares: Spares) -> None:
    await spares.kept.prepare(expected=True)
    await spares.kept.close()
    await spares.kept.replenish()
    assert spares.alive == [False]


async def test_a_child_is_nicer_than_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the service itself runs with `Nice=`, which an unprivileged process cannot lower."""
    set_to: list[int] = []
    monkeypatch.setattr(os, "setpriority", lambda which, pid, niceness: set_to.append(niceness))
    for own in (0, 10, 19):
        monkeypatch.setattr(os, "getpriority", lambda which, pid, own=own: own)
        await end_child(await start_child())
    assert set_to == [5, 15, 19]


async def test_a_child_works_where_its_priority_cannot_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "setpriority", Mock(side_effect=PermissionError(1, "Operation not permitted")))
    await end_child(await start_child())


@pytest.mark.parametrize("error", [OSError(11, "no processes left"), RuntimeError("can't start new thread")])
async def test_a_spare_that_cannot_be_started_is_done_without(spares: Spares, error: Exception) -> None:
    """The watcher prepares exports: an error would keep it from ending runs. Only `take` raises it."""
    kept = ChildProcesses(start=AsyncMock(side_effect=error), now=lambda: spares.now)
    await kept.prepare(expected=True)
    with pytest.raises(type(error)):
        await kept.take()


def spare_of(works: LocalExporter) -> Process:
    """Return the spare itself: its command line is not to be seen at once after its start."""
    assert works._children._spare
    return works._children._spare


async def test_an_export_uses_the_spare_and_leaves_another_which_may_die(tmp_path: Path) -> None:
    used: list[list[int]] = []

    async def look() -> None:
        used.append(children())

    works = exporter(FullEngine(20, look))
    await works.prepare(expected=True)
    first = spare_of(works)
    await works.export(STORY, tmp_path / "1.xlsx")
    second = spare_of(works)
    second.kill()
    await second.wait()
    await works.export(STORY, tmp_path / "2.xlsx")
    assert used[0] == [first.pid]
    assert not {first.pid, second.pid} & {*used[1]}
    await works.close()
    assert children() == []
