"""`重跑失败 [计划]` / `rerun failed [schedule]`, and a button: run the failed tasks of a run again."""

from collections.abc import Sequence

from bot.chat.context import Context, is_from_page, outcome_destination, reply_destination, request_key
from bot.chat.permissions import Permission
from bot.chat.protection import ensure_protected, reserve_tapped, start_request, start_tapped
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import SCHEDULE, ButtonReplies, Router, Synonyms
from bot.chat.superseded import ensure_newest, newest_run
from bot.delivery.policy.effective import effective_schedule
from bot.delivery.recipients import all_recipients
from bot.errors import UserError
from bot.models import MarkdownMessage, Run, Trigger
from bot.runs.history import RECENT_RUNS_LIMIT, retried_run_id, retry_key
from bot.runs.lifecycle import TriggerRequest
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank
from handlers.last_report import card_destination

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
    trigger = TriggerRequest(
        idempotency_key=retry_key(last.id, key),
        trigger=Trigger.CHAT,
        asked_by=request.message.sender,
        asked_in=outcome_destination(request.message),
    )
    await ctx.starts.ensure_free(schedule, trigger)
    wanted = start_request(trigger, request.message.sender)
    await ensure_protected(ctx, request, schedule, wanted, argument=last.id)
    async with ctx.starts.reserved(schedule.id, trigger):
        await ctx.quota.requests.charge(request.message.sender)
        return await _accepted(ctx, request, await ctx.runs.trigger(schedule, trigger))


async def _accepted(ctx: Context, request: CommandRequest, run: Run) -> MarkdownMessage:
    retried = await ctx.runs.find(retried_run_id(run.idempotency_key))
    failed = retried.task_counts.failed if retried and retried.task_counts else 0
    notified = effective_schedule(run.schedule, await ctx.overrides.find(run.schedule_id)).notify_enable
    return ctx.cards.reply(
        "retry_accepted",
        schedule=run.schedule_name,
        run=run.id,
        count=failed,
        told=notified,
        page=is_from_page(request.message),
    )


def _trigger_request(request: TapRequest) -> TriggerRequest:
    return TriggerRequest(
        idempotency_key=retry_key(request.run.id, f"submit:{request.key}"),
        trigger=Trigger.CARD,
        asked_by=request.tap.user,
        asked_in=card_destination(request.run, request.tap),
    )


async def _reserve(ctx: Context, request: TapRequest) -> None:
    """Reserve the start at once, as for a rerun."""
    trigger = _trigger_request(request)
    await ctx.starts.ensure_free(request.run.schedule, trigger)
    await ensure_newest(ctx, request)
    await reserve_tapped(ctx, request, trigger)


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
