"""The worker pools as the settings and the machine ask for."""

import pytest

from bot.config.reports import ExporterSettings
from bot.config.settings import Settings
from bot.wiring.pools import MAX_REMOTE_EXPORTS, build_pools


@pytest.mark.parametrize(("setting", "cpus", "concurrency"), [(0, 1, 1), (0, 2, 1), (0, 8, 7), (3, 1, 3)])
def test_exports_use_all_cpus_but_one(setting: int, cpus: int, concurrency: int) -> None:
    assert ExporterSettings(concurrency=setting).at_once(cpus) == concurrency


@pytest.mark.parametrize(("kind", "concurrency"), [("local", 7), ("celery", MAX_REMOTE_EXPORTS)])
def test_the_pool_of_exports_fits_the_exporter(
    kind: str, concurrency: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.wiring.pools.usable_cpus", lambda: 8)
    settings = Settings.model_validate({"exporter": {"kind": kind, "broker_url": "redis://127.0.0.1:9/0"}})
    assert {pool.name: pool.concurrency for pool in build_pools(settings)}["export"] == concurrency
