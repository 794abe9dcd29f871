"""`重发 [执行]` / `resend [run]`: send again what failed or is unconfirmed. The button does the same."""

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import RUN, ButtonReplies, Router, Synonyms
from bot.errors import UserError
from bot.models import Destination, MarkdownMessage, Run
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank
from handlers.last_report import ensure_calls_left, tap_destination

router = Router()


SYNONYMS = Synonyms(
    also=(
        "重新发送 | 重新发 | 重新推送 | 补发 | 重新投递 | 重新发一下 | 重新发一遍 | 重新发一次 | send again"
    ),
    asked=(
        "没收到 | 收不到 | 没收着 | 没发出来 | 没发过来 | 没送到 | 没看到文件 | 没看到报告 | 再发 | "
        "再发一次 | 再发一遍 | 再发一下 | not received | did not receive | didn't receive | didn't get | "
        "did not get | send it again"
    ),
    common="再发 | 再发一次 | 再发一遍 | 再发一下 | 再推 | 重推",
)


@router.command(
    "重发",
    "resend",
    "redeliver",
    synonyms=SYNONYMS,
    permission=Permission.OPERATE,
    argument=RUN,
    zh="重发没送到或没确认的消息和文件",
    en="resend what failed or is unconfirmed",
)
async def resend(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    run = await ctx.run_named(request)
    key = request_key(request.message)
    sent = await ctx.delivery.resender.sent_for(run.id, key)
    if not sent:
        await _ensure_undelivered(ctx, reply_destination(request.message), run)
        await ctx.quota.requests.charge(request.message.sender)
        sent = await ctx.delivery.resender.resend_all(run.id, by=request.message.sender.id, cause=key)
    return ctx.cards.reply("resend_accepted", schedule=run.schedule_name, run=run.id, count=len(sent))


async def _ensure_undelivered(ctx: Context, destination: Destination, run: Run) -> None:
    if not await ctx.delivery.resender.undelivered(run.id):
        raise UserError("nothing_to_resend")
    await ensure_calls_left(ctx, destination)


async def _can_be_resent(ctx: Context, request: TapRequest) -> None:
    await _ensure_undelivered(ctx, tap_destination(request.run, request.tap), request.run)


@router.button(
    ButtonDesign(
        action="resend",
        label={"zh-CN": "重发", "en": "Resend"},
        color=ButtonColor.RED,
        is_shown=lambda view: view.state.unconfirmed,
        rank=ButtonRank.REPAIR,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(accepted="resend_pressed", again="resend_taken", precondition=_can_be_resent),
)
async def resend_tapped(ctx: Context, request: TapRequest) -> None:
    await ctx.delivery.resender.resend_all(request.run.id, by=request.tap.user.id, cause=request.key)
