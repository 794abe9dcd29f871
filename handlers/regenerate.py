"""`重新生成 [执行]` / `regenerate [run]`: make a report again that failed, and the button on its card."""

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Permission
from bot.chat.router import RUN, ButtonReplies, Router
from bot.errors import UserError
from bot.models import CardTap, Destination, MarkdownMessage, Message, Run
from handlers.last_report import card_place

router = Router()


@router.command(
    "重新生成",
    "regenerate",
    permission=Permission.OPERATE,
    argument=RUN,
    zh="再生成一次失败了的报告",
    en="make a report again that failed",
)
async def regenerate(ctx: Context, message: Message, run_id: str) -> MarkdownMessage:
    run = await ctx.run_meant(run_id, reply_destination(message))
    cause = f"{message.robot_code}:{message.id}"
    if not await ctx.exports.asked_by(run, cause):
        await _ensure_possible(ctx, reply_destination(message), run)
        await ctx.budget.charge(message.sender)
    await ctx.exports.retry(run, by=message.sender.id, cause=cause)
    await ctx.delivery.send_report(run, reply_destination(message), cause)
    return ctx.cards.reply("regenerate_accepted", schedule=run.schedule_name, run=run.id)


async def can_be_made(ctx: Context, tap: CardTap, run: Run) -> None:
    await _ensure_possible(ctx, card_place(run, tap), run)


async def _ensure_possible(ctx: Context, place: Destination, run: Run) -> None:
    await ctx.exports.ensure_retryable(run)
    if not await ctx.delivery.has_calls_left(place):
        raise UserError("calls_run_out")


async def attempt(ctx: Context, run: Run) -> str:
    return str(await ctx.exports.count(run))


@router.button(
    "regenerate",
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="regenerate_pressed",
        again="regenerate_running",
        precondition=can_be_made,
        dedupe_key=attempt,
    ),
)
async def regenerate_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    await ctx.exports.retry(run, by=tap.user.id, cause=cause)
    await ctx.delivery.send_report(run, card_place(run, tap), cause)
