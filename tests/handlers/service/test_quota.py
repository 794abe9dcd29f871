"""Test the command `额度` / `quota`."""

from bot.models import QuotaKind
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import CoreHarness


async def spend(core: CoreHarness, calls: int) -> None:
    core.budget = Budget(limits={QuotaKind.API: 1_000, QuotaKind.STREAM: 0})
    core.build()
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), QuotaKind.API, calls)


async def test_used_left_price_and_forecast_are_told(core: CoreHarness) -> None:
    await spend(core, 820)
    answer = await core.say("额度")
    assert all(word in answer for word in ("820/1,000", "82%", "还剩 180", "3 次调用", "月底 1,0"))
    assert "不再更新卡片" in answer


async def test_without_a_limit_it_says_so(core: CoreHarness) -> None:
    assert "不限" in await core.say("quota")
