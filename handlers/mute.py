"""`静默 [计划] [多久]` / `mute [schedule] [how long]`, `取消静默` / `unmute`, and a button.

A muted schedule runs and is recorded as usual. Nobody is notified of it, except who asked for a run.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.chat.context import Context, request_key
from bot.chat.language.spans import Span, next_morning, split_span
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import SCHEDULE, ButtonReplies, Router, Synonyms
from bot.delivery.policy.effective import active_mute, end_mute
from bot.errors import UserError
from bot.models import MarkdownMessage, Mute, Run, Schedule, ScheduleOverride
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank

router = Router()

MAX_MUTE = timedelta(days=30)
OFFERED = ("1h", "今天", "下次")  # what a person who names no time may choose from
MUTE_USAGE: Mapping[str, str] = {
    "zh-CN": "[计划] [2h、今天、到 9:00、下次]",
    "en": "[schedule] [2h, today, until 9:00, next]",
}


SYNONYMS = Synonyms(
    also="别提醒 | 别提醒我 | 不要提醒 | 不要提醒我 | 停止提醒 | 关掉提醒 | 关闭提醒 | 取消提醒"
)


@router.command(
    "静默",
    "mute",
    "静音",
    "免打扰",
    "别吵",
    synonyms=SYNONYMS,
    permission=Permission.OPERATE,
    argument=MUTE_USAGE,
    zh="在一段时间内不推送一个计划",
    en="stop notifications of a schedule for a while",
)
async def mute(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    name, span = split_span(request.argument, ctx.clock(), ctx.schedules.zone)
    schedule = await find_schedule(ctx, request, name)
    if span is None:
        raise UserError(
            "mute_how_long", schedule=schedule.name, listed=[f"{schedule.id} {each}" for each in OFFERED]
        )
    _ensure_valid(ctx, span)
    asked = Mute(
        by=request.message.sender, at=ctx.clock(), until=span.until, cause=request_key(request.message)
    )
    override = await ctx.delivery.overrides.change(schedule.id, lambda each: _muted(each, asked))
    stated = override.mute or asked
    return ctx.cards.reply("mute_accepted", schedule=schedule.name, until=stated.until)


async def find_schedule(ctx: Context, request: CommandRequest, name: str) -> Schedule:
    """Return the schedule of a name, of a number in the last list, or the one that is meant without a name.

    Where several are offered, a number repeats the command with what follows the name.

    Raises:
        UserError: There is no such schedule here, or there are several.
        Refused: The person may not do this to it.
    """
    wanted = await ctx.people.answers.resolve(request.message, name) if name else ""
    try:
        return await ctx.find_schedule(request, wanted)
    except UserError as error:
        listed, rest = error.values.get("listed"), request.argument[len(name) :].strip()
        if isinstance(listed, list) and request.argument.startswith(name):
            error.values["listed"] = [f"{each} {rest}".strip() for each in listed]
        raise


def _ensure_valid(ctx: Context, span: Span) -> None:
    if span.until is not None and not ctx.clock() < span.until <= ctx.clock() + MAX_MUTE:
        raise UserError("mute_too_long", days=MAX_MUTE.days)


def _muted(override: ScheduleOverride, asked: Mute) -> ScheduleOverride:
    """Mute a schedule. The same message does so once, also if its run has used up the mute since."""
    if override.mute and override.mute.cause == asked.cause:
        return override
    return replace(override, mute=asked)


@router.command(
    "取消静默",
    "unmute",
    "解除静默",
    "恢复推送",
    "恢复通知",
    permission=Permission.OPERATE,
    argument=SCHEDULE,
    zh="恢复推送",
    en="start notifications of a schedule again",
)
async def unmute(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    key, now = request_key(request.message), ctx.clock()
    if request.argument:
        schedule = await find_schedule(ctx, request, request.argument)
    else:
        schedule = await _find_muted(ctx, request, key)
    override = await ctx.delivery.overrides.find(schedule.id)
    if not _was_ended(override, key) and active_mute(override, now) is None:
        raise UserError("not_muted", schedule=schedule.name)
    await ctx.delivery.overrides.change(schedule.id, lambda each: end_mute(each, key, now))
    return ctx.cards.reply("unmute_accepted", schedule=schedule.name)


def _was_ended(override: ScheduleOverride | None, key: str) -> bool:
    """Return whether this message has ended a mute before."""
    return bool(override and override.mute and override.mute.ended_by == key)


async def _find_muted(ctx: Context, request: CommandRequest, key: str) -> Schedule:
    """Return the only schedule that is muted, or that was until this message ended it.

    Raises:
        UserError: None is muted, or there are several.
    """
    overrides, now = await ctx.delivery.overrides.all(), ctx.clock()
    schedules = await ctx.visible_schedules(request)
    ended = [each for each in schedules if _was_ended(overrides.get(each.id), key)]
    muted = ended or [each for each in schedules if active_mute(overrides.get(each.id), now)]
    if len(muted) > 1:
        raise ctx.schedules.ambiguous(muted)
    if not muted:
        raise UserError("not_muted", schedule="")
    request.access.ensure(Permission.OPERATE, muted[0])
    return muted[0]


async def _not_muted(ctx: Context, request: TapRequest) -> None:
    override = await ctx.delivery.overrides.find(request.run.schedule_id)
    if mute := active_mute(override, ctx.clock()):
        raise UserError("already_muted", schedule=request.run.schedule_name, until=mute.until)


async def override_version(ctx: Context, run: Run) -> str:
    """Tell taps apart between which somebody has changed what is set for the schedule, such as its mute."""
    return str((await ctx.delivery.overrides.find(run.schedule_id)).version)


@router.button(
    ButtonDesign(
        action="mute",
        label={"zh-CN": "静默到明早", "en": "Mute until tomorrow"},
        color=ButtonColor.GRAY,
        is_shown=lambda view: view.kind != "running",
        rank=ButtonRank.MUTE,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="mute_pressed",
        again="mute_taken",
        precondition=_not_muted,
        dedupe_key=override_version,
        free=True,
    ),
)
async def mute_tapped(ctx: Context, request: TapRequest) -> None:
    now = ctx.clock()
    until = next_morning(now, ctx.schedules.zone)
    asked = Mute(by=request.tap.user, at=now, until=until, cause=request.key)
    await ctx.delivery.overrides.change(request.run.schedule_id, lambda each: _muted(each, asked))
