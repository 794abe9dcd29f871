"""The calendar of the simulated year."""

from datetime import UTC, date, datetime, time

from evidence.year import calendar, instant


def runs(first: date, days: int) -> list[str]:
    return sorted(each.run for each in calendar(first, days))


def test_a_day_has_what_is_due_in_it() -> None:
    assert runs(date(2028, 5, 1), 1) == [  # a Monday, and the first of a month
        "daily@2028-05-01",
        "evening@2028-05-01",
        "monthly@2028-05-01",
        "weekly@2028-05-01",
    ]


def test_a_leap_year_has_one_leap_day() -> None:
    assert [run for run in runs(date(2028, 1, 1), 366) if run.startswith("leap")] == ["leap@2028-02-29"]
    assert not any(run.startswith("leap") for run in runs(date(2027, 1, 1), 365))


def test_a_skipped_time_is_due_when_the_clocks_change() -> None:
    assert instant(date(2028, 3, 26), time(2, 30)) == datetime(2028, 3, 26, 1, 0, tzinfo=UTC)
    assert instant(date(2028, 3, 27), time(2, 30)) == datetime(2028, 3, 27, 0, 30, tzinfo=UTC)


def test_a_repeated_time_is_due_once_at_the_first() -> None:
    assert instant(date(2028, 10, 29), time(2, 30)) == datetime(2028, 10, 29, 0, 30, tzinfo=UTC)
