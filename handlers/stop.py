"""`停止 [计划]` / `stop [schedule]`, and a button: stop the tasks of a run that have not ended."""

from collections.abc import Sequence

from bot.chat.context import Context, ambiguous_run, request_key
from bot.chat.permissions import Permission
from bot.chat.protection import approve, ensure_protected, ensure_tap_protected, stop_request
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import SCHEDULE, ButtonReplies, Router, Synonyms
from bot.chat.superseded import ensure_newest
from bot.errors import ConfirmationNeeded, UserError
from bot.models import MarkdownMessage, Run, RunStatus, Trigger
from bot.runs.approvals import Protection
from bot.runs.schedule_lookup import normalize_name
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank

router = Router()

MAX_OPEN_RUNS = 100  # searched by name


SYNONYMS = Synonyms(
    also=(
        "停掉 | 停下 | 停下来 | 停一下 | 停 | 停用执行 | 终止 | 中止 | 别跑了 | 别跑啦 | 不要跑了 | "
        "不跑了 | 别再跑了 | 不要再跑了 | 别再扫了 | 别再执行了 | 别扫了 | 不要扫了 | 别执行了 | "
        "取消执行 | 停止执行 | 终止执行 | 停跑 | 叫停 | 停一停 | 中断 | 打断 | 掐掉 | 关停 | 停住 | "
        "terminate | interrupt | stop it | abort | kill"
    ),
    common="关掉 | 关了 | 取消 | 结束掉 | 暂停 | cancel | halt | end",
)


@router.command(
    "停止",
    "stop",
    synonyms=SYNONYMS,
    permission=Permission.OPERATE,
    argument=SCHEDULE,
    zh="停止正在执行的",
    en="stop a running schedule",
)
async def stop(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    runs = await _find_running(ctx, request)
    if not runs:
        return ctx.cards.reply("nothing_running")
    if len(runs) > 1:
        raise ambiguous_run(runs, word="stop")
    (run,) = runs
    await ctx.ensure_run(request, run)
    wanted = stop_request(run, f"stop:{request_key(request.message)}", request.message.sender, Trigger.CHAT)
    await ensure_protected(ctx, request, run.schedule, wanted, argument=run.id)
    if not request.confirmed:
        raise ConfirmationNeeded(
            "stop_confirm", argument=run.id, schedule=run.schedule_name, since=run.start_time, run=run.id
        )
    result = await ctx.runs.stop(run, request.message.sender)
    return ctx.cards.reply(
        "stop_accepted",
        schedule=run.schedule_name,
        run=run.id,
        stopped=result.stopped,
        before=result.before,
        left=[{"target": task.target, "why": task.reason} for task in result.left],
    )


async def _ensure_stoppable(ctx: Context, request: TapRequest) -> None:
    if request.run.status is not RunStatus.RUNNING:
        raise UserError("nothing_running")
    await ensure_newest(ctx, request)
    await ensure_tap_protected(
        ctx, request, stop_request(request.run, f"stop:{request.key}", request.tap.user, Trigger.CARD)
    )
    if not request.confirmed:
        raise ConfirmationNeeded("tap_stop", schedule=request.run.schedule_name)


@router.button(
    ButtonDesign(
        action="stop",
        label={"zh-CN": "停止", "en": "Stop"},
        color=ButtonColor.RED,
        is_shown=lambda view: view.kind == "running",
        rank=ButtonRank.STOP,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="stop_pressed", again="stop_taken", precondition=_ensure_stoppable, expires=True, free=True
    ),
)
async def stop_tapped(ctx: Context, request: TapRequest) -> None:
    if ctx.guards.approvals.protection(request.run.schedule) is Protection.TWO_PERSON:
        await approve(ctx, request.run.schedule, request.tap.user)
    else:
        await ctx.runs.stop(request.run, request.tap.user)


async def _find_running(ctx: Context, request: CommandRequest) -> Sequence[Run]:
    """Return the running runs here with this id, or whose schedule has, or had, this name.

    Raises:
        UserError: There is no such schedule here.
    """
    running = await ctx.recent_runs(request, running=True, limit=MAX_OPEN_RUNS)
    wanted = normalize_name(request.argument)
    if not wanted:
        return running
    named = await ctx.find_run(request, wanted)
    if named:
        return [run for run in running if run.id == named.id]
    exact = [run for run in running if wanted in {run.schedule_id, normalize_name(run.schedule_name)}]
    found = exact or [run for run in running if wanted in normalize_name(run.schedule_name)]
    if not found:
        await ctx.find_schedule(request, request.argument)
    return found
