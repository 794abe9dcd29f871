"""Ranges, as browsers, download programs and attackers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web.spans import Span, span_of

TAG = '"abc"'


def asked(range_: str, only_if: str = "") -> tuple[int, int, bool] | None:
    span = span_of(range_, only_if, size=100, tag=TAG)
    return (span.start, span.stop, span.partial) if span else None


@pytest.mark.parametrize(
    ("range_", "expected"),
    [
        ("bytes=0-", (0, 100, True)),
        ("bytes=10-19", (10, 20, True)),
        ("bytes=90-1000", (90, 100, True)),
        ("bytes=-5", (95, 100, True)),
        ("bytes=-500", (0, 100, True)),
        ("Bytes=99-99", (99, 100, True)),
        ("bytes=100-", None),
        ("bytes=-0", None),
        ("", (0, 100, False)),
        ("bytes=", (0, 100, False)),
        ("bytes=-", (0, 100, False)),
        ("bytes=20-10", (0, 100, False)),
        ("bytes=0-1,5-9", (0, 100, False)),
        ("lines=1-2", (0, 100, False)),
        ("bytes=1-2; x", (0, 100, False)),
        ("bytes=" + "9" * 400 + "-", (0, 100, False)),
        ("bytes=१-२", (0, 100, False)),
    ],
)
def test_a_range_is_one_span_of_the_file(range_: str, expected: tuple[int, int, bool] | None) -> None:
    assert asked(range_) == expected


def test_a_range_of_another_file_is_the_whole_of_this_one() -> None:
    assert asked("bytes=10-", TAG) == (10, 100, True)
    assert asked("bytes=10-", '"another"') == (0, 100, False)
    assert asked("bytes=10-", "Tue, 24 Nov 2026 03:00:00 GMT") == (0, 100, False)


@given(st.text(max_size=40), st.integers(0, 10**6))
def test_no_range_leads_outside(range_: str, size: int) -> None:
    span = span_of("bytes=" + range_, "", size=size, tag=TAG)
    assert span is None or 0 <= span.start <= span.stop <= size


def test_what_a_span_says_of_itself() -> None:
    span = Span(start=10, stop=20, size=100, partial=True)
    assert (span.length, span.content_range) == (10, "bytes 10-19/100")
