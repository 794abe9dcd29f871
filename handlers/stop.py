"""`停止 [计划]` / `stop [schedule]`: stop what is left of a run."""

from bot.access import Act
from bot.context import Context
from bot.models import Message, Note, TaskStatus
from bot.router import Router

router = Router()


@router.command(
    "停止", "stop", act=Act.OPERATE, argument="[计划]", zh="停止正在执行的", en="stop what is running"
)
async def stop(ctx: Context, message: Message, name: str) -> Note:
    schedule_id = (await ctx.schedule_named(name)).id if name else ""
    running = await ctx.runs.recent(schedule_id, running=True, limit=2)
    if not running:
        return ctx.cards.say("nothing_running")
    if len(running) > 1:
        return ctx.cards.say("which_run", runs=[run.schedule_name for run in running])
    tasks = (await ctx.runs.stop(running[0])).values()
    stopped = sum(task.status is TaskStatus.STOP for task in tasks)
    left = [{"target": task.target, "why": task.reason} for task in tasks if not task.status.ended]
    return ctx.cards.say(
        "stop_accepted",
        schedule=running[0].schedule_name,
        run=running[0].id,
        stopped=stopped,
        before=len(tasks) - stopped - len(left),
        left=left,
    )
