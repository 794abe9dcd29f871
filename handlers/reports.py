"""`报告列表 [计划]` / `reports [schedule]`: list the newest reports."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import SCHEDULE, Router, Synonyms
from bot.models import MarkdownMessage

router = Router()

MAX_REPORTS_SHOWN = 10


SYNONYMS = Synonyms(
    also=(
        "有哪些报告 | 所有报告 | 全部报告 | 历史报告 | 有什么报告 | 列出报告 | 报告历史 | "
        "list reports | all reports"
    ),
)


@router.command(
    "报告列表",
    "reports",
    synonyms=SYNONYMS,
    permission=Permission.VIEW,
    argument=SCHEDULE,
    zh="列出最近的报告",
    en="list the latest reports",
)
async def reports(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    schedule = await ctx.find_schedule(request, request.argument) if request.argument else None
    found = await ctx.recent_reports(request, schedule, limit=MAX_REPORTS_SHOWN)
    await ctx.people.answers.remember_list(
        request.message, [report.run_id for report in found], command="报告"
    )
    return ctx.cards.reply("reports", schedule=schedule.name if schedule else "", reports=found)
