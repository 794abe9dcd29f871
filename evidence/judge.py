"""Judge a history: per run and destination, was it told exactly once, and does the service say what is true?

    python -m evidence.judge HISTORY.jsonl [--late SECONDS]

It imports nothing but the history. It trusts what people saw, and nothing that the service claims.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from evidence.history import (
    Act,
    Calls,
    Claim,
    ClaimState,
    Effect,
    Expected,
    Muted,
    Record,
    Restart,
    Wish,
    read_history,
)

LATE_SECONDS = 120.0
"""Longest time from the end of a run, or from the last restart after it, until people see it."""


class Verdict(StrEnum):
    """The outcome of one act of one run at one destination."""

    EXACTLY_ONCE = "exactly once"
    UNCONFIRMED = "unconfirmed"  # seen once or never, and the service says that it does not know
    LOST = "lost"  # never seen, and the service does not claim otherwise
    DOUBLED = "doubled"  # seen more than once, or not asked for
    LIED = "lied"  # the service claims what nobody saw, denies what was seen, or contradicts itself
    BROKEN = "broken"  # what was seen is not whole
    OUT_OF_ORDER = "out of order"  # the file before the summary, or anything before the end of the run
    LATE = "late"
    UNWANTED = "unwanted"  # seen or tried, though it was muted
    KEPT_SILENT = "kept silent"  # muted, and nobody saw it
    WITHHELD = "withheld"  # the service says that it held it back because calls run out, as it may


PROMISED = frozenset({Verdict.EXACTLY_ONCE, Verdict.UNCONFIRMED, Verdict.KEPT_SILENT, Verdict.WITHHELD})
"""Verdicts that keep what is promised."""


@dataclass(frozen=True, kw_only=True, order=True)
class Key:
    """One act of one run at one destination."""

    run: str
    destination: str
    act: Act


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict, and what it rests on."""

    key: Key
    verdict: Verdict
    why: str


@dataclass(kw_only=True)
class Case:
    """All records of one act."""

    expected: Expected | None = None
    muted: Muted | None = None
    effects: dict[str, Effect] = field(default_factory=dict)  # by id
    claims: dict[str, Claim] = field(default_factory=dict)  # the last one of each source

    def last_states(self) -> Mapping[ClaimState, Sequence[str]]:
        """Return which sources claim which state."""
        found = defaultdict[ClaimState, list[str]](list)
        for source, claim in sorted(self.claims.items()):
            found[claim.state].append(source)
        return found


def judge(
    history: Iterable[Record], *, late: timedelta = timedelta(seconds=LATE_SECONDS)
) -> Sequence[Judgement]:
    """Return one judgement per act that was expected, seen or claimed, in the order of runs.

    Args:
        history: Records in any order.
        late: Longest time from the end of a run, or from the last restart after it, until it is seen.
    """
    cases, restarts = _cases(history)
    judgements = []
    for key, case in sorted(cases.items()):
        summary = cases.get(Key(run=key.run, destination=key.destination, act=Act.SUMMARY))
        verdict, why = _decide(case, summary, late, restarts)
        judgements.append(Judgement(key=key, verdict=verdict, why=why))
    return judgements


def _cases(history: Iterable[Record]) -> tuple[Mapping[Key, Case], Sequence[datetime]]:
    """Group records by act. What a wish leads to is for whoever knows the words of the product."""
    cases, restarts = defaultdict[Key, Case](Case), list[datetime]()
    for record in history:
        if isinstance(record, Restart):
            restarts.append(record.at)
        if isinstance(record, Restart | Wish | Calls):
            continue
        case = cases[Key(run=record.run, destination=record.destination, act=record.act)]
        match record:
            case Expected():
                case.expected = record
            case Muted():
                case.muted = record
            case Effect():
                case.effects[record.id] = record
            case Claim():
                known = case.claims.get(record.source, record)
                case.claims[record.source] = max(record, known, key=lambda claim: claim.at)
    return dict(cases), sorted(restarts)


def _decide(
    case: Case, summary: Case | None, late: timedelta, restarts: Sequence[datetime]
) -> tuple[Verdict, str]:
    """Return the verdict and why. The worst that holds counts."""
    if len(case.effects) > 1:
        return Verdict.DOUBLED, f"seen {len(case.effects)} times: {', '.join(sorted(case.effects))}"
    states = case.last_states()
    if len(states) > 1:
        said = ", ".join(f"{state} ({', '.join(by)})" for state, by in sorted(states.items()))
        return Verdict.LIED, f"claims contradict each other: {said}"
    state = next(iter(states), None)
    seen = next(iter(case.effects.values()), None)
    if case.muted is not None:
        return _decide_muted(seen, state)
    if seen is None:
        return _decide_unseen(case, state)
    if case.expected is None:
        return Verdict.DOUBLED, "seen, though nobody was to be told"
    since = max([case.expected.at, *(at for at in restarts if at <= seen.at)])
    return (
        _decide_seen(case, seen, state)
        or _decide_order(seen, case.expected.at, summary)
        or _decide_delay(seen.at, since, max(case.expected.latest or since, since + late))
    )


def _decide_muted(seen: Effect | None, state: ClaimState | None) -> tuple[Verdict, str]:
    if seen is not None:
        return Verdict.UNWANTED, "seen, though it was muted"
    if state is ClaimState.SENT:
        return Verdict.LIED, "claimed as sent, and nobody saw it"
    if state in {ClaimState.UNCONFIRMED, ClaimState.PENDING}:
        return Verdict.UNWANTED, f"muted, and claimed as {state}"
    return Verdict.KEPT_SILENT, "muted, and nobody saw it"


def _decide_unseen(case: Case, state: ClaimState | None) -> tuple[Verdict, str]:
    if state is ClaimState.SENT:
        return Verdict.LIED, "claimed as sent, and nobody saw it"
    if case.expected is None:
        return Verdict.EXACTLY_ONCE, "nobody was to be told, and nobody was"
    if state is ClaimState.UNCONFIRMED:
        return Verdict.UNCONFIRMED, "nobody saw it, and the service says that it does not know"
    if state is ClaimState.WITHHELD and case.expected.may_be_withheld:
        return Verdict.WITHHELD, "nobody saw it, and the service says that it held it back"
    return Verdict.LOST, f"nobody saw it; claimed: {state or 'nothing'}"


def _decide_seen(case: Case, seen: Effect, state: ClaimState | None) -> tuple[Verdict, str] | None:
    """Return a verdict about what was seen and what is claimed of it. None if both are right."""
    if seen.broken:
        return Verdict.BROKEN, seen.broken
    digests = {claim.digest for claim in case.claims.values()} | {
        case.expected.digest if case.expected else ""
    }
    if wrong := [digest for digest in digests - {""} if seen.digest and digest != seen.digest]:
        return Verdict.LIED, f"claimed {wrong[0]}, people get {seen.digest}"
    if state is ClaimState.UNCONFIRMED:
        return Verdict.UNCONFIRMED, "seen once, and the service says that it does not know"
    if state in {ClaimState.FAILED, ClaimState.PENDING, ClaimState.WITHHELD}:
        return Verdict.LIED, f"claimed as {state}, though it was seen"
    return None


def _decide_order(seen: Effect, ended: datetime, summary: Case | None) -> tuple[Verdict, str] | None:
    if seen.at < ended:
        return Verdict.OUT_OF_ORDER, f"seen {ended - seen.at} before the run ended"
    first = min((effect.at for effect in summary.effects.values()), default=seen.at) if summary else seen.at
    if seen.act is Act.FILE and seen.at < first:
        return Verdict.OUT_OF_ORDER, f"the file came {first - seen.at} before the summary"
    return None


def _decide_delay(seen: datetime, since: datetime, latest: datetime) -> tuple[Verdict, str]:
    if seen > latest:
        return Verdict.LATE, f"seen {seen - since} after the run ended, or after the service was back"
    return Verdict.EXACTLY_ONCE, "seen once"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the counts of all verdicts, and what breaks a promise. Return 1 if anything does."""
    parser = argparse.ArgumentParser(prog="python -m evidence.judge", description=__doc__)
    parser.add_argument("history", type=Path, nargs="+")
    parser.add_argument("--late", type=float, default=LATE_SECONDS, metavar="SECONDS")
    options = parser.parse_args(argv)
    total, broken = Counter[Verdict](), 0
    for path in options.history:
        for found in judge(read_history(path), late=timedelta(seconds=options.late)):
            total[found.verdict] += 1
            if found.verdict not in PROMISED:
                broken += 1
                key = found.key
                place = f"{key.act} of {key.run} to {key.destination}"
                sys.stdout.write(f"{path}: {found.verdict}: {place}: {found.why}\n")
    sys.stdout.write(", ".join(f"{total[verdict]} {verdict}" for verdict in Verdict) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
