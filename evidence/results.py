"""Results of cases in a file of JSON lines, so that a campaign can be interrupted and go on.

    python -m evidence.results FILE…

prints what the cases of each fault came to.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from evidence.judge import PROMISED, Verdict


@dataclass(frozen=True, kw_only=True)
class Result:
    """The outcome of a case."""

    fault: str
    point: str
    hit: bool  # the fault happened
    died: int  # how often a process died
    verdicts: Sequence[str]
    wrong: str = ""  # what broke a promise
    seconds: float = 0.0
    rescues: Mapping[str, float] = field(default_factory=dict)  # by path: how often it was taken

    @property
    def kept(self) -> bool:
        """Return whether every promise was kept."""
        return not self.wrong and all(verdict in PROMISED for verdict in self.verdicts)


def append_result(path: Path, result: Result) -> None:
    """Append a result to a file."""
    cut_off = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * cut_off + json.dumps(asdict(result), ensure_ascii=False) + "\n")


def read_results(path: Path) -> Iterator[Result]:
    """Yield the last result of each case of a file. A line that was cut off is left out."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            result = Result(**json.loads(line))
        except ValueError:
            continue
        found[result.fault, result.point] = result
    yield from found.values()


def summary(results: Iterable[Result]) -> Iterator[str]:
    """Yield a line for each fault, then the sum of the rescues."""
    by_fault: dict[str, list[Result]] = {}
    rescues = Counter[str]()
    for result in results:
        by_fault.setdefault(result.fault, []).append(result)
        rescues.update({path: int(number) for path, number in result.rescues.items()})
    for fault, cases in by_fault.items():
        verdicts = Counter(verdict for case in cases for verdict in case.verdicts)
        hits, died = sum(case.hit for case in cases), sum(case.died for case in cases)
        broken = sum(not case.kept for case in cases)
        yield f"{fault}: {len(cases)} cases, {hits} hit, {died} deaths, {broken} broken; " + ", ".join(
            f"{verdicts[verdict]} {verdict}" for verdict in Verdict
        )
    yield from rescue_lines(rescues)


def rescue_lines(rescues: Mapping[str, float]) -> Iterator[str]:
    """Yield how often each rescue path was taken, and those that never were."""
    if taken := [f"{number:g} {path}" for path, number in sorted(rescues.items()) if number]:
        yield f"rescues: {', '.join(taken)}"
    if never := [path for path, number in sorted(rescues.items()) if not number]:
        yield f"rescues never needed: {', '.join(never)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print what the cases came to. Return 1 if one broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m evidence.results", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    found = [result for path in parser.parse_args(argv).files for result in read_results(path)]
    for result in found:
        if not result.kept:
            sys.stdout.write(f"{result.fault} {result.point}: {result.wrong}\n")
    sys.stdout.write("".join(f"{line}\n" for line in summary(found)))
    return 1 if any(not result.kept for result in found) else 0


if __name__ == "__main__":
    sys.exit(main())
