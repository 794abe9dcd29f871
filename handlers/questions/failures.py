"""`失败 [计划或执行]` / `failures [schedule or run]`: what failed in a run, and why."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import SCHEDULE_OR_RUN, Router, Synonyms
from bot.errors import UserError
from bot.models import MarkdownMessage, Run, TaskCounts

router = Router()

MAX_FAILURES_SHOWN = 20

SYNONYMS = Synonyms(
    also=(
        "怎么回事 | 咋回事 | 咋个回事 | 啥问题 | 啥毛病 | 什么毛病 | 没成功 | 没成功的 | 没跑成功 | "
        "没跑成功的 | 什么问题 | 出问题 | 为什么失败 | 为啥失败 | 失败原因 | 哪些失败 | 失败列表 | "
        "失败任务 | 失败的任务 | 失败项 | 失败的 | 报错 | 报错了 | 报什么错 | 出错 | 出错了 | 错误 | "
        "挂了 | 失败了 | 什么错 | 哪里错了 | 错在哪 | fail | failed | failure | failing | errors | "
        "what failed | what went wrong | went wrong"
    ),
    common="error | errored | wrong | broken | crashed",
)


@router.command(
    "失败",
    "failures",
    permission=Permission.VIEW,
    argument=SCHEDULE_OR_RUN,
    zh="哪些任务没成功，为什么",
    en="what failed in a run, and why",
    synonyms=SYNONYMS,
)
async def failures(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    run = await find_run_meant(ctx, request)
    counts = run.task_counts or (await ctx.runs.progress([run]))[run.id]
    return ctx.cards.reply(
        "failures",
        run=run,
        total=counts.total,
        failed=_failed(counts),
        stopped=counts.stop,
        failures=run.failures[:MAX_FAILURES_SHOWN],
        more=max(counts.failed - MAX_FAILURES_SHOWN, 0),
    )


def _failed(counts: TaskCounts) -> int:
    return counts.failed - counts.stop


async def find_run_meant(ctx: Context, request: CommandRequest) -> Run:
    """Return the run that is named, or the last run of the schedule that is named or meant here.

    Raises:
        UserError: There is none.
    """
    name = request.argument
    run = await ctx.find_run(request, name) if name else None
    if run:
        return run
    schedule = await ctx.find_schedule(request, name)
    last = await ctx.runs.find_last(schedule.id)
    if last is None:
        raise UserError("never_ran", schedule=schedule.name)
    return last
