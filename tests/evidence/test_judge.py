"""Test that the judge can say no: a sound history, and each fault seeded into it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

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
    WishKind,
    read_history,
    write_history,
)
from evidence.judge import PROMISED, Judgement, Verdict, judge, main

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
GROUP, PERSON = "group:cidA", "user:user01"


def told(run: str, destination: str, act: Act, seconds: float) -> list[Record]:
    """Return what a delivery leaves if all is well."""
    seen = NOON + timedelta(seconds=seconds)
    digest = "d1" if act is Act.FILE else ""
    place = {"run": run, "destination": destination, "act": act}
    return [
        Expected(**place, at=NOON),  # type: ignore[arg-type]
        Effect(**place, at=seen, id=f"{run}/{destination}/{act}", digest=digest),  # type: ignore[arg-type]
        Claim(**place, state=ClaimState.SENT, source="store", at=seen, digest=digest),  # type: ignore[arg-type]
        Claim(**place, state=ClaimState.SENT, source="api", at=seen),  # type: ignore[arg-type]
    ]


def claim(source: str, state: ClaimState) -> Claim:
    return Claim(run="run1", destination=GROUP, act=Act.SUMMARY, state=state, source=source, at=NOON)


def sound() -> list[Record]:
    """Return a history of two runs, told to a group and a person, without a fault."""
    return [
        record
        for run in ("run1", "run2")
        for destination in (GROUP, PERSON)
        for act, seconds in ((Act.SUMMARY, 1.0), (Act.FILE, 2.0))
        for record in told(run, destination, act, seconds)
    ]


def is_seeded(record: Record) -> bool:
    """Return whether a record is one of the summary of the first run in the group."""
    if isinstance(record, Restart | Wish | Calls):
        return False
    return (record.run, record.destination, record.act) == ("run1", GROUP, Act.SUMMARY)


def changed(history: list[Record], kind: type[Record], **values: object) -> list[Record]:
    return [
        replace(record, **values) if isinstance(record, kind) and is_seeded(record) else record  # type: ignore[arg-type]
        for record in history
    ]


def without(history: list[Record], *kinds: type[Record]) -> list[Record]:
    return [record for record in history if not (isinstance(record, kinds) and is_seeded(record))]


def doubled(history: list[Record]) -> list[Record]:
    again = [replace(r, id="again") for r in history if isinstance(r, Effect) and is_seeded(r)]
    return [*history, *again]


def muted(history: list[Record]) -> list[Record]:
    """Return a history in which people do not want the summary that they see."""
    wanted = [r for r in history if isinstance(r, Expected) and is_seeded(r)]
    silenced = [Muted(run=r.run, destination=r.destination, act=r.act, at=r.at) for r in wanted]
    return [*without(history, Expected), *silenced]


FAULTS: dict[str, tuple[Verdict, Callable[[list[Record]], list[Record]]]] = {
    "seen twice": (Verdict.DOUBLED, doubled),
    "seen, though nobody asked": (Verdict.DOUBLED, lambda history: without(history, Expected)),
    "neither seen nor claimed": (Verdict.LOST, lambda history: without(history, Effect, Claim)),
    "not seen, and given up": (
        Verdict.LOST,
        lambda history: changed(without(history, Effect), Claim, state=ClaimState.FAILED),
    ),
    "not seen, and forever pending": (
        Verdict.LOST,
        lambda history: changed(without(history, Effect), Claim, state=ClaimState.PENDING),
    ),
    "claimed, and not seen": (Verdict.LIED, lambda history: without(history, Effect)),
    "seen, and denied": (Verdict.LIED, lambda history: changed(history, Claim, state=ClaimState.FAILED)),
    "seen, and still pending": (
        Verdict.LIED,
        lambda history: changed(history, Claim, state=ClaimState.PENDING),
    ),
    "two sources that contradict each other": (
        Verdict.LIED,
        lambda history: [
            *history,
            Claim(
                run="run1",
                destination=GROUP,
                act=Act.SUMMARY,
                state=ClaimState.FAILED,
                source="proof",
                at=NOON,
            ),
        ],
    ),
    "another file than the one claimed": (
        Verdict.LIED,
        lambda history: changed(changed(history, Claim, digest="d1"), Effect, digest="d2"),
    ),
    "not whole": (Verdict.BROKEN, lambda history: changed(history, Effect, broken="no table of contents")),
    "seen before the run ended": (
        Verdict.OUT_OF_ORDER,
        lambda history: changed(history, Effect, at=NOON - timedelta(seconds=1)),
    ),
    "seen, though it was muted": (Verdict.UNWANTED, muted),
    "muted, and claimed as sent": (Verdict.LIED, lambda history: without(muted(history), Effect)),
    "muted, and tried": (
        Verdict.UNWANTED,
        lambda history: changed(without(muted(history), Effect), Claim, state=ClaimState.UNCONFIRMED),
    ),
    "another answer than the one that is due": (
        Verdict.LIED,
        lambda history: changed(changed(history, Expected, digest="gone"), Effect, digest="accepted"),
    ),
    "held back without leave": (
        Verdict.LOST,
        lambda history: changed(without(history, Effect), Claim, state=ClaimState.WITHHELD),
    ),
    "claimed as held back, and seen": (
        Verdict.LIED,
        lambda history: changed(
            changed(history, Claim, state=ClaimState.WITHHELD), Expected, may_be_withheld=True
        ),
    ),
    "given up, though it might only be held back": (
        Verdict.LOST,
        lambda history: changed(
            changed(without(history, Effect), Claim, state=ClaimState.FAILED), Expected, may_be_withheld=True
        ),
    ),
    "seen late": (Verdict.LATE, lambda history: changed(history, Effect, at=NOON + timedelta(hours=1))),
}


def broken(judgements: list[Judgement]) -> list[Verdict]:
    return [found.verdict for found in judgements if found.verdict is not Verdict.EXACTLY_ONCE]


def test_a_sound_history_is_told_exactly_once() -> None:
    judgements = judge(sound())
    assert len(judgements) == 8
    assert not broken(list(judgements))


@pytest.mark.parametrize("name", FAULTS)
def test_a_seeded_fault_is_found(name: str) -> None:
    verdict, seed = FAULTS[name]
    found = list(judge(seed(sound())))
    if name == "seen late":  # its file came before it
        assert broken(found) == [Verdict.OUT_OF_ORDER, Verdict.LATE]
    else:
        assert broken(found) == [verdict]


def test_a_file_before_its_summary_is_out_of_order() -> None:
    found = judge([*told("run1", GROUP, Act.SUMMARY, 5.0), *told("run1", GROUP, Act.FILE, 4.0)])
    assert broken(list(found)) == [Verdict.OUT_OF_ORDER]


def test_what_is_muted_and_not_seen_is_kept_silent() -> None:
    judgements = judge(without(muted(sound()), Effect, Claim))
    assert broken(list(judgements)) == [Verdict.KEPT_SILENT]
    assert {found.verdict for found in judgements} <= PROMISED


def test_what_may_be_held_back_is_withheld_if_the_service_says_so() -> None:
    history = changed(sound(), Expected, may_be_withheld=True)
    silent = changed(without(history, Effect), Claim, state=ClaimState.WITHHELD)
    judgements = judge(silent)
    assert broken(list(judgements)) == [Verdict.WITHHELD]
    assert {found.verdict for found in judgements} <= PROMISED


@pytest.mark.parametrize(("minutes", "late"), [(59, []), (61, [Verdict.LATE])])
def test_what_may_wait_is_late_after_that(minutes: int, late: list[Verdict]) -> None:
    waiting = changed(told("run1", GROUP, Act.SUMMARY, 60.0 * minutes), Expected, latest=NOON + HOUR)
    assert broken(list(judge(waiting))) == late


@pytest.mark.parametrize("seen", [True, False])
def test_who_does_not_know_may_say_so(*, seen: bool) -> None:
    history = changed(sound(), Claim, state=ClaimState.UNCONFIRMED)
    assert broken(list(judge(history if seen else without(history, Effect)))) == [Verdict.UNCONFIRMED]


def test_time_counts_from_the_last_restart() -> None:
    back = NOON + timedelta(hours=1)
    history = told("run1", GROUP, Act.SUMMARY, 3_610.0)
    assert broken(list(judge(history))) == [Verdict.LATE]
    assert not broken(list(judge([*history, Restart(at=back)])))


def test_the_last_claim_of_a_source_counts() -> None:
    early = claim("store", ClaimState.PENDING)
    assert not broken(list(judge([*sound(), early])))


def test_a_history_survives_its_file(tmp_path: Path) -> None:
    path, later = tmp_path / "history.jsonl", NOON + timedelta(hours=2)
    mutes = [
        Wish(id=f"wish{number}", wants=WishKind.MUTE, of="s1", at=NOON, until=until)
        for number, until in enumerate((later, None))
    ]
    waiting = Expected(run="run1", destination=GROUP, act=Act.FILE, at=NOON, latest=later)
    calls = Calls(month="2026-11", quota="api", at=NOON, counted=1, booked=2, troubles=3)
    history = [*muted(sound()), *mutes, waiting, calls, Restart(at=NOON)]
    write_history(path, history)
    assert list(read_history(path)) == history


@pytest.mark.parametrize(
    "line",
    ["", "{}", '{"kind": "effect"}', '{"kind": "restart", "at": "2026-11-30T12:00:00"}', '{"kind": "x"}'],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "history.jsonl"
    write_history(path, [Restart(at=NOON)])
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"history\.jsonl:2: not a record"):
        list(read_history(path))


def test_the_command_counts_and_names_what_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    write_history(good, sound())
    write_history(bad, doubled(sound()))
    assert main([str(good)]) == 0
    assert capsys.readouterr().out.startswith("8 exactly once, 0 unconfirmed, 0 lost, 0 doubled")
    assert main([str(good), str(bad)]) == 1
    said = capsys.readouterr().out
    assert "bad.jsonl: doubled: summary of run1 to group:cidA: seen 2 times" in said
    assert "15 exactly once" in said
