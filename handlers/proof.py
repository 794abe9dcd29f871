"""`凭据 <执行>` / `proof <run>`: the chain of a run: intention, attempts, what DingTalk answered."""

from bot.access import Act
from bot.context import Context, here
from bot.errors import UserError
from bot.models import Job, Message, Note
from bot.router import Router

router = Router()

KINDS = frozenset({"submit", "export", "card", "note", "file", "update"})
SHOWN = 40


@router.command(
    "凭据", "proof", act=Act.VIEW, argument="[执行]", zh="一次执行的全部凭据", en="the chain of a run"
)
async def proof(ctx: Context, message: Message, run_id: str) -> Note:
    run = await ctx.runs.find(run_id) if run_id else await ctx.runs.last_told(here(message))
    if run is None:
        raise UserError("no_such_run", run=run_id)
    steps = [_step(job) for job in await ctx.deliveries.chain(run.id) if job.kind in KINDS]
    return ctx.cards.say("proof", run=run, steps=steps[:SHOWN], unlisted=max(len(steps) - SHOWN, 0))


def _step(job: Job) -> dict[str, object]:
    return {
        "kind": job.kind,
        "to": job.payload.get("destination", ""),
        "state": job.state.value,
        "asked_at": job.created_at,
        "ended_at": job.ended_at,
        "attempts": job.attempts,
        "message_id": job.result.get("message_id", ""),
        "error": job.error,
        "by": job.payload.get("by", ""),
    }
