"""`重新生成 [执行]` / `regenerate [run]`: export a failed report again. The button does the same."""

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import RUN, ButtonReplies, Router, Synonyms
from bot.models import Destination, MarkdownMessage, Run
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank
from handlers.last_report import ensure_calls_left, tap_destination

router = Router()


SYNONYMS = Synonyms(
    also=(
        "重新生成报告 | 再生成 | 重新导出 | 重新出报告 | 重做报告 | 重新做报告 | "
        "regenerate report | make again"
    ),
)


@router.command(
    "重新生成",
    "regenerate",
    synonyms=SYNONYMS,
    permission=Permission.OPERATE,
    argument=RUN,
    zh="重新生成失败的报告",
    en="make a failed report again",
)
async def regenerate(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    run = await ctx.run_named(request)
    destination, key = reply_destination(request.message), request_key(request.message)
    if not await ctx.reports.exports.asked_by(run, key):
        await _ensure_possible(ctx, destination, run)
        await ctx.quota.requests.charge(request.message.sender)
    await ctx.reports.exports.retry(run, by=request.message.sender.id, cause=key)
    await ctx.delivery.requests.send_report(run, destination, key)
    return ctx.cards.reply("regenerate_accepted", schedule=run.schedule_name, run=run.id)


async def _ensure_possible(ctx: Context, destination: Destination, run: Run) -> None:
    await ctx.reports.exports.ensure_retryable(run)
    await ensure_calls_left(ctx, destination)


async def _can_be_made(ctx: Context, request: TapRequest) -> None:
    await _ensure_possible(ctx, tap_destination(request.run, request.tap), request.run)


async def _export_count(ctx: Context, run: Run) -> str:
    return str(await ctx.reports.exports.count(run))


@router.button(
    ButtonDesign(
        action="regenerate",
        label={"zh-CN": "重新生成", "en": "Make again"},
        color=ButtonColor.GRAY,
        is_shown=lambda view: view.report_state == "failed",
        rank=ButtonRank.REPAIR,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="regenerate_pressed",
        again="regenerate_running",
        precondition=_can_be_made,
        dedupe_key=_export_count,
    ),
)
async def regenerate_tapped(ctx: Context, request: TapRequest) -> None:
    run, tap, key = request.run, request.tap, request.key
    await ctx.reports.exports.retry(run, by=tap.user.id, cause=key)
    await ctx.delivery.requests.send_report(run, tap_destination(run, tap), key)
