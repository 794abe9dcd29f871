"""The service connects its engine with the watcher, and the watcher with the exporter."""

import asyncio
from pathlib import Path

import pytest

from bot.app import PURGE_PAUSE, App
from bot.config.settings import Settings
from bot.engines.embedded.engine import EmbeddedEngine
from bot.models import Trigger
from bot.runs.lifecycle import TriggerRequest
from tests.exporters.local.test_exporter import children
from tests.factories import make_schedule


def app_in(folder: Path) -> App:
    return App(
        Settings.model_validate({
            "store": {"url": f"sqlite:///{folder}/d.db"},
            "reports": {"dir": str(folder / "reports")},
        })
    )


async def test_the_end_of_a_task_wakes_the_watcher(tmp_path: Path) -> None:
    async with app_in(tmp_path) as app:
        assert isinstance(app.engine, EmbeddedEngine)
        app.engine.on_task_end()
        assert app.services.runs.wakeup.is_set()


async def test_a_child_waits_for_the_report_of_an_open_run_and_ends_with_the_service(tmp_path: Path) -> None:
    async with app_in(tmp_path) as app:
        request = TriggerRequest(idempotency_key="cron:s1:now", trigger=Trigger.CRON)
        await app.services.runs.trigger(make_schedule(export=True), request)
        await app.services.watcher.tick()
        async with asyncio.timeout(5):
            while not children():  # noqa: ASYNC110 - its command line is not to be seen at once after its start
                await asyncio.sleep(0.001)
    assert children() == []


async def test_a_purge_that_found_nothing_is_repeated_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, rounds, number = [2, 1], list[int](), 0

    async def purge() -> int:
        rounds.append(number)
        return left.pop(0) if left else 0

    async with app_in(tmp_path) as app:
        monkeypatch.setattr(app, "purges", lambda: {"old things": purge})
        for number in range(2 * PURGE_PAUSE):  # noqa: B007 - the purge reads it
            await app.purge_expired()
    assert rounds == [0, 1, 2, 2 + PURGE_PAUSE + 1]
