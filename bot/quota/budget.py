"""What calls cost in a month, and how deliveries get cheaper as the month runs out. Pure.

An organisation has a number of API calls and one of Webhook & Stream calls per calendar month, shared by all
its apps (pages 1431, 1438); months begin at midnight in China. Sends, cards,
uploads and work notifications cost one API call each; a webhook message, a message or a press that comes in
one of the others. Tokens are free.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import IntEnum

from bot.models import QuotaKind

CHINA = timezone(timedelta(hours=8))

WARNED_AT = (80, 95)  # percent, told to the operator once each
NO_UPDATES_AT, NO_FILE_AT, THRIFTY_AT, SPENT_AT = 0.80, 0.88, 0.95, 0.99
WEBHOOK_UNTIL = 0.90  # of Webhook & Stream calls; the rest is for what people say and press
DIGEST_INTERVAL = timedelta(minutes=10)  # at most so often
SETTLES = timedelta(hours=6)  # of a month; before, a forecast says nothing
RUN_COSTS = {"card": 1, "upload": 1, "file": 1}  # API calls of a finished run with a report


class QuotaLevel(IntEnum):
    """The ladder, from all there is to the least."""

    FULL = 0  #: card, file, every update
    NO_UPDATES = 1  #: a card is not renewed, unless something may not have arrived
    NO_FILE = 2  #: files go to those who ask
    WEBHOOK = 3  #: a message by webhook robot where the destination has one beside it
    DIGEST = 4  #: many runs in one card
    SPENT = 5  #: nothing goes by the API before the month ends


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Calls per month by bucket; 0 or none means that nothing limits them."""

    limits: Mapping[QuotaKind, int] = field(default_factory=dict)

    def limit(self, bucket: QuotaKind) -> int:
        return self.limits.get(bucket, 0)


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What is booked this month. `refused` are the buckets that DingTalk itself says are used up."""

    budget: Budget
    booked: Mapping[str, int]
    now: datetime
    refused: frozenset[QuotaKind] = frozenset()

    def used(self, bucket: QuotaKind) -> int:
        return self.booked.get(bucket, 0)

    def left(self, bucket: QuotaKind) -> int | None:
        """None where nothing limits it."""
        limit = self.budget.limit(bucket)
        if bucket in self.refused:
            return 0
        return max(limit - self.used(bucket), 0) if limit else None

    def share(self, bucket: QuotaKind) -> float:
        """The part of the month's calls that is used, from 0 to 1 (or more, when booked by other apps)."""
        limit = self.budget.limit(bucket)
        if bucket in self.refused:
            return 1.0
        return self.used(bucket) / limit if limit else 0.0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Where the month goes at its pace so far."""

    at_end: int  # calls by the end of the month
    lasts_until: datetime | None  # None: beyond the month's end


def month_of(now: datetime) -> str:
    """The month that a call is booked in, as `2026-11`."""
    return f"{now.astimezone(CHINA):%Y-%m}"


def month_limiter(bucket: QuotaKind) -> str:
    """The gate that is closed while DingTalk says that the month's calls are used up."""
    return f"month:{bucket}"


def month_start(now: datetime) -> datetime:
    return now.astimezone(CHINA).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_end(now: datetime) -> datetime:
    """When the next month begins, and the counts with it."""
    return (month_start(now) + timedelta(days=32)).replace(day=1)


def quota_level(balance: Balance, *, has_fallback: bool = False) -> QuotaLevel:
    """Return the level for destinations of the API. `has_fallback`: they have a fallback webhook."""
    used = balance.share(QuotaKind.API)
    steps = (
        (NO_UPDATES_AT, QuotaLevel.FULL),
        (NO_FILE_AT, QuotaLevel.NO_UPDATES),
        (THRIFTY_AT, QuotaLevel.NO_FILE),
    )
    for border, rung in steps:
        if used < border:
            return rung
    if has_fallback and balance.share(QuotaKind.STREAM) < WEBHOOK_UNTIL:
        return QuotaLevel.WEBHOOK
    return QuotaLevel.DIGEST if used < SPENT_AT else QuotaLevel.SPENT


def webhook_quota_level(balance: Balance) -> QuotaLevel:
    """How a summary goes to a destination that is a webhook robot."""
    used = balance.share(QuotaKind.STREAM)
    if used < WEBHOOK_UNTIL:
        return QuotaLevel.FULL
    return QuotaLevel.DIGEST if used < SPENT_AT else QuotaLevel.SPENT


def digest_wait(balance: Balance, bucket: QuotaKind = QuotaKind.API) -> timedelta:
    """How long a digest gathers, so that what is left for digests lasts to the month's end."""
    limit = balance.budget.limit(bucket)
    left = max(int(limit * SPENT_AT) - balance.used(bucket), 1)
    return max((month_end(balance.now) - balance.now) / left, DIGEST_INTERVAL)


def warnings_of(balance: Balance) -> list[tuple[QuotaKind, int]]:
    """The borders in percent that each bucket has passed, the highest of each alone."""
    passed = []
    for bucket in QuotaKind:
        over = [border for border in WARNED_AT if balance.share(bucket) * 100 >= border]
        passed += [(bucket, over[-1])] if over else []
    return passed


def forecast(balance: Balance, bucket: QuotaKind) -> Forecast | None:
    """None in the first hours of a month, and where nothing limits it."""
    limit, used = balance.budget.limit(bucket), balance.used(bucket)
    start, end = month_start(balance.now), month_end(balance.now)
    passed = balance.now - start
    if not limit or passed < SETTLES:
        return None
    at_end = round(used * ((end - start) / passed))
    if bucket in balance.refused or used >= limit:
        return Forecast(at_end=at_end, lasts_until=balance.now)
    lasts = balance.now + passed * ((limit - used) / used) if used else end
    return Forecast(at_end=at_end, lasts_until=lasts if lasts < end else None)
