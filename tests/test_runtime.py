"""What the machine lets a process use."""

import os
from pathlib import Path

import pytest

from bot.app import WAITING, build_pools
from bot.config.loader import Settings
from bot.config.reports import ExporterSettings
from bot.runtime import usable_cpus


@pytest.mark.parametrize(
    ("limit", "cpus"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("?", 8),
        ("1 0", 8),
    ],
)
def test_a_container_may_use_less_than_the_machine_has(
    limit: str, cpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    (tmp_path / "cpu.max").write_text(limit)
    assert usable_cpus(tmp_path / "cpu.max") == cpus
    assert usable_cpus(tmp_path / "missing") == 8


@pytest.mark.parametrize(("asked", "cpus", "places"), [(0, 1, 1), (0, 2, 1), (0, 8, 7), (3, 1, 3)])
def test_exports_use_what_the_machine_has_but_for_one(asked: int, cpus: int, places: int) -> None:
    assert ExporterSettings(concurrency=asked).at_once(cpus) == places


@pytest.mark.parametrize(("kind", "places"), [("local", 7), ("celery", WAITING)])
def test_the_lane_of_exports_is_as_wide(kind: str, places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.usable_cpus", lambda: 8)
    exporter = {"kind": kind, "broker_url": "redis://127.0.0.1:9/0"}
    lanes = {
        lane.name: lane.concurrency for lane in build_pools(Settings.model_validate({"exporter": exporter}))
    }
    assert lanes["export"] == places
