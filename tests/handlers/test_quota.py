"""Test the command `额度` / `quota`."""

from bot.models import QuotaKind
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import CoreHarness


async def spend(desk: CoreHarness, calls: int) -> None:
    desk.budget = Budget(limits={QuotaKind.API: 1_000, QuotaKind.STREAM: 0})
    desk.build()
    await SqliteQuotaStore(desk.store).add_usage(month_of(desk.clock()), QuotaKind.API, calls)


async def test_used_left_price_and_forecast_are_told(desk: CoreHarness) -> None:
    await spend(desk, 820)
    answer = await desk.say("额度")
    assert all(word in answer for word in ("820/1,000", "82%", "还剩 180", "3 次调用", "月底 1,0"))
    assert "不再更新卡片" in answer


async def test_without_a_limit_it_says_so(desk: CoreHarness) -> None:
    assert "不限" in await desk.say("quota")
