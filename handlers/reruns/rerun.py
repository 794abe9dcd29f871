"""`重跑 [计划]` / `rerun [schedule]`: run a schedule again. The button does the same."""

from bot.chat.context import Context, is_from_page, request_key
from bot.chat.permissions import Permission
from bot.chat.protection import reserve_tapped, start_asked, start_tapped
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import SCHEDULE, ButtonReplies, Router, Synonyms
from bot.chat.superseded import newest_run
from bot.delivery.policy.effective import effective_schedule
from bot.models import MarkdownMessage, Run, Trigger
from bot.runs.lifecycle import TriggerRequest
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank
from handlers.last_report import card_destination

router = Router()


SYNONYMS = Synonyms(
    also=(
        "再跑 | 再跑下 | 重新跑 | 重新跑下 | 重新执行 | 重新运行 | 重新扫描 | 重新扫 | 再执行 | "
        "再次执行 | 再运行 | 再扫 | 再扫描 | 重扫 | 重新来 | 重来 | 再试一次 | 再试 | try again | "
        "再来一次 | 再来一遍 | 重新来一遍 | 重新来一次 | 再重跑 | 重跑下 | 重新启动 | re-run | 跑起来 | "
        "开跑 | 拉起来 | 重新整 | 重新搞 | 重新弄 | 重新做 | 再整 | 再搞 | 再弄 | 再跑一次 | 再跑一遍 | "
        "再跑一下 | 再来 | mind rerunning | mind running | one more time | run once more | restart | "
        "run again | run it again | start again | execute again"
    ),
    common=(
        "跑 | 跑下 | 执行 | 运行 | 启动 | 触发 | 开始 | 扫描 | 扫 | 扫下 | run | start | execute | scan | "
        "trigger | launch | kick off | kickoff | fire | fire up | fire off | retry | 重试"
    ),
)


@router.command(
    "重跑",
    "rerun",
    synonyms=SYNONYMS,
    permission=Permission.OPERATE,
    argument=SCHEDULE,
    zh="重新执行一个计划",
    en="run a schedule again",
)
async def rerun(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    key = f"submit:{request_key(request.message)}"
    existing = await ctx.runs.find_triggered(key)
    if existing:
        return await _accepted(ctx, request, existing)
    schedule = await ctx.find_schedule(request, request.argument)
    run = await start_asked(ctx, request, schedule, key, argument=schedule.id)
    return await _accepted(ctx, request, run)


async def _accepted(ctx: Context, request: CommandRequest, run: Run) -> MarkdownMessage:
    return ctx.cards.reply("rerun_accepted", **await accepted_values(ctx, request, run))


async def accepted_values(ctx: Context, request: CommandRequest, run: Run) -> dict[str, object]:
    """Return the values of the answer to a person who has started a run."""
    override = await ctx.delivery.overrides.find(run.schedule_id)
    return {
        "schedule": run.schedule_name,
        "run": run.id,
        "told": effective_schedule(run.schedule, override).notify_enable,
        "page": is_from_page(request.message),
    }


def tapped_trigger(request: TapRequest, key: str) -> TriggerRequest:
    """Return the request for a run that a tap makes. `key` is the idempotency key of the run."""
    return TriggerRequest(
        idempotency_key=key,
        trigger=Trigger.CARD,
        asked_by=request.tap.user,
        asked_in=card_destination(request.run, request.tap),
    )


def _trigger_request(request: TapRequest) -> TriggerRequest:
    return tapped_trigger(request, f"submit:{request.key}")


async def _reserve(ctx: Context, request: TapRequest) -> None:
    await reserve_tapped(ctx, request, _trigger_request(request))


@router.button(
    ButtonDesign(
        action="rerun",
        label={"zh-CN": "重跑", "en": "Run again"},
        color=ButtonColor.BLUE,
        is_shown=lambda view: view.kind != "running" and not view.state.stamp and view.run.schedule.startable,
        rank=ButtonRank.RERUN,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="rerun_pressed",
        again="rerun_taken",
        precondition=_reserve,
        expires=True,
        free=True,
        dedupe_key=newest_run,
    ),
)
async def rerun_tapped(ctx: Context, request: TapRequest) -> None:
    await start_tapped(ctx, request, _trigger_request(request))
