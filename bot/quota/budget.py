"""Compute quota levels, thresholds and forecasts from the calls of a month. Pure.

An organization has a monthly limit of API calls and one of Webhook & Stream calls, shared by all its apps
(pages 1431, 1438). Months begin at midnight in China.

- API calls: one for each message, card, card update, upload and work notification.
- Webhook & Stream calls: one for each webhook message, and for each message or card tap that comes in.
- Access tokens are free.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import IntEnum

from bot.models import QuotaKind

CHINA = timezone(timedelta(hours=8))

ALERT_PERCENTAGES = (80, 95)  # operators are alerted once at each
NO_UPDATES_AT, NO_FILE_AT, SAVING_AT, SPENT_AT = 0.80, 0.88, 0.95, 0.99  # shares of the month's calls
MAX_WEBHOOK_SHARE = 0.90  # of Webhook & Stream calls; the rest is for messages and card taps
MIN_DIGEST_INTERVAL = timedelta(minutes=10)
MIN_FORECAST_AGE = timedelta(hours=6)  # of a month; an earlier forecast is meaningless
RUN_COSTS = {"card": 1, "upload": 1, "file": 1}  # API calls of a finished run with a report

START_NOTICE_COST = 1  # API calls more, of a run whose card is sent when it starts


class QuotaLevel(IntEnum):
    """Degree to which notifications are degraded, from full to none."""

    FULL = 0  #: card, file, every update
    NO_UPDATES = 1  #: a card is updated only when a file is unconfirmed
    NO_FILE = 2  #: files are sent only on request
    WEBHOOK = 3  #: summaries are sent by the fallback webhook, where there is one
    DIGEST = 4  #: many runs share one card
    SPENT = 5  #: nothing is sent by the API until the month ends


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Calls per month by kind. 0 or missing is no limit."""

    limits: Mapping[QuotaKind, int] = field(default_factory=dict)

    def limit(self, kind: QuotaKind) -> int:
        return self.limits.get(kind, 0)


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The usage of this month. `refused` are the kinds that DingTalk reported as used up."""

    budget: Budget
    booked: Mapping[str, int]
    now: datetime
    refused: frozenset[QuotaKind] = frozenset()

    def used(self, kind: QuotaKind) -> int:
        return self.booked.get(kind, 0)

    def left(self, kind: QuotaKind) -> int | None:
        """Return the calls that are left. None without a limit."""
        limit = self.budget.limit(kind)
        if kind in self.refused:
            return 0
        return max(limit - self.used(kind), 0) if limit else None

    def share(self, kind: QuotaKind) -> float:
        """Return the share of the month's calls that is used, from 0 to 1 or more."""
        limit = self.budget.limit(kind)
        if kind in self.refused:
            return 1.0
        return self.used(kind) / limit if limit else 0.0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The usage at the end of the month, at the pace so far."""

    at_end: int  # calls by the end of the month
    lasts_until: datetime | None  # None: beyond the month's end


def month_of(now: datetime) -> str:
    """Return the month of a call as text, such as `2026-11`."""
    return f"{now.astimezone(CHINA):%Y-%m}"


def month_limiter(kind: QuotaKind) -> str:
    """Return the limiter that is blocked while DingTalk reports the month's calls as used up."""
    return f"month:{kind}"


def month_start(now: datetime) -> datetime:
    """Return the start of the month in China."""
    return now.astimezone(CHINA).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_end(now: datetime) -> datetime:
    """Return the start of the next month, when the usage is reset."""
    return (month_start(now) + timedelta(days=32)).replace(day=1)


def quota_level(balance: Balance, *, has_fallback: bool = False) -> QuotaLevel:
    """Return the level for destinations of the API. `has_fallback`: they have a fallback webhook."""
    used = balance.share(QuotaKind.API)
    steps = (
        (NO_UPDATES_AT, QuotaLevel.FULL),
        (NO_FILE_AT, QuotaLevel.NO_UPDATES),
        (SAVING_AT, QuotaLevel.NO_FILE),
    )
    for threshold, level in steps:
        if used < threshold:
            return level
    if has_fallback and balance.share(QuotaKind.STREAM) < MAX_WEBHOOK_SHARE:
        return QuotaLevel.WEBHOOK
    return QuotaLevel.DIGEST if used < SPENT_AT else QuotaLevel.SPENT


def webhook_quota_level(balance: Balance) -> QuotaLevel:
    """Return the level for webhook robots."""
    used = balance.share(QuotaKind.STREAM)
    if used < MAX_WEBHOOK_SHARE:
        return QuotaLevel.FULL
    return QuotaLevel.DIGEST if used < SPENT_AT else QuotaLevel.SPENT


def digest_wait(balance: Balance, kind: QuotaKind) -> timedelta:
    """Return how long a digest collects runs, so that the calls last to the end of the month."""
    limit = balance.budget.limit(kind)
    left = max(int(limit * SPENT_AT) - balance.used(kind), 1)
    return max((month_end(balance.now) - balance.now) / left, MIN_DIGEST_INTERVAL)


def passed_thresholds(balance: Balance) -> list[tuple[QuotaKind, int]]:
    """Return the highest threshold, in percent, that each kind has passed."""
    passed = []
    for kind in QuotaKind:
        over = [percent for percent in ALERT_PERCENTAGES if balance.share(kind) * 100 >= percent]
        passed += [(kind, over[-1])] if over else []
    return passed


def forecast(balance: Balance, kind: QuotaKind) -> Forecast | None:
    """Estimate the usage. None in the first hours of a month, and without a limit."""
    used, left = balance.used(kind), balance.left(kind)
    start, end = month_start(balance.now), month_end(balance.now)
    passed = balance.now - start
    if not balance.budget.limit(kind) or passed < MIN_FORECAST_AGE:
        return None
    at_end = round(used * ((end - start) / passed))
    if not left:
        return Forecast(at_end=at_end, lasts_until=balance.now)
    lasts = balance.now + passed * (left / used) if used else end
    return Forecast(at_end=at_end, lasts_until=lasts if lasts < end else None)
