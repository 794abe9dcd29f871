"""`额度` / `quota`: what is used and left of the month's calls, what a run costs, where the month goes."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.router import Router
from bot.models import MarkdownMessage, Message, QuotaKind
from bot.quota.budget import RUN_COSTS, Balance, forecast, month_of, quota_level

router = Router()


@router.command("额度", "quota", permission=Permission.VIEW, zh="本月调用用了多少", en="the month's calls")
async def quota(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    balance = await ctx.governor.balance()
    return ctx.cards.reply(
        "quota",
        month=month_of(balance.now),
        rows=[_row(balance, bucket) for bucket in QuotaKind],
        price=sum(RUN_COSTS.values()),
        rung=int(quota_level(balance)),
    )


def _row(balance: Balance, bucket: QuotaKind) -> dict[str, object]:
    return {
        "bucket": bucket.value,
        "used": balance.used(bucket),
        "limit": balance.budget.limit(bucket),
        "left": balance.left(bucket),
        "percent": round(balance.share(bucket) * 100),
        "refused": bucket in balance.refused,
        "forecast": forecast(balance, bucket),
    }
