"""`凭据 <执行>` / `proof <run>`: the chain of a run: intention, attempts, what DingTalk answered."""

from bot.chat.context import Context, here
from bot.chat.permissions import Act
from bot.chat.router import RUN, Router
from bot.delivery.audit_trail import chain_of, seen_by
from bot.models import Message, Note

router = Router()

SHOWN = 40


@router.command("凭据", "proof", act=Act.VIEW, argument=RUN, zh="一次执行的全部凭据", en="the chain of a run")
async def proof(ctx: Context, message: Message, run_id: str) -> Note:
    run = await ctx.run_meant(run_id, here(message))
    jobs = await ctx.deliveries.chain(run.id)
    steps, seen = chain_of(jobs), [await ctx.people.called(each) for each in seen_by(jobs)]
    unlisted = max(len(steps) - SHOWN, 0)
    downloads = await ctx.audit.of_run(run.id)
    values = {"chain": steps[:SHOWN], "unlisted": unlisted, "seen": seen, "downloads": downloads}
    return ctx.cards.say("proof", run=run, **values)
