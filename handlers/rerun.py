"""`重跑 [计划]` / `rerun [schedule]`: run a schedule again, and the button that does the same."""

from bot.chat.context import Context, here
from bot.chat.permissions import Act
from bot.chat.router import SCHEDULE, Answers, Router
from bot.errors import UserError
from bot.models import CardTap, Message, Note, Run, Trigger
from bot.runs.lifecycle import Cause
from handlers.last_report import place_of

router = Router()


@router.command(
    "重跑", "rerun", act=Act.OPERATE, argument=SCHEDULE, zh="重新执行一个计划", en="run a schedule again"
)
async def rerun(ctx: Context, message: Message, name: str) -> Note:
    place, wish = here(message), f"submit:{message.robot_code}:{message.id}"
    mine = await ctx.runs.begun_by(wish)
    if mine:
        return _accepted(ctx, mine)
    schedule = await (ctx.schedule_named(name) if name else ctx.schedule_here(place))
    running = await already_running(ctx, schedule.id)
    if running:
        raise UserError("rerun_running", **running)
    await ctx.budget.charge(message.sender)
    cause = Cause(id=wish, trigger=Trigger.CHAT, asked_by=message.sender, asked_in=place)
    return _accepted(ctx, await ctx.runs.trigger(schedule, cause))


def _accepted(ctx: Context, run: Run) -> Note:
    told = run.schedule.notify_enable
    return ctx.cards.say("rerun_accepted", schedule=run.schedule_name, run=run.id, told=told)


async def none_is_running(ctx: Context, tap: CardTap, run: Run) -> None:
    running = await already_running(ctx, run.schedule_id)
    if running:
        raise UserError("rerun_running", **running)


@router.button(
    "rerun",
    act=Act.OPERATE,
    answers=Answers(accepted="rerun_pressed", again="rerun_taken", check=none_is_running),
)
async def rerun_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    schedule = await ctx.schedule_of(run)
    await ctx.runs.trigger(
        schedule,
        Cause(
            id=f"submit:{cause}",
            trigger=Trigger.CARD,
            asked_by=tap.user,
            asked_in=place_of(run, tap),
        ),
    )
    await ctx.deliver.show_rerun(run, str(tap.user))


async def already_running(ctx: Context, schedule_id: str) -> dict[str, object] | None:
    """The open run of this schedule: two at once tell nothing that one does not."""
    run = await ctx.runs.open_run_of(schedule_id)
    if run is None:
        return None
    tally = (await ctx.runs.progress([run]))[run.id]
    return {"schedule": run.schedule_name, "run": run.id, "ended": tally.ended, "total": tally.total}
