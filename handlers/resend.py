"""`重发 [执行]` / `redeliver [run]`: send again what did not arrive for sure, and the button on its card."""

from bot.chat.context import Context, here
from bot.chat.permissions import Act
from bot.chat.router import RUN, Answers, Router
from bot.errors import UserError
from bot.models import CardTap, Destination, Message, Note, Run
from handlers.last_report import card_place

router = Router()


@router.command(
    "重发",
    "redeliver",
    act=Act.OPERATE,
    argument=RUN,
    zh="再送一次没送到或没确认的",
    en="send again what did not arrive",
)
async def redeliver(ctx: Context, message: Message, run_id: str) -> Note:
    run = await ctx.run_meant(run_id, here(message))
    cause = f"{message.robot_code}:{message.id}"
    sent = await ctx.deliveries.sent_for(run.id, cause)
    if not sent:
        await something_is_troubled(ctx, here(message), run)
        await ctx.budget.charge(message.sender)
        sent = await ctx.deliveries.resend_all(run.id, by=message.sender.id, cause=cause)
    return ctx.cards.say("resend_accepted", schedule=run.schedule_name, run=run.id, count=len(sent))


async def something_is_troubled(ctx: Context, place: Destination, run: Run) -> None:
    if not await ctx.deliveries.troubled(run.id):
        raise UserError("nothing_to_resend")
    if not await ctx.deliver.has_calls_left(place):
        raise UserError("calls_run_out")


async def can_be_sent_again(ctx: Context, tap: CardTap, run: Run) -> None:
    await something_is_troubled(ctx, card_place(run, tap), run)


@router.button(
    "resend",
    act=Act.OPERATE,
    answers=Answers(accepted="resend_pressed", again="resend_taken", check=can_be_sent_again),
)
async def resend_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    await ctx.deliveries.resend_all(run.id, by=tap.user.id, cause=cause)
