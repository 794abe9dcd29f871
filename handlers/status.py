"""`状态 [计划]` / `status [schedule]`: show what is running and how the last runs ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import SCHEDULE, Router, Synonyms
from bot.delivery.policy.effective import acknowledgement_of, active_mute
from bot.errors import PermanentError, TemporaryError
from bot.models import (
    Lapse,
    LapseKind,
    MarkdownMessage,
    PushStatus,
    Run,
    Schedule,
    ScheduleOverride,
    TaskCounts,
)
from handlers.history import outcome_values

router = Router()

MAX_RUNS_SHOWN = 5  # running, and ended
MIN_EXPORT_LAG = timedelta(minutes=1)  # from which waiting exports are shown


SYNONYMS = Synonyms(
    also=(
        "重跑中 | 正在重跑 | 重跑成功 | 停止中 | 跑成功 | 进度 | 跑完 | 跑完没 | 跑完了 | 跑到 | 到哪了 | "
        "到哪 | 到哪儿了 | 到哪步了 | 到哪一步 | 跑了多少 | 跑到第几 | 跑到哪 | 跑到哪了 | 在跑 | "
        "还在跑 | 正在跑 | 在跑吗 | 正在执行 | 在执行 | 还在执行 | 执行完 | 执行完了 | 执行到 | "
        "执行情况 | 执行状态 | 执行进度 | 执行结果 | 运行状态 | 运行情况 | 运行中 | 在运行 | 执行中 | "
        "跑得 | 跑得怎么样 | 跑的怎么样 | 重跑完 | 扫完 | 扫描完 | progress | running | still running | "
        "what's running | 谁在处理 | 谁处理 | 谁来处理 | 谁负责处理 | 谁在看 | 谁在跟进 | 谁跟进 | 谁接手 | "
        "谁接手了 | 谁认领 | 谁认领了 | 谁认领的 | 谁确认的 | 谁确认了 | 有人处理 | 有人在处理 | 有人在看 | "
        "有人跟进 | 有人在跟进 | 有人接手 | 有人认领 | 处理人 | who is handling | who's handling | "
        "who handles | who is on | who's on | who is working on | who's working on | who is looking at | "
        "who is looking into | who's looking at | who's looking into | who is taking care of | "
        "who takes care of | who acknowledged | who acked | who has acknowledged | who took over | "
        "is anyone handling | is anyone on | is anyone working on | is anyone looking into | "
        "is anyone looking at | is anybody handling | is anybody on | is anybody working on"
    ),
    common=(
        "怎么样 | 怎么样了 | 咋样 | 咋样了 | 如何了 | 情况 | 什么情况 | 啥情况 | 结果 | 结果怎么样 | "
        "多久 | 还要多久 | 还有多久 | 完成 | 完成了 | 完成没有 | 结束 | 结束了 | 好了 | 好了吗 | 好了没 | "
        "成功 | 成功了 | 没成功吗 | 搞定 | 还没好 | 没好 | 还没完 | 还没结束 | 还没跑好 | any news | "
        "news | 弄完 | 搞完 | 整完 | 完事 | 完事了 | 弄好 | 搞好 | 百分之多少 | 哪一步 | 哪一步了 | "
        "done | finished | finish | complete | completed | ended | how is it going | how's it going | "
        "how is | how about | doing | going"
    ),
)


@router.command(
    "状态",
    "status",
    synonyms=SYNONYMS,
    permission=Permission.VIEW,
    argument=SCHEDULE,
    zh="正在执行的和最近结束的",
    en="show what is running and what ended lately",
)
async def status(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    schedule = await _find_schedule(ctx, request)
    running = await ctx.recent_runs(request, schedule, running=True, limit=MAX_RUNS_SHOWN)
    recent = await ctx.recent_runs(request, schedule, limit=MAX_RUNS_SHOWN * 2)
    ended = [run for run in recent if run.task_counts][:MAX_RUNS_SHOWN]
    await ctx.people.answers.remember_list(
        request.message, [run.id for run in (*running, *ended)], command="凭据"
    )
    counts, trouble = await _progress(ctx, running)
    overrides = await ctx.delivery.overrides.all()
    backlog = await ctx.reports.exports.backlog()
    lapses = await _lapses(ctx, request, schedule)
    overtime = {lapse.run_id: lapse.kind.value for lapse in lapses}  # overdue comes after late
    return ctx.cards.reply(
        "status",
        trouble=trouble,
        waiting=backlog.waiting if backlog.lag >= MIN_EXPORT_LAG else 0,
        lag=backlog.lag,
        missed=[_missed(lapse) for lapse in lapses if lapse.kind is LapseKind.MISSED][:MAX_RUNS_SHOWN],
        running=[
            {**_running(run, counts.get(run.id)), "overtime": overtime.get(run.id, "")} for run in running
        ],
        recent=[
            _ended(run, ctx.reports.exports.progress(run), overrides.get(run.schedule_id)) for run in ended
        ],
        muted=_muted([*running, *ended], overrides, ctx.clock()),
        quiet_until=quiet.end_after(ctx.clock()) if (quiet := ctx.delivery.quiet_hours) else None,
    )


async def _lapses(ctx: Context, request: CommandRequest, schedule: Schedule | None) -> Sequence[Lapse]:
    """List what has not happened as expected: of one schedule, or of all that are visible here."""
    return [
        lapse
        for lapse in await ctx.runs.open_lapses()
        if request.access.sees(lapse.schedule) and (not schedule or schedule.id == lapse.schedule_id)
    ]


def _missed(lapse: Lapse) -> dict[str, object]:
    return {"schedule": lapse.schedule.name, "since": lapse.since}


def _muted(
    runs: Sequence[Run], overrides: Mapping[str, ScheduleOverride], now: datetime
) -> Sequence[Mapping[str, object]]:
    """Return the schedules of these runs that are muted, until when, and by whom."""
    names = {run.schedule_id: run.schedule_name for run in runs}
    mutes = {id_: active_mute(overrides.get(id_), now) for id_ in names}
    return [
        {"schedule": names[id_], "until": mute.until, "by": str(mute.by)}
        for id_, mute in mutes.items()
        if mute
    ]


async def _find_schedule(ctx: Context, request: CommandRequest) -> Schedule | None:
    """Return the schedule, or None for all of them, as well when the engine is unreachable."""
    try:
        return await ctx.find_schedule(request, request.argument) if request.argument else None
    except (TemporaryError, PermanentError):
        return None


async def _progress(ctx: Context, running: Sequence[Run]) -> tuple[Mapping[str, TaskCounts], str]:
    """Return the progress of the running runs, and what is wrong with the engines, or ""."""
    troubles = await ctx.schedules.troubles()  # asked even when nothing runs
    trouble = "; ".join(f"{name}: {why}" if name else why for name, why in troubles.items())
    answering = [run for run in running if run.schedule.engine not in troubles]
    try:
        return await ctx.runs.progress(answering), trouble
    except (TemporaryError, PermanentError) as error:
        return {}, trouble or str(error)


def _running(run: Run, counts: TaskCounts | None) -> dict[str, object]:
    return {
        "schedule": run.schedule_name,
        "run": run.id,
        "ended": counts.ended if counts else None,
        "total": len(run.task_ids),
        "since": run.start_time,
    }


def _ended(run: Run, exported_rows: int | None, override: ScheduleOverride | None) -> dict[str, object]:
    acknowledged = acknowledgement_of(override, run)
    return {
        **outcome_values(run),
        "ended_at": run.end_time,
        "push": run.push_status.value,
        "muted": run.muted is not None and run.push_status is PushStatus.SKIPPED,
        "handled_by": str(acknowledged.by) if acknowledged else "",
        "handled_until": acknowledged.until if acknowledged else None,
        "export": run.export_status.value,
        "export_rows": exported_rows,
        "export_error": run.export_error,
    }
