"""The calls of each month: what was booked and counted, and what may be held back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evidence.calls import API, LATE, WEBHOOK, Shares, month_end, relaxed, unexplained
from evidence.history import Act, Calls, Expected
from evidence.wishes import GROUP

NOON = datetime(2028, 1, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
END = datetime(2028, 1, 31, 16, tzinfo=UTC)  # midnight in China


def calls(counted: int, **changes: Any) -> Calls:
    known: dict[str, Any] = {
        "month": "2028-01",
        "quota": API,
        "at": NOON,
        "booked": counted,
        "troubles": 0,
        "limit": 100,
    }
    return Calls(counted=counted, **(known | changes))


def heard(*records: Calls) -> Shares:
    shares = Shares()
    for record in records:
        shares.hear(record)
    return shares


def expected(act: Act = Act.FILE, at: datetime = NOON + DAY, destination: str = GROUP) -> Expected:
    return Expected(run="run1", destination=destination, act=act, at=at)


def test_months_end_at_midnight_in_china() -> None:
    assert month_end(NOON) == END
    assert month_end(END) == datetime(2028, 2, 29, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("record", "wrong"),
    [
        (calls(50), []),
        (calls(50, booked=53, troubles=3), []),
        (calls(50, booked=54, troubles=3), ["54 api calls of 2028-01 booked, 50 counted, 3 troubles"]),
        (calls(50, booked=49), ["49 api calls of 2028-01 booked, 50 counted, 0 troubles"]),
        (calls(101), ["101 api calls of 2028-01 booked, 101 counted, of 100"]),
        (calls(101, limit=0), []),
    ],
)
def test_what_was_booked_is_what_was_counted_and_what_troubles_explain(
    record: Calls, wrong: Sequence[str]
) -> None:
    assert [*unexplained([record])] == wrong


def test_the_last_count_of_a_month_is_judged() -> None:
    assert [*unexplained([calls(50, booked=60), calls(60, at=NOON + DAY)])] == []


@pytest.mark.parametrize(
    ("used", "withheld", "late"), [(87, False, False), (88, True, False), (94, True, False), (95, True, True)]
)
def test_files_are_held_back_first_and_everything_later(used: int, *, withheld: bool, late: bool) -> None:
    found = relaxed(expected(), heard(calls(used)))
    assert found.may_be_withheld is withheld
    assert found.latest == (END + LATE if late else None)


def test_a_summary_is_never_held_back() -> None:
    assert not relaxed(expected(Act.SUMMARY), heard(calls(100))).may_be_withheld


def test_messages_of_webhooks_have_calls_of_their_own() -> None:
    message = expected(Act.SUMMARY, destination="webhook:default")
    assert relaxed(message, heard(calls(100))).latest is None
    assert relaxed(message, heard(calls(90, quota=WEBHOOK))).latest == END + LATE


def test_troubles_may_have_used_calls() -> None:
    assert relaxed(expected(), heard(calls(87, troubles=1))).may_be_withheld


def test_what_is_used_while_a_run_is_told_counts() -> None:
    soon = expected(at=NOON - LATE / 2)
    assert relaxed(soon, heard(calls(99))).may_be_withheld
    assert not relaxed(expected(at=NOON - 2 * LATE), heard(calls(99))).may_be_withheld


def test_a_new_month_has_all_of_its_calls() -> None:
    assert not relaxed(expected(at=END), heard(calls(99), calls(99, at=END + DAY))).may_be_withheld
    assert relaxed(expected(at=END - LATE / 2), heard(calls(99))).may_be_withheld
