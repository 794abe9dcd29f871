"""`额度` / `quota`: show the month's calls: used, left, the forecast, and what a run costs."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router, Synonyms
from bot.models import MarkdownMessage, QuotaKind
from bot.quota.budget import RUN_COSTS, START_NOTICE_COST, Balance, forecast, month_of, quota_level

router = Router()


SYNONYMS = Synonyms(
    also=(
        "配额 | 调用额度 | 本月额度 | 调用次数 | 剩余次数 | 还剩多少次 | 剩多少次 | 还剩多少 | "
        "还有多少次 | 还能调多少次 | 能调多少次 | 还能用多少次 | 还剩几次 | 多少次调用 | 用了多少次 | "
        "calls are left | how many calls | remaining calls | calls remaining | api calls | calls left"
    ),
)


@router.command(
    "额度",
    "quota",
    synonyms=SYNONYMS,
    permission=Permission.VIEW,
    zh="本月调用额度",
    en="show this month's quota",
)
async def quota(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    balance = await ctx.quota.governor.balance()
    return ctx.cards.reply(
        "quota",
        month=month_of(balance.now),
        rows=[_row(balance, kind) for kind in QuotaKind],
        price=sum(RUN_COSTS.values()),
        start_price=START_NOTICE_COST,
        level=int(quota_level(balance)),
    )


def _row(balance: Balance, kind: QuotaKind) -> dict[str, object]:
    return {
        "kind": kind.value,
        "used": balance.used(kind),
        "limit": balance.budget.limit(kind),
        "left": balance.left(kind),
        "percent": round(balance.share(kind) * 100),
        "refused": kind in balance.refused,
        "forecast": forecast(balance, kind),
    }
