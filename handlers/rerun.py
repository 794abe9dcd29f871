"""`重跑 [计划]` / `rerun [schedule]`: run a schedule again, and the button that does the same."""

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Permission
from bot.chat.router import SCHEDULE, ButtonReplies, Router
from bot.errors import UserError
from bot.models import CardTap, MarkdownMessage, Message, Run, Trigger
from bot.runs.lifecycle import TriggerRequest
from handlers.last_report import place_of

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
    place, wish = reply_destination(message), f"submit:{message.robot_code}:{message.id}"
    mine = await ctx.runs.begun_by(wish)
    if mine:
        return _accepted(ctx, mine)
    schedule = await (ctx.schedule_named(name) if name else ctx.schedule_here(place))
    running = await already_running(ctx, schedule.id)
    if running:
        raise UserError("rerun_running", **running)
    await ctx.budget.charge(message.sender)
    cause = TriggerRequest(
        idempotency_key=wish, trigger=Trigger.CHAT, asked_by=message.sender, asked_in=place
    )
    return _accepted(ctx, await ctx.runs.trigger(schedule, cause))


def _accepted(ctx: Context, run: Run) -> MarkdownMessage:
    told = run.schedule.notify_enable
    return ctx.cards.reply("rerun_accepted", schedule=run.schedule_name, run=run.id, told=told)


async def none_is_running(ctx: Context, tap: CardTap, run: Run) -> None:
    running = await already_running(ctx, run.schedule_id)
    if running:
        raise UserError("rerun_running", **running)


@router.button(
    "rerun",
    permission=Permission.OPERATE,
    replies=ButtonReplies(accepted="rerun_pressed", again="rerun_taken", precondition=none_is_running),
)
async def rerun_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    schedule = await ctx.schedule_of(run)
    await ctx.runs.trigger(
        schedule,
        TriggerRequest(
            idempotency_key=f"submit:{cause}",
            trigger=Trigger.CARD,
            asked_by=tap.user,
            asked_in=place_of(run, tap),
        ),
    )
    await ctx.delivery.announce_rerun(run, str(tap.user))


async def already_running(ctx: Context, schedule_id: str) -> dict[str, object] | None:
    """The open run of this schedule: two at once tell nothing that one does not."""
    run = await ctx.runs.open_run_of(schedule_id)
    if run is None:
        return None
    tally = (await ctx.runs.progress([run]))[run.id]
    return {"schedule": run.schedule_name, "run": run.id, "ended": tally.ended, "total": tally.total}
