"""Judge the calls of each month: how many the service booked, how many DingTalk counted, and what they allow.

DingTalk's months begin at midnight in China. What the service may hold back depends on the share of a month's
calls that is used. The service knows that by what it booked, which is what DingTalk counted and at most one
more for each trouble.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from operator import attrgetter

from evidence.history import Act, Calls, Expected, Record

CHINA = timezone(timedelta(hours=8))
API, WEBHOOK = "api", "stream_webhook"
NO_FILES_AT, SHARED_AT = 0.88, 0.95  # shares of the API calls from which files and single cards are held back
SHARED_MESSAGES_AT = 0.90  # of Webhook & Stream calls
MOMENT = timedelta(microseconds=1)
LATE = timedelta(hours=3)
"""DingTalk is away for up to 45 minutes, and pauses between attempts reach 12.5."""


def month_of(at: datetime) -> str:
    """Return the month of a call, such as `2028-02`."""
    return f"{at.astimezone(CHINA):%Y-%m}"


def month_end(at: datetime) -> datetime:
    """Return the end of the month of a call."""
    first = at.astimezone(CHINA).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def unexplained(history: Iterable[Record]) -> Iterator[str]:
    """Yield a line for each month whose calls were not booked as DingTalk counted, or exceed its limit."""
    last = {(record.month, record.quota): record for record in history if isinstance(record, Calls)}
    for (month, quota), calls in sorted(last.items()):
        told = f"{calls.booked} {quota} calls of {month} booked, {calls.counted} counted"
        if not 0 <= calls.booked - calls.counted <= calls.troubles:
            yield f"{told}, {calls.troubles} troubles"
        if calls.limit and calls.counted > calls.limit:
            yield f"{told}, of {calls.limit}"


@dataclass(frozen=True, kw_only=True)
class Share:
    """The share of a month's calls that is used at a time, at least and at most."""

    at: datetime
    least: float = 0.0
    most: float = 0.0


class Shares:
    """What is used of the calls over time. It hears of calls in the order of time."""

    def __init__(self) -> None:
        self._shares = defaultdict[tuple[str, str], list[Share]](list)  # by quota and month

    def hear(self, calls: Calls) -> None:
        """Add the calls of a month so far."""
        if calls.limit:
            least, most = calls.counted / calls.limit, (calls.counted + calls.troubles) / calls.limit
            self._shares[calls.quota, calls.month].append(Share(at=calls.at, least=least, most=most))

    def find(self, quota: str, at: datetime) -> Share:
        """Return the share at a time, which is 0 without a limit."""
        shares = self._shares[quota, month_of(at)]
        number = bisect_right(shares, at, key=attrgetter("at"))
        return shares[number - 1] if number else Share(at=at)

    def highest(self, quota: str, begin: datetime, end: datetime) -> float:
        """Return the highest share that may have been used in a time."""
        return max(self.find(quota, at).most for at in (begin, end, min(end, month_end(begin) - MOMENT)))


def relaxed(expected: Expected, shares: Shares) -> Expected:
    """Allow what is expected to come later, or a file to be held back, where the calls run out."""
    by_webhook = expected.destination.startswith("webhook:")
    used = shares.highest(WEBHOOK if by_webhook else API, expected.at, expected.at + LATE)
    if used >= (SHARED_MESSAGES_AT if by_webhook else SHARED_AT):
        expected = replace(expected, latest=month_end(expected.at) + LATE)
    return replace(expected, may_be_withheld=expected.act is Act.FILE and used >= NO_FILES_AT)
