"""`重跑失败 [计划]` / `rerun failed [schedule]`, and a button: run the failed tasks of a run again."""

from collections.abc import Sequence

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.permissions import Permission
from bot.chat.protection import reserve_tapped, start_asked, start_tapped
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import SCHEDULE, ButtonReplies, Router, Synonyms
from bot.chat.superseded import newest_run
from bot.delivery.recipients import all_recipients
from bot.errors import UserError
from bot.models import MarkdownMessage, Run
from bot.runs.history import RECENT_RUNS_LIMIT, retried_run_id, retry_key
from bot.runs.lifecycle import TriggerRequest
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank
from handlers.reruns.rerun import accepted_values, tapped_trigger

router = Router()


SYNONYMS = Synonyms(
    also=(
        "重跑失败的 | 重跑失败项 | 重跑失败任务 | rerun the failed | rerun failures | retry failed | "
        "rerun failed tasks | 只跑失败的 | 仅跑失败的 | 只重跑失败的 | rerun failed ones | "
        "rerun the failed ones | rerun only failed | retry failed tasks | rerun only the failed"
    ),
)


@router.command(
    "重跑失败",
    "rerun failed",
    synonyms=SYNONYMS,
    permission=Permission.OPERATE,
    argument=SCHEDULE,
    zh="只重跑上次没成功的任务",
    en="run only the failed tasks again",
)
async def rerun_failed(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    key = f"submit:{request_key(request.message)}"
    existing = await ctx.runs.find_triggered(key)
    if existing:
        return await _accepted(ctx, request, existing)
    last = await (_find_by_name(ctx, request) if request.argument else _find_latest(ctx, request))
    schedule = await ctx.schedule_of(request, last)
    run = await start_asked(ctx, request, schedule, retry_key(last.id, key), argument=last.id)
    return await _accepted(ctx, request, run)


async def _accepted(ctx: Context, request: CommandRequest, run: Run) -> MarkdownMessage:
    retried = await ctx.runs.find(retried_run_id(run.idempotency_key))
    failed = retried.task_counts.failed if retried and retried.task_counts else 0
    return ctx.cards.reply("retry_accepted", count=failed, **await accepted_values(ctx, request, run))


def _trigger_request(request: TapRequest) -> TriggerRequest:
    return tapped_trigger(request, retry_key(request.run.id, f"submit:{request.key}"))


async def _reserve(ctx: Context, request: TapRequest) -> None:
    await reserve_tapped(ctx, request, _trigger_request(request))


@router.button(
    ButtonDesign(
        action="rerun_failed",
        label={"zh-CN": "重跑失败", "en": "Run failed again"},
        color=ButtonColor.BLUE,
        is_shown=lambda view: view.kind == "failed" and not view.state.stamp and view.run.schedule.startable,
        rank=ButtonRank.RETRY,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="retry_pressed",
        again="rerun_taken",
        precondition=_reserve,
        expires=True,
        free=True,
        dedupe_key=newest_run,
    ),
)
async def rerun_failed_tapped(ctx: Context, request: TapRequest) -> None:
    await start_tapped(ctx, request, _trigger_request(request))


async def _find_by_name(ctx: Context, request: CommandRequest) -> Run:
    """Return the run with this id, else the newest run of the schedule.

    Raises:
        UserError: Nothing of it failed.
    """
    run = await ctx.find_run(request, request.argument)
    schedule = run.schedule if run else await ctx.find_schedule(request, request.argument)
    failed = _last_failed([run] if run else await ctx.runs.recent(schedule.id))
    if not failed:
        raise UserError("nothing_failed", schedule=schedule.name)
    return failed[0]


async def _find_latest(ctx: Context, request: CommandRequest) -> Run:
    """Return the newest run with failed tasks, preferably one that was notified of here.

    Raises:
        UserError: There is none.
    """
    failed = _last_failed(await ctx.recent_runs(request, limit=RECENT_RUNS_LIMIT))
    if not failed:
        raise UserError("nothing_failed", schedule="")
    destination = reply_destination(request.message)
    return next((run for run in failed if destination in all_recipients(run)), failed[0])


def _last_failed(runs: Sequence[Run]) -> list[Run]:
    """Return the newest ended run of each schedule if some of its tasks failed.

    A run that could not be submitted is skipped: the tasks that failed before it can still be retried.
    """
    newest: dict[str, Run] = {}
    for run in runs:
        if run.task_counts and run.task_counts.total:
            newest.setdefault(run.schedule_id, run)
    return [run for run in newest.values() if run.task_counts and run.task_counts.failed]
