"""What the machine lets a process use."""

import os
from pathlib import Path

import pytest

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
