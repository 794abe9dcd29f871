"""The service without an app: a custom robot alone, or nothing of DingTalk at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.neighbours import Neighbours
from bot.sandbox import Sandbox
from tests.scenarios.conftest import Chat, Json, service_on, until


def soon(**changes: object) -> Json:
    """A schedule that fires two seconds from now."""
    at = datetime.now(UTC) + timedelta(seconds=2)
    defaults = {"name": "Nightly", "at": at.isoformat(), "notify_enable": True, "notify_on": "always"}
    return defaults | changes


async def test_a_custom_robot_alone_is_told_when_the_time_has_come(
    sandbox: Sandbox, chat: Chat, neighbours: Neighbours, tmp_path: Path
) -> None:
    robot = {
        "ACCESS_TOKEN": "sandbox-webhook-token",
        "SECRET": "SECsandbox0123456789",
        "OAPI_BASE": sandbox.url,
    }
    values = {"DINGDING": robot, "lang": "en", "schedules": [soon(targets=neighbours.targets)]}
    service = service_on(values, tmp_path)
    await service.start()
    (note,) = await chat.wait("markdown", 1)
    assert await service.end() == 0
    assert "Nightly" in note["content"]["title"]
    assert "3" in note["content"]["text"]
    counters = await chat.get("counters")
    assert counters["buckets"] == {"api": 0, "stream_webhook": 1}


async def test_with_nothing_configured_it_logs_what_it_would_have_pushed(
    neighbours: Neighbours, tmp_path: Path
) -> None:
    service = service_on({"schedules": [soon(targets=neighbours.targets)]}, tmp_path)
    await service.start()

    async def logged() -> bool:
        return "not pushed, no DingTalk configured: card" in service.log.read_text(encoding="utf-8")

    await until(logged)
    assert await service.end() == 0
    log = service.log.read_text(encoding="utf-8")
    assert "Nightly" in log
    assert len(list(tmp_path.glob("reports/*/*.xlsx"))) == 1  # noqa: ASYNC240 - a test's own folder
