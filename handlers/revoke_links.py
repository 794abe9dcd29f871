"""`撤销链接 [执行]` / `revoke [run]`: let links to a report lead nowhere, and the button on its card."""

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Permission
from bot.chat.router import RUN, ButtonReplies, Router
from bot.errors import UserError
from bot.models import CardTap, MarkdownMessage, Message, Run

router = Router()


@router.command(
    "撤销链接",
    "revoke",
    permission=Permission.OPERATE,
    argument=RUN,
    zh="作废一份报告的全部下载链接",
    en="call back all links to a report",
)
async def revoke(ctx: Context, message: Message, run_id: str) -> MarkdownMessage:
    run = await ctx.run_meant(run_id, reply_destination(message))
    count = await ctx.links.revoke(run.id)
    if not count:
        raise UserError("no_links")
    await ctx.delivery.refresh_cards(run, f"revoked:{message.robot_code}:{message.id}")
    return ctx.cards.reply("revoke_accepted", schedule=run.schedule_name, run=run.id, count=count)


async def some_are_open(ctx: Context, tap: CardTap, run: Run) -> None:
    if not await ctx.links.any_open(run.id):
        raise UserError("no_links")


async def links_so_far(ctx: Context, run: Run) -> str:
    return str(await ctx.links.count(run.id))


@router.button(
    "revoke",
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="revoke_pressed",
        again="revoke_taken",
        precondition=some_are_open,
        free=True,
        dedupe_key=links_so_far,
    ),
)
async def revoke_pressed(ctx: Context, tap: CardTap, run: Run, cause: str) -> None:
    await ctx.links.revoke(run.id)
    await ctx.delivery.refresh_cards(run, f"revoked:{cause}")
