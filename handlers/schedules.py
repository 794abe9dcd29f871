"""`计划 [计划]` / `schedules [schedule]`: list the schedules, or show one in detail."""

from collections.abc import Mapping

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import SCHEDULE, Router, Synonyms
from bot.delivery.policy.effective import active_mute, effective_schedule
from bot.delivery.recipients import options_for
from bot.models import (
    CHANNEL_KINDS,
    Destination,
    MarkdownMessage,
    Schedule,
    ScheduleOverride,
)
from handlers.history import run_line
from handlers.notify import notification_item

router = Router()

MAX_SCHEDULES_SHOWN = 30
MAX_TIMES_SHOWN, MAX_TARGETS_SHOWN, MAX_RUNS_SHOWN, MAX_RECIPIENTS_SHOWN = 5, 8, 5, 10


SYNONYMS = Synonyms(
    also=(
        "计划列表 | 任务列表 | 有哪些任务 | 都有哪些任务 | 有啥任务 | 有什么任务 | 哪些计划 | 哪些任务 | "
        "都有啥 | which schedules | which jobs | what jobs | schedules do we have | jobs do we have | "
        "schedules do you have | schedules are there | jobs are there | 几个扫描计划 | 多少扫描计划 | "
        "哪些扫描计划 | 多少计划 | 多少个计划 | list schedules | all schedules | what schedules"
    ),
    common="任务 | jobs",
)


@router.command(
    "计划",
    "schedules",
    "schedule",
    permission=Permission.VIEW,
    argument=SCHEDULE,
    zh="列出全部计划，或查看一个计划的详情",
    en="list all schedules, or show one in detail",
    synonyms=SYNONYMS,
)
async def schedules(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    if request.argument:
        return await _show(ctx, request, await ctx.find_schedule(request, request.argument))
    known = await ctx.visible_schedules(request)
    if not known:
        return ctx.cards.reply("no_schedules_here" if await ctx.schedules.all() else "no_schedules")
    shown, overrides = known[:MAX_SCHEDULES_SHOWN], await ctx.delivery.overrides.all()
    await ctx.people.answers.remember_list(
        request.message, [schedule.id for schedule in shown], command="计划"
    )
    items = [await _item(ctx, schedule, overrides.get(schedule.id)) for schedule in shown]
    return ctx.cards.reply("schedules", items=items, total=len(known))


async def _item(ctx: Context, schedule: Schedule, override: ScheduleOverride | None) -> Mapping[str, object]:
    last = await ctx.runs.find_last(schedule.id)
    return {
        **_times(schedule),
        "next": ctx.schedules.next_run_at(schedule),
        "targets": len(schedule.targets),
        "notify": effective_schedule(schedule, override).notify_enable,
        "muted": active_mute(override, ctx.clock()) is not None,
        "last": last.start_time if last else None,
    }


def _times(schedule: Schedule) -> Mapping[str, object]:
    return {
        "name": schedule.name,
        "when": schedule.cron or "",
        "at": schedule.at,
        "state": schedule.state.value,
    }


async def _show(ctx: Context, request: CommandRequest, schedule: Schedule) -> MarkdownMessage:
    override = await ctx.delivery.overrides.find(schedule.id)
    effective = effective_schedule(schedule, override)
    runs = await ctx.recent_runs(request, schedule, limit=MAX_RUNS_SHOWN)
    listed = [run.id for run in runs]
    await ctx.people.answers.remember_list(request.message, listed, command="凭据")
    reached = [to for to in schedule.send_to if to.kind in CHANNEL_KINDS[schedule.notify_channel]]
    return ctx.cards.reply(
        "schedule",
        item={**_times(schedule), "id": schedule.id, "export": schedule.export},
        protection=ctx.guards.approvals.protection(schedule).value,
        times=ctx.schedules.next_runs(schedule, MAX_TIMES_SHOWN),
        targets=schedule.targets[:MAX_TARGETS_SHOWN],
        target_count=len(schedule.targets),
        notification=notification_item(ctx, schedule, override),
        recipients=[await _recipient(ctx, request, effective, to) for to in reached[:MAX_RECIPIENTS_SHOWN]],
        recipient_count=len(reached),
        runs=[run_line(run) for run in runs],
    )


async def _recipient(
    ctx: Context, request: CommandRequest, schedule: Schedule, to: Destination
) -> Mapping[str, object]:
    """Return a destination by its name, with what it is notified of if that is something else."""
    options = options_for(schedule, to)
    name = await ctx.people.users.display_name(to.id) if to.is_person else to.id
    return {
        "kind": to.kind.value,
        "name": (await ctx.people.users.group_title(to.id) or to.id) if to.is_group else name,
        "here": to == reply_destination(request.message),
        "mode": options.notify_on.value if options.notify_on else "",
        "mentions": [await ctx.people.users.display_name(each) for each in options.mention],
        "only_failed": options.only_failed,
        "file": options.file.value,
    }
