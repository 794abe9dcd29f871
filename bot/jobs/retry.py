"""Compute the backoff between attempts. Pure."""

from datetime import timedelta

from bot.errors import TemporaryError

FIRST_DELAY_SECONDS = 2.0
MAX_DELAY_SECONDS = 600.0
MAX_FAILURES = 24  # with these delays, after about two and a half hours


def wait_before_retry(failures: int, error: TemporaryError, *, spread: float) -> timedelta | None:
    """Return the delay after the n-th failure (from 1), or None to give up.

    The delay doubles from 2 s to 10 minutes and is never shorter than `retry_after` of the error. Up to a
    quarter of jitter is added: `spread` is a random number from 0 to 1.
    """
    if failures >= MAX_FAILURES:
        return None
    backoff = min(FIRST_DELAY_SECONDS * 2 ** (failures - 1), MAX_DELAY_SECONDS)
    return timedelta(seconds=max(backoff, error.retry_after or 0.0) * (1 + spread / 4))
