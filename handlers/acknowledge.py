"""`确认 [计划或执行] [多久]` / `ack [schedule or run] [how long]`: say that one takes care of a failure.

The button does the same. Everybody sees it on the card, and nobody is reminded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.chat.context import Context, request_key
from bot.chat.language.spans import split_span
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.router import ButtonReplies, Router
from bot.delivery.policy.effective import acknowledgement_of
from bot.delivery.recipients import has_failures
from bot.errors import UserError
from bot.models import Acknowledgement, MarkdownMessage, Person, Run, RunStatus
from bot.runs.history import RECENT_RUNS_LIMIT
from cards.buttons import ButtonColor, ButtonDesign, ButtonRank
from handlers.mute import override_version

router = Router()

DEFAULT_SPAN, MAX_SPAN = timedelta(hours=24), timedelta(days=30)
USAGE: Mapping[str, str] = {
    "zh-CN": "[计划或执行] [2h、今天、到 9:00]",
    "en": "[schedule or run] [2h, today, until 9:00]",
}


@router.command(
    "确认",
    "ack",
    "acknowledge",
    "知道了",
    "我来处理",
    "我来看",
    permission=Permission.OPERATE,
    argument=USAGE,
    zh="认领一次失败，告诉大家你在处理",
    en="tell everybody that you take care of a failure",
)
async def acknowledge(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    now = ctx.clock()
    name, span = split_span(request.argument, now, ctx.schedules.zone)
    run = await _find_failed(ctx, request, name)
    until = (span.until if span else None) or now + DEFAULT_SPAN
    if not now < until <= now + MAX_SPAN:
        raise UserError("acknowledge_too_long", days=MAX_SPAN.days)
    await _acknowledge(ctx, run, request.message.sender, until, key=request_key(request.message))
    return ctx.cards.reply("acknowledged", schedule=run.schedule_name, run=run.id, until=until)


async def _find_failed(ctx: Context, request: CommandRequest, name: str) -> Run:
    """Return the failed run that is meant: the newest of a schedule, or of all that are shown here.

    Raises:
        UserError: There is none, or the newest run has not failed.
    """
    wanted = await ctx.people.answers.resolve(request.message, name) if name else ""
    run = await ctx.find_run(request, wanted) if wanted else None
    if run is None:
        schedule = await ctx.find_schedule(request, wanted) if wanted else None
        recent = await ctx.recent_runs(request, schedule, limit=RECENT_RUNS_LIMIT)
        run = next((each for each in _newest_ended(recent) if has_failures(each)), None)
    if run is None or not has_failures(run):
        raise UserError("nothing_to_acknowledge", name=name)
    await ctx.ensure_run(request, run)
    return run


def _newest_ended(runs: Sequence[Run]) -> Sequence[Run]:
    """Return the newest ended run of each schedule."""
    newest: dict[str, Run] = {}
    for run in runs:
        if run.status is not RunStatus.RUNNING:
            newest.setdefault(run.schedule_id, run)
    return list(newest.values())


async def _acknowledge(ctx: Context, run: Run, by: Person, until: datetime, *, key: str) -> None:
    """Store who takes care, and show it on the cards of the run."""
    stated = Acknowledgement(by=by, at=ctx.clock(), until=until, run_id=run.id)
    await ctx.delivery.overrides.change(run.schedule_id, lambda each: replace(each, acknowledgement=stated))
    await ctx.delivery.requests.refresh_cards(run, f"acknowledged:{key}")


async def _is_open(ctx: Context, request: TapRequest) -> None:
    override = await ctx.delivery.overrides.find(request.run.schedule_id)
    stated = acknowledgement_of(override, request.run)
    if stated and stated.until > ctx.clock():
        raise UserError("already_acknowledged", by=str(stated.by), until=stated.until)


@router.button(
    ButtonDesign(
        action="acknowledge",
        label={"zh-CN": "我来处理", "en": "I'll handle it"},
        color=ButtonColor.GRAY,
        is_shown=lambda view: view.kind in {"failed", "error"} and view.state.acknowledged is None,
        rank=ButtonRank.ACKNOWLEDGE,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="acknowledge_pressed",
        again="acknowledge_taken",
        precondition=_is_open,
        dedupe_key=override_version,
        free=True,
    ),
)
async def acknowledge_tapped(ctx: Context, request: TapRequest) -> None:
    until = ctx.clock() + DEFAULT_SPAN
    await _acknowledge(ctx, request.run, request.tap.user, until, key=request.key)
