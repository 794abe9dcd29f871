"""`计划` / `schedules`: what is scheduled, when it fires next, and who is told."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.router import Router
from bot.models import MarkdownMessage, Message, Schedule
from bot.runs.scheduler import next_due

router = Router()

SHOWN = 30


@router.command("计划", "schedules", permission=Permission.VIEW, zh="列出全部计划", en="list all schedules")
async def schedules(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    known = await ctx.engine.schedules()
    if not known:
        return ctx.cards.reply("no_schedules")
    items = [await _item(ctx, schedule) for schedule in known[:SHOWN]]
    await ctx.lists.remember(message, [schedule.id for schedule in known[:SHOWN]])
    return ctx.cards.reply("schedules", items=items, total=len(known))


async def _item(ctx: Context, schedule: Schedule) -> dict[str, object]:
    last = await ctx.runs.last_of(schedule.id)
    return {
        "name": schedule.name,
        "when": schedule.cron or "",
        "at": schedule.at,
        "state": schedule.state.value,
        "next": next_due(schedule, ctx.clock(), ctx.schedule_policy.zone),
        "targets": len(schedule.targets),
        "notify": schedule.notify_enable,
        "last": last.start_time if last else None,
    }
