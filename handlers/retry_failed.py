"""`重跑失败 [计划]` / `rerun failed [schedule]`: run again what did not end well the last time."""

from bot.access import Act
from bot.context import Context, here
from bot.errors import UserError
from bot.models import Message, Note, Run, Schedule, Trigger
from bot.router import Router
from bot.runs import Cause, retried_run, retry_cause
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
    place, wish = here(message), f"submit:{message.robot_code}:{message.id}"
    mine = await ctx.runs.begun_by(wish)
    if mine:
        return await _accepted(ctx, mine)
    schedule = await (ctx.schedule_named(name) if name else ctx.schedule_here(place))
    last = await _last_ended(ctx, schedule)
    running = await already_running(ctx, schedule.id)
    if running:
        raise UserError("rerun_running", **running)
    cause = Cause(
        id=retry_cause(last.id, wish), trigger=Trigger.CHAT, asked_by=message.sender, asked_in=place
    )
    return await _accepted(ctx, await ctx.runs.trigger(schedule, cause))


async def _accepted(ctx: Context, run: Run) -> Note:
    repeated = await ctx.runs.find(retried_run(run.cause))
    failed = repeated.tally.failed if repeated and repeated.tally else 0
    told = run.schedule.notify_enable
    return ctx.cards.say("retry_accepted", schedule=run.schedule_name, run=run.id, count=failed, told=told)


async def _last_ended(ctx: Context, schedule: Schedule) -> Run:
    """The newest ended run with something to repeat.

    One that came to nothing changes nothing: what failed before it can still be repeated.
    """
    runs = await ctx.runs.recent(schedule.id)
    ended = [run for run in runs if run.tally and run.tally.total]
    if not ended or not ended[0].tally or not ended[0].tally.failed:
        raise UserError("nothing_failed", schedule=schedule.name)
    return ended[0]
