"""`历史 [计划]` / `history [schedule]`: list the last runs, newest first, one line each."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import SCHEDULE, Router, Synonyms
from bot.models import MarkdownMessage, Run, RunStatus, TaskCounts
from cards.summary import SummaryView

router = Router()

MAX_RUNS_SHOWN = 10


SYNONYMS = Synonyms(
    also=(
        "历史记录 | 执行记录 | 运行记录 | 重跑记录 | 执行历史 | 最近执行 | 最近几次 | 最近的执行 | "
        "跑过哪些 | 跑过几次 | 跑了几次 | 执行过几次 | recent runs | last runs | past runs | "
        "show history"
    ),
    common=("记录 | 历次"),
)


@router.command(
    "历史",
    "history",
    synonyms=SYNONYMS,
    permission=Permission.VIEW,
    argument=SCHEDULE,
    zh="列出最近的执行和结果",
    en="list the last runs and their results",
)
async def history(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    schedule = await ctx.find_schedule(request, request.argument) if request.argument else None
    runs = await ctx.recent_runs(request, schedule, limit=MAX_RUNS_SHOWN)
    await ctx.people.answers.remember_list(request.message, [run.id for run in runs], command="凭据")
    return ctx.cards.reply(
        "history", schedule=schedule.name if schedule else "", runs=[run_line(run) for run in runs]
    )


def run_line(run: Run) -> dict[str, object]:
    """Return a run as lists of past runs show it."""
    return {
        **outcome_values(run),
        "since": run.start_time,
        "running": run.status is RunStatus.RUNNING,
        "took": run.end_time - run.start_time if run.end_time else None,
    }


def outcome_values(run: Run) -> dict[str, object]:
    """Return a run and its outcome as every list of runs shows them."""
    view, counts = SummaryView(run=run, report=None), run.task_counts or TaskCounts(total=0)
    return {
        "schedule": run.schedule_name,
        "run": run.id,
        "mark": view.mark,
        "streak": view.streak,
        "recovered": view.turned == "green",
        "done": counts.done,
        "failed": counts.failed - counts.stop,
        "stopped": counts.stop,
        "total": counts.total,
    }
