"""`重跑失败 [计划]` / `rerun failed [schedule]`: run again what did not end well the last time."""

from bot.access import Act
from bot.context import Context, here
from bot.errors import UserError
from bot.models import Message, Note, Run, Schedule, Trigger
from bot.router import Router
from bot.runs import Cause, retry_cause
from handlers.rerun import already_running

router = Router()


@router.command(
    "重跑失败",
    "rerun failed",
    act=Act.OPERATE,
    argument="[计划]",
    zh="只重跑上次没成功的",
    en="run again only what did not end well",
)
async def retry_failed(ctx: Context, message: Message, name: str) -> Note:
    place = here(message)
    schedule = await (ctx.schedule_named(name) if name else ctx.schedule_here(place))
    wish = f"submit:{message.robot_code}:{message.id}"
    last = await _last_ended(ctx, schedule, wish)
    cause = Cause(id=retry_cause(last, wish), trigger=Trigger.CHAT, asked_by=message.sender, asked_in=place)
    running = await already_running(ctx, schedule.id, cause.id)
    if running:
        raise UserError("rerun_running", **running)
    run = await ctx.runs.trigger(schedule, cause)
    failed = last.tally.failed if last.tally else 0
    return ctx.cards.say(
        "retry_accepted", schedule=schedule.name, run=run.id, count=failed, told=schedule.notify_enable
    )


async def _last_ended(ctx: Context, schedule: Schedule, wish: str) -> Run:
    """The newest ended run with something to repeat, but for what this very wish has begun already.

    One that came to nothing changes nothing: what failed before it can still be repeated.
    """
    runs = await ctx.runs.recent(schedule.id)
    ended = [run for run in runs if run.tally and run.tally.total and not run.cause.endswith(wish)]
    if not ended or not ended[0].tally or not ended[0].tally.failed:
        raise UserError("nothing_failed", schedule=schedule.name)
    return ended[0]
