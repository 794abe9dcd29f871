"""What people were to see, by the calendar and by what they asked for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evidence.history import Act, Calls, Expected, Muted, Wish, WishKind
from evidence.wishes import (
    ACCEPTED,
    AGAIN,
    EXPIRED,
    GONE,
    GROUP,
    IS_MUTED,
    NO_CALLS,
    NOT_MUTED,
    TOLD,
    Due,
    expectations,
)

NOON = datetime(2028, 1, 3, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CALENDAR = [Due(run=f"daily@{number}", schedule="daily", at=NOON + number * DAY) for number in range(60)]


def wish(wants: WishKind, of: str, after: timedelta, **changes: object) -> Wish:
    return replace(Wish(id=f"wish{after}", wants=wants, of=of, at=NOON + after), **changes)  # type: ignore[arg-type]


def mute(after: timedelta, **changes: object) -> Wish:
    return wish(WishKind.MUTE, "daily", after, **changes)


def muted_runs(*wishes: Wish) -> list[str]:
    """Return the runs that nobody was to be told of."""
    silent = [each for each in expectations(CALENDAR, wishes) if isinstance(each, Muted)]
    assert len(silent) == len({each.run for each in silent}) * len(TOLD)
    return sorted({each.run for each in silent})


def answers(*wishes: Wish) -> Sequence[str]:
    found = {each.run: each for each in expectations(CALENDAR, wishes) if each.act is Act.ANSWER}
    return [each.digest for each in found.values() if isinstance(each, Expected)]


def files(wish: Wish) -> list[tuple[str, str]]:
    found = [each for each in expectations(CALENDAR, [wish]) if each.run == wish.id]
    return [(each.destination, each.act) for each in found if each.act is not Act.ANSWER]


def test_a_calendar_without_wishes_is_told_everywhere() -> None:
    found = [(each.run, each.destination, each.act) for each in expectations(CALENDAR[:1], ())]
    assert found == [("daily@0", destination, act) for destination, act in TOLD]


def test_a_mute_silences_what_is_due_before_its_end() -> None:
    assert muted_runs(mute(HOUR, until=NOON + 2 * DAY + HOUR)) == ["daily@1", "daily@2"]
    assert muted_runs(mute(HOUR, until=NOON + 2 * DAY)) == ["daily@1"]


def test_a_mute_of_the_next_run_silences_one() -> None:
    assert muted_runs(mute(HOUR)) == ["daily@1"]


def test_a_mute_of_another_schedule_silences_nothing() -> None:
    assert muted_runs(wish(WishKind.MUTE, "weekly", HOUR)) == []


def test_an_unmute_ends_a_mute() -> None:
    ended = wish(WishKind.UNMUTE, "daily", DAY + HOUR)
    assert muted_runs(mute(HOUR, until=NOON + 9 * DAY), ended) == ["daily@1"]


def test_the_last_of_two_mutes_counts() -> None:
    assert muted_runs(mute(HOUR, until=NOON + 9 * DAY), mute(2 * HOUR)) == ["daily@1"]


def test_a_mute_by_a_card_changes_no_other_one() -> None:
    by_card = mute(2 * HOUR, card="daily@0", until=NOON + 9 * DAY)
    assert muted_runs(mute(HOUR), by_card) == ["daily@1"]
    assert answers(mute(HOUR), by_card) == [ACCEPTED, IS_MUTED]


@pytest.mark.parametrize(
    ("after", "answer"),
    [(DAY / 2, ACCEPTED), (2 * DAY, NOT_MUTED)],
    ids=["before the run", "after it"],
)
def test_an_unmute_without_a_mute_is_told_so(after: timedelta, answer: str) -> None:
    assert answers(mute(HOUR), wish(WishKind.UNMUTE, "daily", after)) == [ACCEPTED, answer]


def test_who_asks_for_a_run_of_a_muted_schedule_is_told_and_nobody_else() -> None:
    asked = wish(WishKind.RUN, "daily", 2 * HOUR)
    found = list(expectations((), [mute(HOUR, until=NOON + DAY), asked]))
    told = {each.destination for each in found if each.run == asked.id and isinstance(each, Expected)}
    assert told == {GROUP}
    assert {each.destination for each in found if isinstance(each, Muted)} == {
        destination for destination, _ in TOLD if destination != GROUP
    }


def test_a_mute_of_the_next_run_is_not_about_a_run_that_is_asked_for() -> None:
    assert muted_runs(mute(HOUR), wish(WishKind.RUN, "daily", 2 * HOUR)) == ["daily@1"]


def test_a_run_is_asked_for_by_a_fresh_card_only() -> None:
    fresh = wish(WishKind.RUN, "daily", 5 * DAY, card="daily@0")
    old = wish(WishKind.RUN, "daily", 8 * DAY, card="daily@0")
    assert answers(fresh, old) == [ACCEPTED, EXPIRED]
    assert files(fresh) == list(TOLD)
    assert files(old) == []


def test_a_file_is_sent_until_it_is_gone() -> None:
    early, late = (wish(WishKind.FILE, "daily@0", age * DAY) for age in (29, 31))
    assert answers(early, late) == [ACCEPTED, GONE]
    assert files(early) == [(GROUP, Act.FILE)]
    assert files(late) == []


@pytest.mark.parametrize("wants", [WishKind.MUTE, WishKind.RUN, WishKind.FILE])
def test_a_card_of_a_run_that_is_not_kept_is_expired(wants: WishKind) -> None:
    old = wish(wants, "daily@0" if wants is WishKind.FILE else "daily", 181 * DAY, card="daily@0")
    assert answers(old) == [EXPIRED]
    assert muted_runs(old) == []


def test_a_file_is_refused_when_the_calls_are_reserved() -> None:
    asked = wish(WishKind.FILE, "daily@0", HOUR)
    for counted, answer in ((94, ACCEPTED), (95, NO_CALLS)):
        calls = Calls(
            month="2028-01", quota="api", at=NOON, counted=counted, booked=counted, troubles=0, limit=100
        )
        found = [each for each in expectations(CALENDAR, [asked], [calls]) if each.run == asked.id]
        sent = [(each.act, each.digest) for each in found if isinstance(each, Expected)]
        assert sent == [(Act.ANSWER, answer), *[(Act.FILE, "")] * (answer == ACCEPTED)]


def test_a_button_sends_a_file_once_for_each_person() -> None:
    taps = [
        wish(WishKind.FILE, "daily@0", number * HOUR, card="daily@0", person=person)
        for number, person in enumerate(("user01", "user02", "user01"), 1)
    ]
    assert answers(*taps) == [ACCEPTED, ACCEPTED, AGAIN]


def test_what_is_said_without_a_request_may_get_any_answer() -> None:
    assert answers(wish(WishKind.TALK, "", HOUR)) == [""]
