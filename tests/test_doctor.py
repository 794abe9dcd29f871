"""The doctor tries everything once and says it in lines."""

from pathlib import Path

import pytest

from bot.doctor import examine
from bot.sandbox import Sandbox
from bot.settings import Settings
from tests.brokers import BrokerServer
from tests.scenarios.conftest import settings as service_settings


async def examined(values: dict[str, object], folder: Path) -> tuple[bool, list[str]]:
    lines: list[str] = []
    defaults = {"store": {"url": f"sqlite:///{folder}/d.db"}, "reports": {"dir": str(folder / "reports")}}
    well = await examine(Settings.model_validate(defaults | values), lines.append)
    return well, lines


async def test_a_sound_service_is_all_ticks(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        well, lines = await examined(service_settings(sandbox, ["example.com"]), tmp_path)
        assert sandbox.world.board.of("cidSandboxGroupOps==") == []
    assert well
    assert [line[0] for line in lines] == ["✓"] * 7
    assert "ticket" not in "".join(lines)


async def test_nothing_configured_is_sound_too(tmp_path: Path) -> None:
    well, lines = await examined({}, tmp_path)
    assert well
    assert "log only" in lines[3]


NOBODY = "mongodb://me:verysecret@127.0.0.1:9/dingrun"


@pytest.mark.parametrize(
    ("values", "line", "complaint"),
    [
        ({"store": {"url": "sqlite:////dev/null/x.db"}}, 0, "store.url"),
        ({"reports": {"dir": "/dev/null/reports"}}, 1, "reports.dir"),
        (
            {"store": {"url": f"{NOBODY}?serverSelectionTimeoutMS=200"}},
            0,
            "MongoDB does not answer: 127.0.0.1:9",
        ),
        (
            {"exporter": {"kind": "celery", "broker_url": "redis://:verysecret@127.0.0.1:9"}},
            2,
            "exporter.broker_url: redis://***@127.0.0.1:9 does not answer",
        ),
    ],
)
async def test_what_is_wrong_is_named(
    tmp_path: Path, values: dict[str, object], line: int, complaint: str
) -> None:
    well, lines = await examined(values, tmp_path)
    assert not well
    assert lines[line].startswith("✗")
    assert complaint in lines[line]
    assert "verysecret" not in "".join(lines)


async def test_wrong_keys_are_named_twice_and_never_shown(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        values = service_settings(sandbox, ["example.com"])
        values["DINGDING"]["APP_SECRET"] = "not-the-secret"  # noqa: S105 - it is not
        well, lines = await examined(values, tmp_path)
    assert not well
    assert [line[0] for line in lines[3:5]] == ["✗", "✗"]
    assert "not-the-secret" not in "".join(lines)


async def test_a_broker_without_a_worker_is_not_enough(redis: BrokerServer, tmp_path: Path) -> None:
    well, lines = await examined({"exporter": {"kind": "celery", "broker_url": redis.url}}, tmp_path)
    assert not well
    assert "no worker lives; start one: python -m bot worker" in lines[2]
