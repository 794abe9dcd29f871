"""`同意 [计划]` / `approve [schedule]`: agree, as the second person, to what somebody else asked for."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.protection import approve as carry_out
from bot.chat.requests import CommandRequest
from bot.chat.router import SCHEDULE, Router
from bot.errors import UserError
from bot.models import MarkdownMessage, Schedule
from bot.runs.approvals import Act

router = Router()


@router.command(
    "同意",
    "approve",
    permission=Permission.OPERATE,
    argument=SCHEDULE,
    zh="同意别人对受保护计划的操作",
    en="agree to what somebody asks of a protected schedule",
)
async def approve(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    if request.argument:
        schedule = await ctx.find_schedule(request, request.argument)
    else:
        schedule = await _find_waiting(ctx, request)
    pending, run = await carry_out(ctx, schedule, request.message.sender)
    return ctx.cards.reply(
        "approved",
        schedule=schedule.name,
        act=pending.act.value if pending else Act.START.value,
        by=str(run.asked_by if pending is None else pending.person),
        run=run.id,
    )


async def _find_waiting(ctx: Context, request: CommandRequest) -> Schedule:
    """Return the only schedule here for which a request waits.

    Raises:
        UserError: There is none, or there are several.
    """
    schedules = await ctx.visible_schedules(request)
    waiting = [schedule for schedule in schedules if await ctx.guards.approvals.find(schedule)]
    if len(waiting) > 1:
        raise ctx.schedules.ambiguous(waiting)
    if not waiting:
        raise UserError("nothing_to_approve", schedule="")
    request.access.ensure(Permission.OPERATE, waiting[0])
    return waiting[0]
