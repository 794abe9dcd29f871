"""`凭据 <执行>` / `proof <run>`: the chain of a run: intention, attempts, what DingTalk answered."""

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Permission
from bot.chat.router import RUN, Router
from bot.delivery.audit_trail import audit_trail, seen_by
from bot.models import MarkdownMessage, Message

router = Router()

SHOWN = 40


@router.command(
    "凭据",
    "proof",
    permission=Permission.VIEW,
    argument=RUN,
    zh="一次执行的全部凭据",
    en="the chain of a run",
)
async def proof(ctx: Context, message: Message, run_id: str) -> MarkdownMessage:
    run = await ctx.run_meant(run_id, reply_destination(message))
    jobs = await ctx.resender.jobs(run.id)
    steps, seen = audit_trail(jobs), [await ctx.users.display_name(each) for each in seen_by(jobs)]
    unlisted = max(len(steps) - SHOWN, 0)
    downloads = await ctx.download_log.for_run(run.id)
    values = {"chain": steps[:SHOWN], "unlisted": unlisted, "seen": seen, "downloads": downloads}
    return ctx.cards.reply("proof", run=run, **values)
