"""On our own card template: run one failed task again, or chosen targets. Only the schedule's own targets."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.protection import reserve_tapped, start_tapped
from bot.chat.requests import TapRequest
from bot.chat.router import ButtonReplies, Router
from bot.chat.superseded import newest_run
from bot.errors import UserError
from bot.runs.history import Repetition
from bot.runs.lifecycle import TriggerRequest
from cards.buttons import ButtonColor, ButtonDesign, ButtonPlace
from cards.rich_card import is_repeatable
from cards.summary import SummaryView
from handlers.reruns.rerun import tapped_trigger

router = Router()

MAX_TARGETS = 50  # of one request; their numbers are kept in the id of the run


def _can_be_repeated(view: SummaryView) -> bool:
    return view.kind != "running" and not view.state.stamp and view.run.schedule.startable


def _task_trigger(request: TapRequest) -> TriggerRequest:
    """Return the request for a run of one task.

    Raises:
        UserError: It is no failed task of the run that can be run again.
    """
    failed = {each.task_id for each in request.run.failures if is_repeatable(each)}
    rows = {(str(number),): number for number, id_ in enumerate(request.run.task_ids, 1) if id_ in failed}
    if request.tap.chosen not in rows:
        raise UserError("tap_no_such_task")
    repetition = Repetition(run_id=request.run.id, tasks=(rows[request.tap.chosen],))
    return tapped_trigger(request, repetition.key(f"submit:{request.key}"))


async def _reserve_task(ctx: Context, request: TapRequest) -> None:
    await reserve_tapped(ctx, request, _task_trigger(request))


@router.button(
    ButtonDesign(
        action="rerun_task",
        label={"zh-CN": "重跑此项", "en": "Rerun"},
        color=ButtonColor.BLUE,
        is_shown=_can_be_repeated,
        place=ButtonPlace.ROW,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="rerun_task_pressed",
        again="rerun_taken",
        precondition=_reserve_task,
        expires=True,
        free=True,
        dedupe_key=newest_run,
    ),
)
async def rerun_task_tapped(ctx: Context, request: TapRequest) -> None:
    await start_tapped(ctx, request, _task_trigger(request))


def _targets_trigger(request: TapRequest) -> TriggerRequest:
    """Return the request for a run of the chosen targets.

    Raises:
        UserError: None or too many are chosen, or one is no target of the schedule.
    """
    targets, chosen = request.run.schedule.targets, request.tap.chosen
    unknown = [target for target in chosen if target not in targets]
    if unknown:
        raise UserError("tap_no_such_target", target=unknown[0], schedule=request.run.schedule_name)
    numbers = tuple(number for number, target in enumerate(targets, 1) if target in chosen)
    if not 0 < len(numbers) <= MAX_TARGETS:
        raise UserError("tap_choose_targets", most=MAX_TARGETS)
    repetition = Repetition(run_id=request.run.id, targets=numbers)
    return tapped_trigger(request, repetition.key(f"submit:{request.key}"))


async def _reserve_targets(ctx: Context, request: TapRequest) -> None:
    await reserve_tapped(ctx, request, _targets_trigger(request))


@router.button(
    ButtonDesign(
        action="rerun_targets",
        label={"zh-CN": "选目标重跑", "en": "Run chosen targets again"},
        color=ButtonColor.BLUE,
        is_shown=_can_be_repeated,
        place=ButtonPlace.FORM,
    ),
    permission=Permission.OPERATE,
    replies=ButtonReplies(
        accepted="rerun_targets_pressed",
        again="rerun_taken",
        precondition=_reserve_targets,
        expires=True,
        free=True,
        dedupe_key=newest_run,
    ),
)
async def rerun_targets_tapped(ctx: Context, request: TapRequest) -> None:
    await start_tapped(ctx, request, _targets_trigger(request))
