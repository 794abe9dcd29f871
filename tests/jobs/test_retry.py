"""The wait before the next attempt."""

import pytest

from bot.errors import TemporaryError
from bot.jobs.retry import MAX_FAILURES, wait_before_retry


@pytest.mark.parametrize(
    ("failures", "retry_after", "spread", "seconds"),
    [
        (1, None, 0.0, 2),
        (2, None, 0.0, 4),
        (3, None, 1.0, 10),
        (11, None, 0.0, 600),
        (1, 600, 0.0, 600),
        (4, 1, 0.0, 16),
        (1, 10, 1.0, 12.5),
    ],
)
def test_the_wait_grows_is_spread_and_never_undercuts(
    failures: int, retry_after: float | None, spread: float, seconds: float
) -> None:
    wait = wait_before_retry(failures, TemporaryError("busy", retry_after=retry_after), spread=spread)
    assert wait is not None
    assert wait.total_seconds() == seconds


def test_after_enough_failures_it_gives_up() -> None:
    assert wait_before_retry(MAX_FAILURES, TemporaryError("busy"), spread=0) is None
