"""Notice in time that the calls of a month will not last."""

from collections.abc import Mapping
from datetime import timedelta

from bot.models import QuotaKind
from bot.quota.budget import CHINA, Balance, Forecast, forecast, month_end, month_start
from bot.quota.governor import Governor

MIN_AGE = timedelta(days=3)  # of a month: one busy day at its begin is no trend
MIN_SHORTAGE = timedelta(days=1)  # before the end of the month
MAX_SHARE_AFTER = 0.95  # of the month's calls, at its end: then they last after all


class QuotaProbe:
    """Probes the forecast of one kind of calls."""

    def __init__(self, governor: Governor, kind: QuotaKind) -> None:
        self._governor = governor
        self._kind = kind

    async def check(self, is_open: bool) -> Mapping[str, object] | None:
        """Return the day on which the calls run out, if that is well before the end of the month."""
        balance = await self._governor.balance()
        expected, limit = forecast(balance, self._kind), balance.budget.limit(self._kind)
        if expected is None or not _is_short(balance, expected, limit, is_open=is_open):
            return None
        runs_out = expected.lasts_until or month_end(balance.now)
        return {
            "day": f"{runs_out.astimezone(CHINA):%Y-%m-%d}",
            "used": balance.used(self._kind),
            "limit": limit,
            "at_end": expected.at_end,
            "why": f"{expected.at_end} calls by the end of the month, the limit is {limit}",
        }


def _is_short(balance: Balance, expected: Forecast, limit: int, *, is_open: bool) -> bool:
    if is_open:
        return expected.at_end > limit * MAX_SHARE_AFTER
    if expected.lasts_until is None or balance.now - month_start(balance.now) < MIN_AGE:
        return False
    return month_end(balance.now) - expected.lasts_until >= MIN_SHORTAGE
