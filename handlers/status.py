"""`状态 [计划]` / `status [schedule]`: what runs now and how the last runs ended."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.router import SCHEDULE, Router
from bot.errors import PermanentError, TemporaryError
from bot.models import MarkdownMessage, Message, Run, TaskCounts
from cards.summary import SummaryView

router = Router()

SHOWN = 5
LAG_SHOWN = timedelta(minutes=1)  # of reports; what is younger comes with its card


@router.command(
    "状态",
    "status",
    permission=Permission.VIEW,
    argument=SCHEDULE,
    zh="正在执行的和最近结束的",
    en="what runs now and what ended lately",
)
async def status(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    schedule_id = await _meant(ctx, name)
    running = await ctx.runs.recent(schedule_id, running=True, limit=SHOWN)
    ended = [run for run in await ctx.runs.recent(schedule_id, limit=SHOWN * 2) if run.task_counts][:SHOWN]
    await ctx.lists.remember(message, [run.id for run in (*running, *ended)])
    tallies, trouble = await _progress(ctx, running)
    backlog = await ctx.exports.backlog()
    return ctx.cards.reply(
        "status",
        trouble=trouble,
        waiting=backlog.waiting if backlog.lag >= LAG_SHOWN else 0,
        lag=backlog.lag,
        running=[_running(run, tallies.get(run.id)) for run in running],
        recent=[_ended(run, ctx.exports.progress(run)) for run in ended],
    )


async def _meant(ctx: Context, name: str) -> str:
    """The id of the schedule, "" for all of them: also when the engine cannot say which one is meant."""
    try:
        return (await ctx.schedule_named(name)).id if name else ""
    except (TemporaryError, PermanentError):
        return ""


async def _progress(ctx: Context, running: Sequence[Run]) -> tuple[Mapping[str, TaskCounts], str]:
    """How far the open runs are; and what is wrong when the engine, which is asked in any case, does not
    say."""
    try:
        await ctx.engine.schedules()
        return await ctx.runs.progress(running), ""
    except (TemporaryError, PermanentError) as error:
        return {}, str(error)


def mark_of(run: Run) -> str:
    """How a run ended, in the sign that its card has."""
    return SummaryView(run=run, report=None).mark


def _running(run: Run, tally: TaskCounts | None) -> dict[str, object]:
    return {
        "schedule": run.schedule_name,
        "run": run.id,
        "ended": tally.ended if tally else None,
        "total": len(run.task_ids),
        "since": run.start_time,
    }


def _ended(run: Run, exported: int | None) -> dict[str, object]:
    tally = run.task_counts or TaskCounts(total=0)
    return {
        "schedule": run.schedule_name,
        "run": run.id,
        "mark": mark_of(run),
        "done": tally.done,
        "failed": tally.failed - tally.stop,
        "stopped": tally.stop,
        "total": tally.total,
        "ended_at": run.end_time,
        "push": run.push_status.value,
        "export": run.export_status.value,
        "export_rows": exported,
        "export_error": run.export_error,
    }
