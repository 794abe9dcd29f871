"""`重新生成 [执行]` / `regenerate [run]`: make a report again that failed, and the button on its card."""

from bot.chat.context import Context, here
from bot.chat.permissions import Act
from bot.chat.router import RUN, Answers, Router
from bot.errors import UserError
from bot.models import CardTap, Destination, Message, Note, Run
from handlers.last_report import card_place

router = Router()


@router.command(
    "重新生成",
    "regenerate",
    act=Act.OPERATE,
    argument=RUN,
    zh="再生成一次失败了的报告",
    en="make a report again that failed",
)
async def regenerate(ctx: Context, message: Message, run_id: str) -> Note:
    run = await ctx.run_meant(run_id, here(message))
    cause = f"{message.robot_code}:{message.id}"
    if not await ctx.remakes.asked_by(run, cause):
        await _ensure_possible(ctx, here(message), run)
        await ctx.budget.charge(message.sender)
    await ctx.remakes.ask(run, by=message.sender.id, cause=cause)
    await ctx.deliver.send_report(run, here(message), cause)
    return ctx.cards.say("regenerate_accepted", schedule=run.schedule_name, run=run.id)


async def can_be_made(ctx: Context, tap: CardTap, run: Run) -> None:
    await _ensure_possible(ctx, card_place(run, tap), run)


async def _ensure_possible(ctx: Context, place: Destination, run: Run) -> None:
    await ctx.remakes.check(run)
    if not await ctx.deliver.has_calls_left(place):
        raise UserError("calls_run_out")


async def attempt(ctx: Context, run: Run) -> str:
    return str(await ctx.remakes.attempts(run))


@router.button(
    "regenerate",
    act=Act.OPERATE,
    answers=Answers(
        accepted="regenerate_pressed", again="regenerate_running", check=can_be_made, turn=attempt
    ),
)
async def regenerate_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    await ctx.remakes.ask(run, by=tap.user.id, cause=cause)
    await ctx.deliver.send_report(run, card_place(run, tap), cause)
