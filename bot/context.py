"""What handlers may use: never a store, a socket or a vendor's package."""

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.audit import Audit
from bot.deliver import Deliver
from bot.deliveries import Deliveries
from bot.errors import UserError
from bot.governor import Governor
from bot.models import Clock, Destination, DestinationKind, Message, Run, Schedule
from bot.parcels import Parcels
from bot.people import People
from bot.ports import Engine
from bot.remakes import Remakes
from bot.report_links import ReportLinks
from bot.reports import Reports
from bot.runs import Runs
from bot.scheduler import Timetable
from cards.render import Cards

NAMES_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Context:
    """The service as a handler sees it."""

    engine: Engine
    runs: Runs
    reports: Reports
    deliver: Deliver
    deliveries: Deliveries
    people: People
    governor: Governor
    parcels: Parcels
    links: ReportLinks
    audit: Audit
    remakes: Remakes
    cards: Cards
    timetable: Timetable
    clock: Clock
    commands: Sequence[Mapping[str, object]]  # what one can say, for help

    async def schedule_named(self, name: str) -> Schedule:
        """The schedule a person means: by name, by id, by the id of one of its runs, by a part of its name.

        Raises `UserError` with the nearest name when there is none, or several.
        """
        schedules = await self.engine.schedules()
        wanted = _plain(name.strip().strip("「」\"'“”"))
        run = await self.runs.find(wanted)
        known = {wanted, run.schedule_id if run else wanted}
        exact = [s for s in schedules if _plain(s.name) == wanted or s.id in known]
        part = [s for s in schedules if wanted and wanted in _plain(s.name)]
        for found in (exact, part):
            if len(found) == 1:
                return found[0]
        if part:
            raise UserError("which_schedule", names=[s.name for s in part[:NAMES_SHOWN]])
        raise _unknown(name, schedules)

    async def schedule_here(self, here: Destination) -> Schedule:
        """The schedule meant when none is named: the only one, or the one whose run was last told here."""
        schedules = await self.engine.schedules()
        if not schedules:
            raise UserError("no_schedules")
        if len(schedules) == 1:
            return schedules[0]
        last = await self.runs.last_told(here)
        for schedule in schedules:
            if last and schedule.id == last.schedule_id:
                return schedule
        raise UserError("which_schedule", names=[s.name for s in schedules[:NAMES_SHOWN]])

    async def schedule_of(self, run: Run) -> Schedule:
        """The schedule of a run as it is today. `UserError` when it is gone: only what a schedule names is
        run."""
        schedules = await self.engine.schedules()
        for schedule in schedules:
            if schedule.id == run.schedule_id:
                return schedule
        raise _unknown(run.schedule_name, schedules)


def here(message: Message) -> Destination:
    """Where an answer that is more than words goes: the group, or the person in a one-to-one conversation."""
    if message.group:
        return Destination(kind=DestinationKind.GROUP, id=message.conversation_id, app=message.app)
    return Destination(kind=DestinationKind.USER, id=message.sender.id, app=message.app)


def _plain(name: str) -> str:
    """A name for comparison: half width and lower case, as people may type it."""
    return unicodedata.normalize("NFKC", name).casefold()


def _unknown(name: str, schedules: Sequence[Schedule]) -> UserError:
    names = [schedule.name for schedule in schedules]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.3)
    return UserError(
        "no_such_schedule", name=name, nearest=near[0] if near else "", names=names[:NAMES_SHOWN]
    )
