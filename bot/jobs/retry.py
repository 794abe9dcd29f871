"""When to try again: pure, so that it can be read as a table."""

from datetime import timedelta

from bot.errors import TemporaryError

FIRST_DELAY = 2.0  # seconds
MAX_DELAY = 600.0
MAX_FAILURES = 24  # failures; with the waits above that is two and a half hours, or a little more


def wait_before_retry(failures: int, error: TemporaryError, *, spread: float) -> timedelta | None:
    """How long to wait after the `failures`-th failure (from 1), or None to give up.

    The wait doubles from 2 s to 10 minutes and is spread by up to a quarter (`spread` from 0 to 1, drawn
    by the
    caller), so that what failed together does not come back together. What the other side asks for
    (`retry_after`) is never undercut.
    """
    if failures >= MAX_FAILURES:
        return None
    backoff = min(FIRST_DELAY * 2 ** (failures - 1), MAX_DELAY)
    asked = error.retry_after or 0.0
    return timedelta(seconds=max(backoff, asked) * (1 + spread / 4))
