"""`重跑失败 [计划]` / `rerun failed [schedule]`: run again what did not end well the last time."""

from collections.abc import Sequence

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Permission
from bot.chat.router import SCHEDULE, Router
from bot.delivery.recipients import all_recipients
from bot.errors import UserError
from bot.models import Destination, MarkdownMessage, Message, Run, Trigger
from bot.runs.lifecycle import LAST_NOTIFIED_LIMIT, TriggerRequest, retried_run, retry_cause
from handlers.rerun import already_running

router = Router()


@router.command(
    "重跑失败",
    "rerun failed",
    permission=Permission.OPERATE,
    argument=SCHEDULE,
    zh="只重跑上次没成功的",
    en="run again only what did not end well",
)
async def retry_failed(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    place, wish = reply_destination(message), f"submit:{message.robot_code}:{message.id}"
    mine = await ctx.runs.begun_by(wish)
    if mine:
        return await _accepted(ctx, mine)
    last = await (_named(ctx, name) if name else _newest(ctx, place))
    schedule = await ctx.schedule_of(last)
    running = await already_running(ctx, schedule.id)
    if running:
        raise UserError("rerun_running", **running)
    await ctx.budget.charge(message.sender)
    cause = TriggerRequest(
        idempotency_key=retry_cause(last.id, wish),
        trigger=Trigger.CHAT,
        asked_by=message.sender,
        asked_in=place,
    )
    return await _accepted(ctx, await ctx.runs.trigger(schedule, cause))


async def _accepted(ctx: Context, run: Run) -> MarkdownMessage:
    repeated = await ctx.runs.find(retried_run(run.idempotency_key))
    failed = repeated.task_counts.failed if repeated and repeated.task_counts else 0
    told = run.schedule.notify_enable
    return ctx.cards.reply("retry_accepted", schedule=run.schedule_name, run=run.id, count=failed, told=told)


async def _named(ctx: Context, name: str) -> Run:
    """The run with this id, else the newest run of a schedule; something of it did not end well."""
    run = await ctx.run_named(name)
    schedule = run.schedule if run else await ctx.schedule_named(name)
    ended = [run] if run else await ctx.runs.recent(schedule.id)
    found = _unrepaired(ended)
    if not found:
        raise UserError("nothing_failed", schedule=schedule.name)
    return found[0]


async def _newest(ctx: Context, place: Destination) -> Run:
    """The newest run with something to repeat, of those told here if there is one."""
    failed = _unrepaired(await ctx.runs.recent(limit=LAST_NOTIFIED_LIMIT))
    if not failed:
        raise UserError("nothing_failed", schedule="")
    return next((run for run in failed if place in all_recipients(run)), failed[0])


def _unrepaired(runs: Sequence[Run]) -> list[Run]:
    """Of each schedule its newest ended run, if something of it did not end well.

    One that came to nothing changes nothing: what failed before it can still be repeated.
    """
    newest: dict[str, Run] = {}
    for run in runs:
        if run.task_counts and run.task_counts.total:
            newest.setdefault(run.schedule_id, run)
    return [run for run in newest.values() if run.task_counts and run.task_counts.failed]
