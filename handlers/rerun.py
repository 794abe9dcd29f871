"""`重跑 [计划]` / `rerun [schedule]`: run a schedule again. The button does the same."""

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.permissions import Permission
from bot.chat.router import SCHEDULE, ButtonReplies, Router
from bot.errors import UserError
from bot.models import CardTap, MarkdownMessage, Message, Run, Trigger
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
async def rerun(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    destination, key = reply_destination(message), f"submit:{request_key(message)}"
    existing = await ctx.runs.find_triggered(key)
    if existing:
        return _accepted(ctx, existing)
    schedule = await (ctx.schedules.find_by_name(name) if name else ctx.schedules.find_default(destination))
    await ensure_not_running(ctx, schedule.id)
    await ctx.quota.requests.charge(message.sender)
    request = TriggerRequest(
        idempotency_key=key, trigger=Trigger.CHAT, asked_by=message.sender, asked_in=destination
    )
    return _accepted(ctx, await ctx.runs.trigger(schedule, request))


def _accepted(ctx: Context, run: Run) -> MarkdownMessage:
    notified = run.schedule.notify_enable
    return ctx.cards.reply("rerun_accepted", schedule=run.schedule_name, run=run.id, told=notified)


async def _not_running(ctx: Context, tap: CardTap, run: Run) -> None:
    await ensure_not_running(ctx, run.schedule_id)


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
async def rerun_tapped(ctx: Context, tap: CardTap, run: Run, key: str) -> None:
    request = TriggerRequest(
        idempotency_key=f"submit:{key}",
        trigger=Trigger.CARD,
        asked_by=tap.user,
        asked_in=card_destination(run, tap),
    )
    await ctx.runs.trigger(await ctx.schedules.find_by_run(run), request)
    await ctx.delivery.requests.announce_rerun(run, str(tap.user))


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
