"""`重发 [执行]` / `redeliver [run]`: send again what did not arrive for sure, and the button on its card."""

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Permission
from bot.chat.router import RUN, ButtonReplies, Router
from bot.errors import UserError
from bot.models import CardTap, Destination, MarkdownMessage, Message, Run
from handlers.last_report import card_place

router = Router()


@router.command(
    "重发",
    "redeliver",
    permission=Permission.OPERATE,
    argument=RUN,
    zh="再送一次没送到或没确认的",
    en="send again what did not arrive",
)
async def redeliver(ctx: Context, message: Message, run_id: str) -> MarkdownMessage:
    run = await ctx.run_meant(run_id, reply_destination(message))
    cause = f"{message.robot_code}:{message.id}"
    sent = await ctx.resender.sent_for(run.id, cause)
    if not sent:
        await something_is_troubled(ctx, reply_destination(message), run)
        await ctx.budget.charge(message.sender)
        sent = await ctx.resender.resend_all(run.id, by=message.sender.id, cause=cause)
    return ctx.cards.reply("resend_accepted", schedule=run.schedule_name, run=run.id, count=len(sent))


async def something_is_troubled(ctx: Context, place: Destination, run: Run) -> None:
    if not await ctx.resender.undelivered(run.id):
        raise UserError("nothing_to_resend")
    if not await ctx.delivery.has_calls_left(place):
        raise UserError("calls_run_out")


async def can_be_sent_again(ctx: Context, tap: CardTap, run: Run) -> None:
    await something_is_troubled(ctx, card_place(run, tap), run)


@router.button(
    "resend",
    permission=Permission.OPERATE,
    replies=ButtonReplies(accepted="resend_pressed", again="resend_taken", precondition=can_be_sent_again),
)
async def resend_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    await ctx.resender.resend_all(run.id, by=tap.user.id, cause=cause)
