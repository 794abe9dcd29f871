"""`额度`."""

from bot.quota.budget import Bucket, Budget, month_of
from bot.stores.sqlite.ledger import SqliteLedger
from tests.conftest import Desk


async def spend(desk: Desk, calls: int) -> None:
    desk.budget = Budget(limits={Bucket.API: 1_000, Bucket.STREAM: 0})
    desk.build()
    await SqliteLedger(desk.store).book(month_of(desk.clock()), Bucket.API, calls)


async def test_used_left_price_and_forecast_are_told(desk: Desk) -> None:
    await spend(desk, 820)
    answer = await desk.say("额度")
    assert all(word in answer for word in ("820/1,000", "82%", "还剩 180", "3 次调用", "月底 1,0"))
    assert "卡片不再更新" in answer


async def test_without_a_limit_it_says_so(desk: Desk) -> None:
    assert "不限" in await desk.say("quota")
