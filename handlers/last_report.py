"""`最近报告 [计划]`, `报告 <执行>`: a report as a file, or as a link; and the button on its card."""

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Permission
from bot.chat.router import SCHEDULE_OR_RUN, ButtonReplies, Router
from bot.delivery.plan import card_id
from bot.delivery.recipients import all_recipients
from bot.errors import UserError
from bot.models import (
    CardTap,
    Destination,
    DestinationKind,
    ExportStatus,
    MarkdownMessage,
    Message,
    Report,
    Run,
)

router = Router()


@router.command(
    "最近报告",
    "last report",
    "报告",
    "report",
    permission=Permission.VIEW,
    argument=SCHEDULE_OR_RUN,
    zh="把最近一份报告，或一次执行的报告，发到这里",
    en="send the newest report, or that of one run, here",
)
async def last_report(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    run = await ctx.run_named(name) if name else None
    if run is None:
        return await _newest(ctx, message, name)
    report = await ctx.reports.find(run_id=run.id)
    if report is None:
        return ctx.cards.reply("no_report", schedule=run.schedule_name, why=_why(run))
    return await _hand_over(ctx, message, run, report)


async def _newest(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    schedule = await (ctx.schedule_named(name) if name else ctx.schedule_here(reply_destination(message)))
    report = await ctx.reports.find(schedule_id=schedule.id)
    run = await ctx.runs.find(report.run_id) if report else None
    if report and run:
        return await _hand_over(ctx, message, run, report)
    last = await ctx.runs.last_of(schedule.id)
    why = "never_ran" if last is None else "not_wanted" if not schedule.export else _why(last)
    return ctx.cards.reply("no_report", schedule=schedule.name, why=why)


async def _hand_over(ctx: Context, message: Message, run: Run, report: Report) -> MarkdownMessage:
    """A link costs no call, as it stands in the answer; the file comes by a job."""
    place, cause = reply_destination(message), f"{message.robot_code}:{message.id}"
    affordable = await ctx.delivery.has_calls_left(place)
    if not affordable or not ctx.report_sender.fits(report, place):
        link = await ctx.links.link_for(report, cause=f"message:{cause}")
        if link:
            return ctx.cards.link_message(report, link)
    if not await ctx.delivery.was_asked(run.id, place, cause):
        await _ensure_worth_a_file(ctx, run, place)
        await ctx.budget.charge(message.sender)
    await ctx.delivery.send_report(run, place, cause)
    return ctx.cards.reply("report_on_its_way", name=report.name, size=report.size, made_at=report.made_at)


async def _ensure_worth_a_file(ctx: Context, run: Run, place: Destination) -> None:
    """Raise `UserError` while calls are for summaries alone, or the same file was asked for just now."""
    if not await ctx.delivery.has_calls_left(place):
        raise UserError("calls_run_out")
    asked_at = await ctx.delivery.asked_lately(run.id, place)
    if asked_at:
        raise UserError("report_sent_lately", asked_at=asked_at, schedule=run.schedule_name)


async def worth_a_file(ctx: Context, tap: CardTap, run: Run) -> None:
    await _ensure_worth_a_file(ctx, run, card_place(run, tap))


@router.button(
    "report",
    permission=Permission.VIEW,
    replies=ButtonReplies(
        accepted="report_pressed", again="report_taken", per_person=True, precondition=worth_a_file
    ),
)
async def report_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    place = card_place(run, tap)
    if not await ctx.delivery.asked_lately(run.id, place):  # two may press at the same moment
        await ctx.delivery.send_report(run, place, cause)


def card_place(run: Run, tap: CardTap) -> Destination:
    """Where the card is that was pressed; of a card that was forwarded elsewhere, the presser alone."""
    shown = place_of(run, tap)
    return shown or Destination(kind=DestinationKind.USER, id=tap.user.id, app=tap.app)


def place_of(run: Run, tap: CardTap) -> Destination | None:
    """The place of this run's card where it was pressed; None elsewhere."""
    mine = [place for place in all_recipients(run) if card_id(run.id, place) == tap.card_id]
    near = [place for place in mine if place.id in {tap.conversation_id, tap.user.id}]
    return near[0] if near else None


def _why(run: Run) -> str:
    """The key of the sentence that says why a run has no report."""
    reasons = {
        ExportStatus.PENDING: "running",
        ExportStatus.RUNNING: "exporting",
        ExportStatus.ERROR: "failed",
        ExportStatus.SUCCESS: "swept",
        ExportStatus.SKIPPED: "not_wanted",
    }
    return reasons[run.export_status]
