"""`重跑 [计划]` / `rerun [schedule]`: run a schedule again. The button does the same."""

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import SCHEDULE, ButtonReplies, Router
from bot.errors import UserError
from bot.models import MarkdownMessage, Run, Trigger
from bot.runs.lifecycle import TriggerRequest
from cards.buttons import ButtonColor, ButtonDesign
from handlers.last_report import card_destination

router = Router()


@router.command(
    "重跑",
    "rerun",
    permission=Permission.OPERATE,
    argument=SCHEDULE,
    zh="重新执行一个计划",
    en="run a schedule again",
)
async def rerun(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    destination, key = reply_destination(request.message), f"submit:{request_key(request.message)}"
    existing = await ctx.runs.find_triggered(key)
    if existing:
        return _accepted(ctx, existing)
    name = request.argument
    schedule = await (ctx.schedules.find_by_name(name) if name else ctx.schedules.find_default(destination))
    await ensure_not_running(ctx, schedule.id)
    await ctx.quota.requests.charge(request.message.sender)
    trigger = TriggerRequest(
        idempotency_key=key, trigger=Trigger.CHAT, asked_by=request.message.sender, asked_in=destination
    )
    return _accepted(ctx, await ctx.runs.trigger(schedule, trigger))


def _accepted(ctx: Context, run: Run) -> MarkdownMessage:
    notified = run.schedule.notify_enable
    return ctx.cards.reply("rerun_accepted", schedule=run.schedule_name, run=run.id, told=notified)


async def _not_running(ctx: Context, request: TapRequest) -> None:
    await ensure_not_running(ctx, request.run.schedule_id)


@router.button(
    ButtonDesign(
        action="rerun",
        label={"zh-CN": "重跑", "en": "Run again"},
        color=ButtonColor.BLUE,
        is_shown=lambda view: not view.state.rerun_by,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(accepted="rerun_pressed", again="rerun_taken", precondition=_not_running),
)
async def rerun_tapped(ctx: Context, request: TapRequest) -> None:
    trigger = TriggerRequest(
        idempotency_key=f"submit:{request.key}",
        trigger=Trigger.CARD,
        asked_by=request.tap.user,
        asked_in=card_destination(request.run, request.tap),
    )
    await ctx.runs.trigger(await ctx.schedules.find_by_run(request.run), trigger)
    await ctx.delivery.requests.announce_rerun(request.run, str(request.tap.user))


async def ensure_not_running(ctx: Context, schedule_id: str) -> None:
    """Refuse to start a schedule whose last run has not ended.

    Raises:
        UserError: It is running; the values tell how far it is.
    """
    run = await ctx.runs.find_running(schedule_id)
    if run:
        counts = (await ctx.runs.progress([run]))[run.id]
        raise UserError(
            "rerun_running", schedule=run.schedule_name, run=run.id, ended=counts.ended, total=counts.total
        )
