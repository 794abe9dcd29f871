"""`凭据 [执行]` / `proof [run]`: show the audit trail of a run: jobs, attempts, answers, downloads."""

from collections.abc import Sequence

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import RUN, Router, Synonyms
from bot.delivery.audit_trail import audit_trail, seen_by
from bot.external.models import RunEvent
from bot.models import MarkdownMessage, Run

router = Router()

MAX_STEPS_SHOWN = 40
MAX_EVENTS_SHOWN = 20
MAX_LOG_LINES_SHOWN = 10


SYNONYMS = Synonyms(
    also=("证据 | 全过程记录 | 全过程 | 审计记录 | 操作记录 | audit trail"),
    common=("详情 | 明细 | details"),
)


async def _events(ctx: Context, run: Run) -> Sequence[RunEvent]:
    """Return the last reports of the system that executed the run, if another one did."""
    external = await ctx.reports.reported.find(run.id)
    return external.events[-MAX_EVENTS_SHOWN:] if external else ()


async def _log(ctx: Context, run: Run) -> Sequence[str]:
    """Return the last lines of the log of a run that another system executed."""
    lines = (await ctx.reports.reported.find_log(run.id)).splitlines()
    return [line for line in lines if line.strip()][-MAX_LOG_LINES_SHOWN:]


@router.command(
    "凭据",
    "proof",
    synonyms=SYNONYMS,
    permission=Permission.VIEW,
    argument=RUN,
    zh="查看一次执行的全过程记录",
    en="show the audit trail of a run",
)
async def proof(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    run = await ctx.run_named(request)
    jobs = await ctx.delivery.resender.jobs(run.id)
    steps = audit_trail(jobs)
    return ctx.cards.reply(
        "proof",
        run=run,
        chain=steps[:MAX_STEPS_SHOWN],
        unlisted=max(len(steps) - MAX_STEPS_SHOWN, 0),
        seen=[await ctx.people.users.display_name(each) for each in seen_by(jobs)],
        downloads=await ctx.reports.downloads.for_run(run.id),
        events=await _events(ctx, run),
        log=await _log(ctx, run),
    )
