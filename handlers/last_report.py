"""`最近报告 [计划]`, `报告 <执行>`: send a report as a file or a link. The button does the same."""

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import SCHEDULE_OR_RUN, ButtonReplies, Router, Synonyms
from bot.delivery.plan import card_id
from bot.delivery.recipients import all_recipients, refuses_report
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
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank
from cards.summary import Withheld

router = Router()

_REASONS = {
    ExportStatus.PENDING: "running",
    ExportStatus.RUNNING: "exporting",
    ExportStatus.ERROR: "failed",
    ExportStatus.SUCCESS: "expired",
    ExportStatus.SKIPPED: "disabled",
}
"""Why a run has no report, as the phrase `no_report` knows it."""


SYNONYMS = Synonyms(
    also=(
        "最近的报告 | 最新报告 | 最新的报告 | 上次的报告 | 报表 | 报告发我 | 报告发给我 | 发报告 | "
        "报告单 | 导出报告 | 下载报告 | excel | xlsx | 表格 | reports of | latest report | report of"
    ),
    common=(
        "链接 | 下载链接 | 报告链接 | link | links | download link | 导出 | 下载 | 文件 | 发我 | 发给我 | "
        "发一下 | 发下 | 发 | 发到 | download | export | file | send me | send"
    ),
)


@router.command(
    "最近报告",
    "last report",
    "报告",
    "report",
    synonyms=SYNONYMS,
    permission=Permission.VIEW,
    argument=SCHEDULE_OR_RUN,
    zh="把最近一份报告，或某次执行的报告，发到这里",
    en="send the latest report, or that of one run, here",
)
async def last_report(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    run = await ctx.find_run(request, request.argument) if request.argument else None
    if run is None:
        return await _send_latest(ctx, request)
    report = await ctx.reports.repository.find(run_id=run.id)
    if report is None:
        return ctx.cards.reply("no_report", schedule=run.schedule_name, why=_REASONS[run.export_status])
    return await _send(ctx, request.message, run, report)


async def _send_latest(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    schedule = await ctx.find_schedule(request, request.argument)
    report = await ctx.reports.repository.find(schedule_id=schedule.id)
    run = await ctx.runs.find(report.run_id) if report else None
    if report and run:
        return await _send(ctx, request.message, run, report)
    last = await ctx.runs.find_last(schedule.id)
    reason = "never_ran" if last is None else "disabled"
    if last and schedule.export:
        reason = _REASONS[last.export_status]
    return ctx.cards.reply("no_report", schedule=schedule.name, why=reason)


async def _send(ctx: Context, message: Message, run: Run, report: Report) -> MarkdownMessage:
    """Answer with a link where a file cannot go; it costs no call. A file is sent by a job."""
    destination, key = reply_destination(message), request_key(message)
    _ensure_wanted(run, destination)
    requests = ctx.delivery.requests
    affordable = await requests.has_calls_left(destination)
    if not affordable or not ctx.delivery.files.fits(report, destination):
        link = await ctx.reports.links.issue(report, cause=f"message:{key}")
        if link:
            return ctx.cards.link_message(report, link)
    if not await requests.was_asked(run.id, destination, key):
        await _ensure_sendable(ctx, run, destination)
        await ctx.quota.requests.charge(message.sender)
    await requests.send_report(run, destination, key)
    return ctx.cards.reply("report_on_its_way", name=report.name, size=report.size, made_at=report.made_at)


def _ensure_wanted(run: Run, destination: Destination) -> None:
    """Refuse what the settings keep out of this conversation, as a file and as a link. Raises `UserError`."""
    if refuses_report(run, destination):
        raise UserError("report_not_here", schedule=run.schedule_name)


async def _ensure_sendable(ctx: Context, run: Run, destination: Destination) -> None:
    """Refuse a file while calls are reserved for summaries, or when it was requested a moment ago.

    Raises:
        UserError: The file is not sent.
    """
    await ensure_calls_left(ctx, destination)
    asked_at = await ctx.delivery.requests.asked_lately(run.id, destination)
    if asked_at:
        raise UserError("report_sent_lately", asked_at=asked_at, schedule=run.schedule_name)


async def ensure_calls_left(ctx: Context, destination: Destination) -> None:
    """Refuse what people ask for while the calls that are left are reserved for summaries.

    Raises:
        UserError: It would cost a call.
    """
    if not await ctx.delivery.requests.has_calls_left(destination):
        raise UserError("calls_run_out")


async def _can_be_sent(ctx: Context, request: TapRequest) -> None:
    destination = tap_destination(request.run, request.tap)
    _ensure_wanted(request.run, destination)
    if await ctx.reports.repository.has_expired(request.run.id):
        raise UserError("report_expired", schedule=request.run.schedule_name)
    await _ensure_sendable(ctx, request.run, destination)


@router.button(
    ButtonDesign(
        action="report",
        label={"zh-CN": "获取报告", "en": "Get report"},
        color=ButtonColor.GRAY,
        is_shown=lambda view: view.report is not None and view.state.withheld is not Withheld.NEVER,
        rank=ButtonRank.REPORT,
    ),
    permission=Permission.VIEW,
    replies=ButtonReplies(
        accepted="report_pressed", again="report_taken", per_person=True, precondition=_can_be_sent
    ),
)
async def report_tapped(ctx: Context, request: TapRequest) -> None:
    run, destination = request.run, tap_destination(request.run, request.tap)
    if not await ctx.delivery.requests.asked_lately(run.id, destination):  # two taps at the same moment
        await ctx.delivery.requests.send_report(run, destination, request.key)


def tap_destination(run: Run, tap: CardTap) -> Destination:
    """Return where the card is, or else the person who tapped."""
    return card_destination(run, tap) or Destination(kind=DestinationKind.USER, id=tap.user.id, app=tap.app)


def card_destination(run: Run, tap: CardTap) -> Destination | None:
    """Return the destination of this run's card. Taps on a forwarded card are refused before."""
    return next((place for place in all_recipients(run) if card_id(run.id, place) == tap.card_id), None)
