"""`重发 [执行]` / `resend [run]`: send again what failed or is unconfirmed. The button does the same."""

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.permissions import Permission
from bot.chat.router import RUN, ButtonReplies, Router
from bot.errors import UserError
from bot.models import CardTap, Destination, MarkdownMessage, Message, Run
from cards.buttons import ButtonColor, ButtonDesign
from handlers.last_report import tap_destination

router = Router()


@router.command(
    "重发",
    "resend",
    "redeliver",
    permission=Permission.OPERATE,
    argument=RUN,
    zh="重发没送到或没确认的消息和文件",
    en="resend what failed or is unconfirmed",
)
async def resend(ctx: Context, message: Message, run_id: str) -> MarkdownMessage:
    run = await ctx.run_named(run_id, message)
    key = request_key(message)
    sent = await ctx.delivery.resender.sent_for(run.id, key)
    if not sent:
        await _ensure_undelivered(ctx, reply_destination(message), run)
        await ctx.quota.requests.charge(message.sender)
        sent = await ctx.delivery.resender.resend_all(run.id, by=message.sender.id, cause=key)
    return ctx.cards.reply("resend_accepted", schedule=run.schedule_name, run=run.id, count=len(sent))


async def _ensure_undelivered(ctx: Context, destination: Destination, run: Run) -> None:
    if not await ctx.delivery.resender.undelivered(run.id):
        raise UserError("nothing_to_resend")
    if not await ctx.delivery.requests.has_calls_left(destination):
        raise UserError("calls_run_out")


async def _can_be_resent(ctx: Context, tap: CardTap, run: Run) -> None:
    await _ensure_undelivered(ctx, tap_destination(run, tap), run)


@router.button(
    ButtonDesign(
        action="resend",
        label={"zh-CN": "重发", "en": "Resend"},
        color=ButtonColor.RED,
        is_shown=lambda view: view.state.unconfirmed,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(accepted="resend_pressed", again="resend_taken", precondition=_can_be_resent),
)
async def resend_tapped(ctx: Context, tap: CardTap, run: Run, key: str) -> None:
    await ctx.delivery.resender.resend_all(run.id, by=tap.user.id, cause=key)
