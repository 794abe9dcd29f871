"""`最近报告 [计划]` / `last report [schedule]`: the newest report as a file, and the button on its card."""

from bot.access import Act
from bot.context import Context, here
from bot.models import CardTap, Destination, DestinationKind, ExportStatus, Message, Note, Run, Schedule
from bot.plan import audience
from bot.router import Answers, Router

router = Router()


@router.command(
    "最近报告",
    "last report",
    "报告",
    "report",
    act=Act.VIEW,
    argument="[计划]",
    zh="把最近一份报告发到这里",
    en="send the newest report here",
)
async def last_report(ctx: Context, message: Message, name: str) -> Note:
    place = here(message)
    schedule = await (ctx.schedule_named(name) if name else ctx.schedule_here(place))
    report = await ctx.reports.find(schedule_id=schedule.id)
    run = await ctx.runs.find(report.run_id) if report else None
    if report is None or run is None:
        return ctx.cards.say("no_report", schedule=schedule.name, why=await _why(ctx, schedule))
    await ctx.deliver.send_report(run, place, f"{message.robot_code}:{message.id}")
    return ctx.cards.say("report_on_its_way", name=report.name, size=report.size)


@router.button(
    "report",
    act=Act.VIEW,
    answers=Answers(accepted="report_pressed", again="report_taken", per_person=True),
)
async def report_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    """The file comes where the card is; to a card that was forwarded elsewhere, to the presser alone."""
    shown = [place for place in audience(run) if place.id in {tap.conversation_id, tap.user.id}]
    alone = Destination(kind=DestinationKind.USER, id=tap.user.id)
    await ctx.deliver.send_report(run, shown[0] if shown else alone, cause)


async def _why(ctx: Context, schedule: Schedule) -> str:
    """The key of the sentence that says why there is no report."""
    run = await ctx.runs.last_of(schedule.id)
    if run is None:
        return "never_ran"
    if not schedule.export:
        return "not_wanted"
    reasons = {
        ExportStatus.PENDING: "running",
        ExportStatus.RUNNING: "exporting",
        ExportStatus.ERROR: "failed",
        ExportStatus.SUCCESS: "swept",
        ExportStatus.SKIP: "not_wanted",
    }
    return reasons[run.export_status]
