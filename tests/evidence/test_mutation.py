"""Which modules are broken by mutants, and how their outcomes are counted."""

import json
from pathlib import Path

import pytest

from evidence.mutation import ROOT, TARGETS, Target, Workshop, row, score


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_names_modules_and_tests_that_exist(name: str) -> None:
    target = TARGETS[name]
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / "bot").rglob("*.py")]
    assert any(map(target.has, modules))
    assert all((ROOT / test).exists() for test in target.tests)


def test_no_module_belongs_to_two_targets() -> None:
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / "bot").rglob("*.py")]
    owners = {module: [name for name, target in TARGETS.items() if target.has(module)] for module in modules}
    assert [module for module, names in owners.items() if len(names) > 1] == []
    assert owners["bot/jobs/retry.py"] == ["retry"]
    assert owners["bot/delivery/jobs/card.py"] == ["delivery"]


def test_only_what_was_missed_is_tried_again(tmp_path: Path) -> None:
    meta, stats = tmp_path / "mutants/bot/jobs/retry.py.meta", tmp_path / "mutants/mutmut-stats.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"exit_code_by_key": {"a": 1, "b": 0, "c": 33, "d": None}, "hashes": {}}))
    stats.write_text("{}")
    Workshop(folder=tmp_path, targets={}).forget_missed()
    known = {"a": 1, "b": None, "c": None, "d": None}
    assert json.loads(meta.read_text()) == {"exit_code_by_key": known, "hashes": {}}
    assert not stats.exists()


def test_what_survives_or_is_untested_is_missed(tmp_path: Path) -> None:
    meta = tmp_path / "mutants/bot/jobs/retry.py.meta"
    meta.parent.mkdir(parents=True)
    codes = {"a": 1, "b": 37, "c": 36, "d": 0, "e": 33, "f": None, "g": -11}
    meta.write_text(json.dumps({"exit_code_by_key": codes}))
    target = Target(modules=["bot/jobs/retry.py"], tests=[])
    counts = Workshop(folder=tmp_path, targets={"retry": target}).counts(target)
    assert row("retry", counts) == "| retry | 6 | 2 | 1 | 1 | 1 | 1 | 66.7 % |"
    assert score({}) == 100
