"""`报告列表 [计划]` / `reports [schedule]`: the reports there are."""

from bot.chat.context import Context
from bot.chat.permissions import Act
from bot.chat.router import SCHEDULE, Router
from bot.models import Message, Note

router = Router()

SHOWN = 10


@router.command(
    "报告列表", "reports", act=Act.VIEW, argument=SCHEDULE, zh="列出最近的报告", en="list the newest reports"
)
async def reports(ctx: Context, message: Message, name: str) -> Note:
    schedule = await ctx.schedule_named(name) if name else None
    found = await ctx.reports.newest(schedule.id if schedule else "", limit=SHOWN)
    await ctx.lists.remember(message, [report.run_id for report in found])
    return ctx.cards.say("reports", schedule=schedule.name if schedule else "", reports=found)
