"""`谁触发的 [计划或执行]` / `started by [schedule or run]`: who or what started a run."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import SCHEDULE_OR_RUN, Router, Synonyms
from bot.models import MarkdownMessage
from handlers.questions.failures import find_run_meant

router = Router()

SYNONYMS = Synonyms(
    also=(
        "谁触发 | 谁触发的 | 谁跑的 | 谁启动的 | 谁执行的 | 谁发起的 | 谁重跑的 | 谁弄的 | 谁搞的 | "
        "谁点的 | 谁停的 | 谁停掉的 | 谁给停 | 谁停 | 哪个跑的 | 哪个停的 | 哪个重跑的 | who stopped | "
        "stopped by | 触发人 | 触发原因 | who triggered | who started | who ran | who reran"
    ),
)


@router.command(
    "谁触发的",
    "started by",
    permission=Permission.VIEW,
    argument=SCHEDULE_OR_RUN,
    zh="一次执行是谁触发、谁停止的",
    en="who or what started a run, and who stopped it",
    synonyms=SYNONYMS,
)
async def started_by(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    run = await find_run_meant(ctx, request)
    person = await ctx.people.users.with_name(run.asked_by) if run.asked_by else None
    stopper = await ctx.people.users.with_name(run.stopped_by) if run.stopped_by else None
    return ctx.cards.reply(
        "started_by",
        run=run,
        who=str(person) if person else "",
        by=run.trigger.value,
        stopped_by=str(stopper) if stopper else "",
    )
