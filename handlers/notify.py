"""`通知 <计划> 开|关|仅失败|变化|总是|默认` / `notify <schedule> on|off|failed|change|always|default`.

The change is kept in the store, on top of the settings, until it is reset.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router
from bot.delivery.policy.effective import active_mute, change_notification, effective_schedule
from bot.errors import UserError
from bot.models import MarkdownMessage, NotifyChange, NotifyOn, Schedule, ScheduleOverride
from handlers.mute import find_schedule

router = Router()

MAX_SCHEDULES_SHOWN = 30
USAGE: Mapping[str, str] = {
    "zh-CN": "[计划] [开、关、仅失败、变化、总是、默认]",
    "en": "[schedule] [on, off, failed, change, always, default]",
}


@dataclass(frozen=True, kw_only=True)
class Mode:
    """Selection of what a schedule notifies of. `reset`: what the settings say."""

    enable: bool = True
    on: NotifyOn | None = None
    reset: bool = False


_MODES: Mapping[Mode, tuple[str, ...]] = {
    Mode(): ("开", "打开", "开启", "on"),
    Mode(enable=False): ("关", "关闭", "关掉", "off"),
    Mode(on=NotifyOn.FAILED): ("仅失败", "只失败", "失败时", "失败", "failed", "failures", "failed only"),
    Mode(on=NotifyOn.CHANGE): ("变化", "仅变化", "有变化时", "变化时", "change", "changes"),
    Mode(on=NotifyOn.ALWAYS): ("总是", "每次", "全部", "always", "all"),
    Mode(on=NotifyOn.FINISHED): ("结束时", "完成", "finished"),
    Mode(reset=True): ("默认", "恢复默认", "重置", "default", "reset"),
}
MODES = {word: mode for mode, words in _MODES.items() for word in words}


@router.command(
    "通知",
    "notify",
    "推送",
    "notifications",
    permission=Permission.OPERATE,
    argument=USAGE,
    zh="查看或修改一个计划推送什么",
    en="show or change what a schedule notifies of",
)
async def notify(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    name, mode = split_mode(request.argument)
    if not name and mode is None:
        return await _list(ctx, request)
    schedule = await find_schedule(ctx, request, name)
    if mode is None:
        override = await ctx.delivery.overrides.find(schedule.id)
        return ctx.cards.reply("notification", item=notification_item(ctx, schedule, override))
    wanted = NotifyChange(
        by=request.message.sender, at=ctx.clock(), notify_enable=mode.enable, notify_on=mode.on
    )
    override = await ctx.delivery.overrides.change(
        schedule.id,
        lambda each: (
            replace(each, notify=None) if mode.reset else change_notification(schedule, each, wanted)
        ),
    )
    return ctx.cards.reply("notification_changed", item=notification_item(ctx, schedule, override))


def split_mode(text: str) -> tuple[str, Mode | None]:
    """Return the name of a schedule, and the mode at the end of a text, or None if there is none.

    A mode is a word of its own: 网关 is a name.
    """
    words = text.split()
    for count in (2, 1):
        mode = MODES.get(" ".join(words[-count:]).lower()) if len(words) >= count else None
        if mode:
            return " ".join(words[:-count]), mode
    return text, None


async def _list(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    schedules = await ctx.visible_schedules(request)
    if not schedules:
        raise UserError("no_schedules")
    shown, overrides = schedules[:MAX_SCHEDULES_SHOWN], await ctx.delivery.overrides.all()
    await ctx.people.answers.remember_list(request.message, [each.id for each in shown], command="计划")
    empty = ScheduleOverride(schedule_id="")
    items = [notification_item(ctx, each, overrides.get(each.id, empty)) for each in shown]
    return ctx.cards.reply("notifications", items=items, total=len(schedules))


def notification_item(ctx: Context, schedule: Schedule, override: ScheduleOverride) -> Mapping[str, object]:
    """Return what a schedule notifies of, how that differs from the settings, and its mute."""
    effective, mute = effective_schedule(schedule, override), active_mute(override, ctx.clock())
    change = override.notify
    return {
        "name": schedule.name,
        "mode": _mode_of(effective),
        "own_mode": _mode_of(schedule),
        "changed": change is not None,
        "by": str(change.by) if change else "",
        "at": change.at if change else None,
        "muted": mute is not None,
        "until": mute.until if mute else None,
        "unreachable": effective.notify_enable and not schedule.send_to,
    }


def _mode_of(schedule: Schedule) -> str:
    """Return the key of what a schedule notifies of in `words.yaml`."""
    return schedule.notify_on.value if schedule.notify_enable else "off"
