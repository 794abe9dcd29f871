"""Break the code in small ways, one at a time, and see whether a test or the type check notices.

    python -m evidence.mutation [TARGET…] [--folder DIR] [--survivors]

It drives mutmut 3 (`pip install mutmut==3.8.1`) in a copy of the tree, with the tests that concern them. A
second call with the same folder goes through what survived again, and through functions that have changed.
Lines that log are left alone, and mutmut breaks neither constants nor functions with a decorator.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parent.parent
SETTINGS = """
[tool.mutmut]
source_paths = ["bot"]
only_mutate = {modules}
also_copy = ["handlers", "cards", "dingtalk_sandbox", "arl_sandbox", "evidence", "docs", "config.yaml"]
do_not_mutate_patterns = ['\\blog\\.']
pytest_add_cli_args = ["-o", "addopts=", "-p", "no:xdist", "-p", "no:cacheprovider", "-q", "-x"]
pytest_add_cli_args_test_selection = {tests}
type_check_command = {types}
use_git_change_detection = false
track_dependencies = false
"""
TYPE_CHECK = ["python", "-m", "mypy", "bot", "--output", "json", "--disable-error-code", "unused-ignore"]
KILLED, TYPES, TIMEOUT, SURVIVED, UNTESTED = "killed", "by types", "timed out", "survived", "untested"
COLUMNS = (KILLED, TYPES, TIMEOUT, SURVIVED, UNTESTED)
OUTCOMES: Mapping[int, str] = {
    0: SURVIVED,
    1: KILLED,
    3: KILLED,
    5: UNTESTED,
    24: TIMEOUT,
    33: UNTESTED,
    36: TIMEOUT,
    37: TYPES,
    152: TIMEOUT,
    255: TIMEOUT,
    -24: TIMEOUT,
}
"""Meaning of mutmut's exit codes. All others mean that the tests broke down, which kills a mutant too."""
MISSED = frozenset({SURVIVED, UNTESTED})
GOAL_PERCENT = 90


@dataclass(frozen=True, kw_only=True)
class Target:
    """Modules that are broken, and the tests that should notice."""

    modules: Sequence[str]
    tests: Sequence[str]

    def has(self, module: str) -> bool:
        """Return whether a module belongs to this target."""
        return any(fnmatchcase(module, pattern) for pattern in self.modules)


TARGETS: Mapping[str, Target] = {
    "retry": Target(modules=["bot/jobs/retry.py"], tests=["tests/jobs"]),
    "jobs": Target(modules=["bot/jobs/[!r]*.py", "bot/jobs/retention.py"], tests=["tests/jobs"]),
    "quota": Target(
        modules=["bot/quota/*.py"],
        tests=["tests/quota", "tests/delivery/test_digests.py", "tests/delivery/test_routing.py"],
    ),
    "links": Target(
        modules=["bot/reports/link*.py"],
        tests=["tests/reports/test_links.py", "tests/reports/test_link_tokens.py"],
    ),
    "permissions": Target(
        modules=["bot/chat/permissions.py", "bot/chat/access.py", "bot/chat/access_control.py"],
        tests=[
            "tests/chat/test_permissions.py",
            "tests/chat/test_access.py",
            "tests/chat/test_access_control.py",
            "tests/handlers/service/test_whoami.py",
        ],
    ),
    "keys": Target(
        modules=["bot/api/keys.py", "bot/api/gate.py"],
        tests=["tests/api/test_keys.py", "tests/api/test_gate.py"],
    ),
    "delivery": Target(
        modules=["bot/delivery/*.py"],
        tests=["tests/delivery", "tests/runs/test_lapses.py", "tests/handlers/test_resend.py"],
    ),
}


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """A copy of the tree in which mutmut works on some targets."""

    folder: Path
    targets: Mapping[str, Target]

    def prepare(self) -> None:
        """Copy the files that git knows, as they are now, and add the settings of mutmut."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - as scripts do
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        for name in listed.stdout.decode().split("\0"):
            source, copy = ROOT / name, self.folder / name
            if name and source.is_file():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, copy)
        settings = SETTINGS.format(
            modules=json.dumps([module for target in self.targets.values() for module in target.modules]),
            tests=json.dumps(sorted({test for target in self.targets.values() for test in target.tests})),
            types=json.dumps(TYPE_CHECK),
        )
        project = self.folder / "pyproject.toml"
        project.write_text(project.read_text(encoding="utf-8") + settings, encoding="utf-8")

    def forget_missed(self) -> None:
        """Make mutmut try again what was not noticed, with the tests of today."""
        for path in (self.folder / "mutants").rglob("*.py.meta"):
            meta = json.loads(path.read_text(encoding="utf-8"))
            codes = meta["exit_code_by_key"].items()
            again = {name: None if OUTCOMES.get(code) in MISSED else code for name, code in codes}
            path.write_text(json.dumps(meta | {"exit_code_by_key": again}), encoding="utf-8")
        (self.folder / "mutants/mutmut-stats.json").unlink(missing_ok=True)  # which tests run what

    def run(self, *, children: int) -> None:
        """Go through the mutants that have no outcome. Raises `RuntimeError` with the last output."""
        command = ["nice", "-n", "19", "mutmut", "run", "--max-children", str(children)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"mutmut fails in {self.folder}: {done.stdout[-2000:]}{done.stderr[-2000:]}")

    def outcomes(self) -> Mapping[str, Mapping[str, str]]:
        """Return the outcome of each mutant that was tried, by module."""
        found: dict[str, Mapping[str, str]] = {}
        for path in sorted((self.folder / "mutants").rglob("*.py.meta")):
            codes: Mapping[str, int | None] = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
            module = path.relative_to(self.folder / "mutants").as_posix().removesuffix(".meta")
            tried = {name: code for name, code in codes.items() if code is not None}
            found[module] = {name: OUTCOMES.get(code, KILLED) for name, code in tried.items()}
        return found

    def counts(self, target: Target) -> Counter[str]:
        """Return how many mutants of a target had which outcome."""
        mine = [found for module, found in self.outcomes().items() if target.has(module)]
        return Counter(outcome for found in mine for outcome in found.values())

    def survivors(self) -> Iterator[str]:
        """Yield what was broken and not noticed, as a diff."""
        for found in self.outcomes().values():
            for name in (name for name, outcome in found.items() if outcome in MISSED):
                show = ["mutmut", "show", name]
                shown = subprocess.run(show, cwd=self.folder, capture_output=True, text=True, check=False)  # noqa: S603
                yield shown.stdout


def score(counts: Mapping[str, int]) -> float:
    """Return how many percent of the mutants were noticed. 100 if there are none."""
    total = sum(counts.values())
    return 100 * (total - sum(counts.get(outcome, 0) for outcome in MISSED)) / total if total else 100.0


def row(name: str, counts: Mapping[str, int]) -> str:
    """Return a row of the table in `docs/evidence.md`."""
    numbers = [sum(counts.values()), *(counts.get(column, 0) for column in COLUMNS)]
    return f"| {name} | {' | '.join(map(str, numbers))} | {score(counts):.1f} % |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row for each target. Return 1 if one of them has less than 90 %."""
    parser = argparse.ArgumentParser(prog="python -m evidence.mutation", description=__doc__)
    parser.add_argument(
        "target", nargs="*", default=list(TARGETS), help=f"of {', '.join(TARGETS)}; default: all"
    )
    parser.add_argument("--folder", type=Path, help="where the copy is kept; default: a temporary folder")
    parser.add_argument("--children", type=int, default=1, help="mutants at a time")
    parser.add_argument("--survivors", action="store_true", help="print what was not noticed")
    options = parser.parse_args(argv)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mutation-"))
    workshop = Workshop(folder=folder.resolve(), targets={name: TARGETS[name] for name in options.target})
    workshop.prepare()
    workshop.forget_missed()
    workshop.run(children=options.children)
    counts = {name: workshop.counts(target) for name, target in workshop.targets.items()}
    sys.stdout.writelines(row(name, found) + "\n" for name, found in counts.items())
    if options.survivors:
        sys.stdout.writelines(f"\n{diff}" for diff in workshop.survivors())
    return 1 if any(score(found) < GOAL_PERCENT for found in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
