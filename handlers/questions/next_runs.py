"""`下次 [计划]` / `next runs [schedule]`: when schedules fire next."""

from datetime import datetime

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import SCHEDULE, Router, Synonyms
from bot.models import MarkdownMessage, Schedule

router = Router()

MAX_SCHEDULES_SHOWN = 10
SYNONYMS = Synonyms(
    also=(
        "下回 | 还会跑 | 还会跑吗 | 还会执行 | 会不会再跑 | 多久跑一次 | how often | 下次执行 | "
        "下次什么时候 | 下次啥时候 | 下一次 | 下次几点 | 下次执行时间 | 下次运行 | 什么时候跑 | "
        "啥时候跑 | 几点跑 | 几点执行 | 什么时候执行 | 何时跑 | 何时执行 | 接下来什么时候 | 执行时间 | "
        "何时再跑 | next | next run | run next | when is the next run | when does it run | upcoming runs"
    ),
)


@router.command(
    "下次",
    "next runs",
    permission=Permission.VIEW,
    argument=SCHEDULE,
    zh="接下来什么时候执行",
    en="when schedules run next",
    synonyms=SYNONYMS,
)
async def next_runs(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    if request.argument:
        found = [await ctx.find_schedule(request, request.argument)]
    else:
        found = list(await ctx.visible_schedules(request))
    if not found:
        return ctx.cards.reply("no_schedules")
    timed = sorted(((ctx.schedules.next_run_at(each), each) for each in found), key=_soonest)
    shown = timed[:MAX_SCHEDULES_SHOWN]
    items = [{"name": each.name, "next": at, "state": each.state.value} for at, each in shown]
    return ctx.cards.reply("next_runs", items=items, total=len(found))


def _soonest(item: tuple[datetime | None, Schedule]) -> tuple[bool, float, str]:
    at, schedule = item
    return at is None, at.timestamp() if at else 0.0, schedule.name
