"""`/status`: what runs, how each schedule stands, and what did not happen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.delivery.policy.effective import active_mute
from bot.errors import DingRunError
from bot.models import Lapse, LapseKind, Mute, Run, Schedule, TaskCounts
from bot.web.pages.charts import outcome
from bot.web.pages.visitors import Gate, Visitor

MAX_RUNNING = 50
HISTORY_LENGTH = 12  # runs beside a schedule
SCHEDULES_PER_PAGE = 50


@dataclass(frozen=True, kw_only=True)
class RunningItem:
    """A run that has not ended."""

    run: Run
    counts: TaskCounts | None  # None while its engine does not answer
    lapse: str  # late, overdue or ""


@dataclass(frozen=True, kw_only=True)
class ScheduleItem:
    """State of a schedule."""

    schedule: Schedule
    last: Run | None
    outcome: str  # of the last run, or "none"
    history: Sequence[tuple[str, Run]]  # outcomes, oldest first
    next_at: datetime | None
    mute: Mute | None
    missed: Lapse | None
    may_act: bool


class Overview:
    """The first page."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/status", self._gate.page(self.show))]

    async def show(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        context, page = visitor.context, page_number(request)
        schedules, trouble = await self._schedules(visitor)
        lapses = [each for each in await context.runs.open_lapses() if visitor.access.sees(each.schedule)]
        shown = schedules[(page - 1) * SCHEDULES_PER_PAGE : page * SCHEDULES_PER_PAGE]
        return self._gate.show(
            "overview",
            visitor,
            running=await self._running(visitor, lapses),
            schedules=await self._items(visitor, shown, lapses),
            number=page,
            has_more=len(schedules) > page * SCHEDULES_PER_PAGE,
            trouble=trouble,
            undelivered=sum((await context.delivery.resender.count_undelivered()).values())
            if visitor.is_admin
            else 0,
        )

    async def _schedules(self, visitor: Visitor) -> tuple[Sequence[Schedule], str]:
        """Return the schedules that the visitor sees, and what is wrong with the engines."""
        context = visitor.context
        troubles = await context.schedules.troubles()
        trouble = "; ".join(f"{name}: {why}" if name else why for name, why in troubles.items())
        try:
            return await context.visible_schedules(visitor.request), trouble
        except DingRunError as error:
            return (), trouble or str(error)

    async def _running(self, visitor: Visitor, lapses: Sequence[Lapse]) -> Sequence[RunningItem]:
        context = visitor.context
        runs = await context.recent_runs(visitor.request, running=True, limit=MAX_RUNNING)
        overtime = {each.run_id: each.kind.value for each in lapses if each.run_id}
        try:
            counts: Mapping[str, TaskCounts] = await context.runs.progress(runs) if runs else {}
        except DingRunError:
            counts = {}
        return [
            RunningItem(run=run, counts=counts.get(run.id), lapse=overtime.get(run.id, "")) for run in runs
        ]

    async def _items(
        self, visitor: Visitor, schedules: Sequence[Schedule], lapses: Sequence[Lapse]
    ) -> Sequence[ScheduleItem]:
        context = visitor.context
        overrides, now = await context.delivery.overrides.all(), context.clock()
        missed = {each.schedule_id: each for each in lapses if each.kind is LapseKind.MISSED}
        items = []
        for schedule in schedules:
            runs = await context.runs.recent(schedule.id, limit=HISTORY_LENGTH)
            items.append(
                ScheduleItem(
                    schedule=schedule,
                    last=runs[0] if runs else None,
                    outcome=outcome(runs[0]) if runs else "none",
                    history=[(outcome(run), run) for run in reversed(runs)],
                    next_at=context.schedules.next_run_at(schedule),
                    mute=active_mute(overrides.get(schedule.id), now),
                    missed=missed.get(schedule.id),
                    may_act=visitor.may_act(schedule),
                )
            )
        return items


def page_number(request: web.Request) -> int:
    """Return the page that is asked for, from 1."""
    given = request.query.get("page", "1")
    return max(int(given), 1) if given.isascii() and given.isdecimal() and len(given) <= 6 else 1  # noqa: PLR2004
