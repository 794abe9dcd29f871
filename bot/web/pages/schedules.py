"""`/status/schedules/…`: one schedule with its settings, its history as a chart, and its last runs."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from aiohttp import web

from bot.chat.context import Context
from bot.delivery.policy.effective import active_mute, effective_schedule
from bot.models import CHANNEL_KINDS, Destination, Run, Schedule
from bot.web.pages.charts import duration_chart, outcome
from bot.web.pages.visitors import Gate, Visitor

CHART_LENGTH = 40  # runs
MAX_TIMES_SHOWN = 5
MAX_TARGETS_SHOWN = 50
MAX_RECIPIENTS_SHOWN = 20


class SchedulePages:
    """The page of a schedule."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/status/schedules/{schedule}", self._gate.page(self.show))]

    async def show(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        context = visitor.context
        schedule = await context.find_schedule(visitor.request, request.match_info["schedule"])
        override = await context.delivery.overrides.find(schedule.id)
        effective = effective_schedule(schedule, override)
        runs = await context.runs.recent(schedule.id, limit=CHART_LENGTH)
        return self._gate.show(
            "schedule",
            visitor,
            schedule=schedule,
            effective=effective,
            changed=override.notify,
            waiting=await context.guards.approvals.find(schedule),
            mute=active_mute(override, context.clock()),
            times=context.schedules.next_runs(schedule, MAX_TIMES_SHOWN),
            targets=schedule.targets[:MAX_TARGETS_SHOWN],
            recipients=await recipient_names(context, schedule),
            runs=with_outcomes(runs),
            past_ends=0 < len(runs) < CHART_LENGTH and runs[-1].ordinal > 1,
            chart=duration_chart(runs),
            may_act=visitor.may_act(schedule),
        )


def with_outcomes(runs: Sequence[Run]) -> Sequence[tuple[str, Run]]:
    """Return each run with its outcome in one word."""
    return [(outcome(run), run) for run in runs]


async def recipient_names(context: Context, schedule: Schedule) -> Sequence[tuple[str, str]]:
    """Return the kind and the name of each destination that a schedule notifies."""
    reached = [to for to in schedule.send_to if to.kind in CHANNEL_KINDS[schedule.notify_channel]]
    return [(to.kind.value, await _name(context, to)) for to in reached[:MAX_RECIPIENTS_SHOWN]]


async def place_names(context: Context, places: Iterable[str]) -> Mapping[str, str]:
    """Return the names of destinations by their text. What is no destination is left out."""
    names = {}
    for place in dict.fromkeys(places):
        with suppress(ValueError):
            names[place] = await _name(context, Destination.parse(place))
    return names


async def _name(context: Context, to: Destination) -> str:
    if to.is_group:
        return await context.people.users.group_title(to.id) or to.id
    return await context.people.users.display_name(to.id) if to.is_person else to.id
