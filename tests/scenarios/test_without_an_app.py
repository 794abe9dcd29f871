"""The service without an app: a custom robot alone, or nothing of DingTalk at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.cli.demo.sample_sites import SampleSites
from bot.config.resolve import resolve_schedules
from bot.config.settings import Settings
from bot.runs.scheduler import last_fired_key
from bot.stores.sqlite.store import SqliteStore
from dingtalk_sandbox import Sandbox
from tests.scenarios.conftest import Chat, Json, service_on, until


def missed(**changes: object) -> Json:
    """A schedule whose time passed ten minutes ago, while nothing ran."""
    at = datetime.now(UTC) - timedelta(minutes=10)
    defaults = {"name": "Nightly", "at": at.isoformat(), "notify_enable": True, "notify_on": "always"}
    return defaults | changes


async def seen_yesterday(values: Json, folder: Path) -> None:
    """The service knew its schedules before it went down."""
    store = SqliteStore(folder / "data/dingrun.db")
    await store.open()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    for schedule in resolve_schedules(Settings.model_validate(values)):
        await store.set_value(last_fired_key(schedule), yesterday)
    await store.close()


async def test_a_custom_robot_alone_is_told_of_what_was_missed(
    sandbox: Sandbox, chat: Chat, neighbours: SampleSites, tmp_path: Path
) -> None:
    robot = {
        "ACCESS_TOKEN": "sandbox-webhook-token",
        "SECRET": "SECsandbox0123456789",
        "OAPI_BASE": sandbox.url,
    }
    values = {"lang": "en", "schedules": [missed(targets=neighbours.targets)]}
    await seen_yesterday(values, tmp_path)
    service = service_on({**values, "DINGDING": robot}, tmp_path)
    await service.start()
    (note,) = await chat.wait("markdown", 1)
    assert await service.end() == 0
    assert "Nightly" in note["content"]["title"]
    assert "3" in note["content"]["text"]
    counters = await chat.get("counters")
    assert counters["buckets"] == {"api": 0, "stream_webhook": 1}


async def test_with_nothing_configured_it_logs_what_it_would_have_pushed(
    neighbours: SampleSites, tmp_path: Path
) -> None:
    values = {"schedules": [missed(targets=neighbours.targets)]}
    await seen_yesterday(values, tmp_path)
    service = service_on(values, tmp_path)
    await service.start()

    async def logged() -> bool:
        return "not pushed, no DingTalk configured: card" in service.log.read_text(encoding="utf-8")

    await until(logged)
    assert await service.end() == 0
    log = service.log.read_text(encoding="utf-8")
    assert "schedules[0].at: Nightly was to run at" in log
    assert "missed" in log
    assert len(list(tmp_path.glob("reports/*/*.xlsx"))) == 1  # noqa: ASYNC240 - a test's own folder
