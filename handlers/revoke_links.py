"""`撤销链接 [执行]` / `revoke [run]`: revoke the download links of a report. The button does the same."""

from bot.chat.context import Context, request_key
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import RUN, ButtonReplies, Router, Synonyms
from bot.errors import UserError
from bot.models import MarkdownMessage, Run
from cards.buttons import ButtonColor, ButtonDesign

router = Router()


SYNONYMS = Synonyms(
    also=(
        "作废链接 | 作废报告链接 | 撤销报告链接 | 作废下载链接 | 报告链接作废 | 下载链接作废 | 撤回链接 | "
        "撤销下载链接 | 链接作废 | 取消链接 | 链接撤销 | 吊销链接 | revoke links | revoke link | "
        "revoke the link | revoke the links"
    ),
    common="作废 | 撤销 | 撤回 | 吊销",
)


@router.command(
    "撤销链接",
    "revoke",
    synonyms=SYNONYMS,
    permission=Permission.OPERATE,
    argument=RUN,
    zh="作废一份报告的全部下载链接",
    en="revoke all download links of a report",
)
async def revoke_links(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    run = await ctx.run_named(request)
    count = await ctx.reports.links.revoke(run.id)
    if not count:
        raise UserError("no_links")
    await ctx.delivery.requests.refresh_cards(run, f"revoked:{request_key(request.message)}")
    return ctx.cards.reply("revoke_accepted", schedule=run.schedule_name, run=run.id, count=count)


async def _has_open_links(ctx: Context, request: TapRequest) -> None:
    if not await ctx.reports.links.has_valid_link(request.run.id):
        raise UserError("no_links")


async def _link_count(ctx: Context, run: Run) -> str:
    return str(await ctx.reports.links.count(run.id))


@router.button(
    ButtonDesign(
        action="revoke",
        label={"zh-CN": "撤销链接", "en": "Revoke links"},
        color=ButtonColor.RED,
        is_shown=lambda view: view.state.linked,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="revoke_pressed",
        again="revoke_taken",
        precondition=_has_open_links,
        free=True,
        dedupe_key=_link_count,
    ),
)
async def revoke_tapped(ctx: Context, request: TapRequest) -> None:
    await ctx.reports.links.revoke(request.run.id)
    await ctx.delivery.requests.refresh_cards(request.run, f"revoked:{request.key}")
