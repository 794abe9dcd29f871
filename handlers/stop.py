"""`停止 [计划]` / `stop [schedule]`: stop what is left of a run."""

from collections.abc import Sequence

from bot.chat.context import Context, plain_name, which_run
from bot.chat.permissions import Permission
from bot.chat.router import SCHEDULE, Router
from bot.models import MarkdownMessage, Message, Run

router = Router()

LOOKED_AT = 100  # open runs


@router.command(
    "停止",
    "stop",
    permission=Permission.OPERATE,
    argument=SCHEDULE,
    zh="停止正在执行的",
    en="stop what is running",
)
async def stop(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    running = await _running(ctx, name)
    if not running:
        return ctx.cards.reply("nothing_running")
    if len(running) > 1:
        raise which_run(running, word="stop")
    result = await ctx.runs.stop(running[0])
    return ctx.cards.reply(
        "stop_accepted",
        schedule=running[0].schedule_name,
        run=running[0].id,
        stopped=result.stopped,
        before=result.before,
        left=[{"target": task.target, "why": task.reason} for task in result.left],
    )


async def _running(ctx: Context, name: str) -> Sequence[Run]:
    """The open runs that are meant: by the run's id, or by what their schedule is, or was, called."""
    running, wanted = await ctx.runs.recent(running=True, limit=LOOKED_AT), plain_name(name)
    if not wanted:
        return running
    if await ctx.run_named(wanted):
        return [run for run in running if run.id.startswith(wanted)]
    exact = [run for run in running if wanted in {run.schedule_id, plain_name(run.schedule_name)}]
    found = exact or [run for run in running if wanted in plain_name(run.schedule_name)]
    if not found:
        await ctx.schedule_named(name)  # says so where there is no such schedule
    return found
