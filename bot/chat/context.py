"""What handlers may use: never a store, a socket or a vendor's package."""

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.chat.recent_lists import RecentLists
from bot.chat.users import UserDirectory
from bot.delivery.files import ReportSender
from bot.delivery.pipeline import DeliveryPipeline
from bot.delivery.resend import Resender
from bot.errors import UserError
from bot.models import Clock, Destination, DestinationKind, Message, Run, Schedule
from bot.ports import Engine
from bot.quota.governor import Governor
from bot.quota.request_budget import RequestBudget
from bot.reports.downloads import DownloadLog
from bot.reports.exports import ReportExports
from bot.reports.links import ReportLinks
from bot.reports.repository import Reports
from bot.runs.lifecycle import Runs
from bot.runs.scheduler import SchedulePolicy, next_due
from cards.render import Cards

MAX_NAMES_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Context:
    """The service as a handler sees it."""

    engine: Engine
    runs: Runs
    reports: Reports
    delivery: DeliveryPipeline
    resender: Resender
    users: UserDirectory
    lists: RecentLists
    governor: Governor
    budget: RequestBudget
    report_sender: ReportSender
    links: ReportLinks
    download_log: DownloadLog
    exports: ReportExports
    cards: Cards
    schedule_policy: SchedulePolicy
    clock: Clock
    commands: Sequence[Mapping[str, object]]  # what one can say, for help

    async def schedule_named(self, name: str) -> Schedule:
        """The schedule a person means: by name, by id, by the id of one of its runs, by a part of its name.

        Raises `UserError` with the nearest name when there is none, with all of them when there are several.
        """
        schedules, wanted = await self.engine.schedules(), plain_name(name)
        run = await self.runs.find(wanted)
        known = {wanted, run.schedule_id if run else wanted}
        exact = [s for s in schedules if s.id in known] or [
            s for s in schedules if plain_name(s.name) == wanted
        ]
        part = [s for s in schedules if wanted and wanted in plain_name(s.name)]
        for found in (exact, part):
            if len(found) == 1:
                return found[0]
            if found:
                raise self._which(found)
        begun = await self.runs.find_like(wanted)
        if len(begun) == 1:
            return await self.schedule_of(begun[0])
        raise _unknown(name, schedules)

    async def run_named(self, text: str) -> Run | None:
        """The run with this id, or the only one whose id begins so. Raises `UserError` for several."""
        wanted = plain_name(text)
        found = await self.runs.find(wanted)
        if found:
            return found
        alike = await self.runs.find_like(wanted)
        if len(alike) > 1:
            raise which_run(alike)
        return alike[0] if alike else None

    async def run_meant(self, text: str, place: Destination) -> Run:
        """The run a person means; without a word the last one that was told here. Raises `UserError`."""
        run = await (self.run_named(text) if text else self.runs.last_notified(place))
        if run is None:
            raise UserError("no_such_run", run=text)
        return run

    async def schedule_here(self, here: Destination) -> Schedule:
        """The schedule meant when none is named: the only one, or the one whose run was last told here."""
        schedules = await self.engine.schedules()
        if not schedules:
            raise UserError("no_schedules")
        if len(schedules) == 1:
            return schedules[0]
        last = await self.runs.last_notified(here)
        for schedule in schedules:
            if last and schedule.id == last.schedule_id:
                return schedule
        raise self._which(schedules)

    def _which(self, schedules: Sequence[Schedule]) -> UserError:
        """Several are meant: each is offered with its number, its next time and its id."""
        shown, zone = schedules[:MAX_NAMES_SHOWN], self.schedule_policy.zone
        items = [{"name": s.name, "id": s.id, "next": next_due(s, self.clock(), zone)} for s in shown]
        return UserError("which_schedule", schedules=items, listed=[s.id for s in shown])

    async def schedule_of(self, run: Run) -> Schedule:
        """The schedule of a run as it is today. `UserError` when it is gone: only what a schedule names is
        run."""
        schedules = await self.engine.schedules()
        for schedule in schedules:
            if schedule.id == run.schedule_id:
                return schedule
        raise _unknown(run.schedule_name, schedules)


def reply_destination(message: Message) -> Destination:
    """Where an answer that is more than words goes: the group, or the person in a one-to-one conversation."""
    if message.group:
        return Destination(kind=DestinationKind.GROUP, id=message.conversation_id, app=message.app)
    return Destination(kind=DestinationKind.USER, id=message.sender.id, app=message.app)


def which_run(runs: Sequence[Run], word: str = "") -> UserError:
    """Several runs are meant: each is offered with its number, its time and its id."""
    shown = runs[:MAX_NAMES_SHOWN]
    items = [{"schedule": run.schedule_name, "since": run.start_time, "run": run.id} for run in shown]
    return UserError("which_run", runs=items, listed=[run.id for run in shown], word=word)


def plain_name(name: str) -> str:
    """A name or an id for comparison: half width, lower case and without quotes, as people may type it."""
    return unicodedata.normalize("NFKC", name.strip().strip("「」\"'“”")).casefold()


def _unknown(name: str, schedules: Sequence[Schedule]) -> UserError:
    names = [schedule.name for schedule in schedules]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.3)
    return UserError(
        "no_such_schedule", name=name, nearest=near[0] if near else "", names=names[:MAX_NAMES_SHOWN]
    )
