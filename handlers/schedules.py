"""`计划` / `schedules`: list the schedules, when they fire next, and whether they notify."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router
from bot.models import MarkdownMessage, Schedule

router = Router()

MAX_SCHEDULES_SHOWN = 30


@router.command("计划", "schedules", permission=Permission.VIEW, zh="列出全部计划", en="list all schedules")
async def schedules(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    known = await ctx.visible_schedules(request)
    if not known:
        return ctx.cards.reply("no_schedules_here" if await ctx.schedules.all() else "no_schedules")
    shown = known[:MAX_SCHEDULES_SHOWN]
    await ctx.answers.remember_list(request.message, [schedule.id for schedule in shown], command="状态")
    items = [await _item(ctx, schedule) for schedule in shown]
    return ctx.cards.reply("schedules", items=items, total=len(known))


async def _item(ctx: Context, schedule: Schedule) -> dict[str, object]:
    last = await ctx.runs.find_last(schedule.id)
    return {
        "name": schedule.name,
        "when": schedule.cron or "",
        "at": schedule.at,
        "state": schedule.state.value,
        "next": ctx.schedules.next_run_at(schedule),
        "targets": len(schedule.targets),
        "notify": schedule.notify_enable,
        "last": last.start_time if last else None,
    }
