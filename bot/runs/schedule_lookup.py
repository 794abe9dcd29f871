"""Find the schedule that a person names, and what a person can name it by."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.audit.request import note_schedule
from bot.errors import DingRunError, PermanentError, Refused, TemporaryError, UserError
from bot.models import Clock, Destination, Run, Schedule
from bot.ports import Engine
from bot.runs.lifecycle import Runs
from bot.runs.scheduler import SchedulePolicy, next_due

MAX_NAMES_SHOWN = 10
SIMILARITY_CUTOFF = 0.6  # ratio from which another name is suggested
Sees = Callable[[Schedule], bool]
"""Return whether a schedule may be shown in a conversation."""

_QUOTES = "「」\"'“”"
_RUN_ID = re.compile("r[a-z2-7]{10}")


class ScheduleLookup:
    """The schedules of the engine, by what people say."""

    def __init__(self, engine: Engine, runs: Runs, policy: SchedulePolicy, *, clock: Clock) -> None:
        self._engine = engine
        self._runs = runs
        self._policy = policy
        self._clock = clock

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone in which people name times."""
        return self._policy.zone

    async def all(self) -> Sequence[Schedule]:
        """List all schedules of the engines that answer. Raises the error of an engine if none does."""
        schedules, errors = await self._ask()
        if errors and not schedules:
            raise next(iter(errors.values()))
        return schedules

    async def troubles(self) -> Mapping[str, str]:
        """Ask every engine, and return what is wrong with those that do not answer, by their names."""
        _, errors = await self._ask()
        return {name: str(error) for name, error in errors.items()}

    async def _ask(self) -> tuple[Sequence[Schedule], Mapping[str, DingRunError]]:
        """Return the schedules of all engines that answer, and the errors of the others by name."""
        schedules: list[Schedule] = []
        errors: dict[str, DingRunError] = {}
        for name, engine in self._engine.parts.items():
            try:
                schedules += await engine.schedules()
            except (TemporaryError, PermanentError) as error:
                errors[name] = error
        return schedules, errors

    async def find_by_name(self, name: str, sees: Sees) -> Schedule:
        """Return the schedule that a name means, among those that are seen.

        A name is one of these, tried in this order:

        - its id, or the id of one of its runs
        - its name
        - a part of its name
        - the first characters of the id of one of its runs

        Raises:
            UserError: There is none (with the nearest name), or there are several (with all of them).
            Refused: There is one, but it is not seen. The answer is that there is none.
            TemporaryError: It is none of the engines' that answer, and another one does not.
        """
        known, errors = await self._ask()
        schedules, wanted = [schedule for schedule in known if sees(schedule)], normalize_name(name)
        run = await self._runs.find(wanted)
        ids = {wanted, run.schedule_id if run else wanted}
        exact = [s for s in schedules if s.id in ids or normalize_name(s.id) == wanted] or [
            s for s in schedules if normalize_name(s.name) == wanted
        ]
        partial = [s for s in schedules if wanted and wanted in normalize_name(s.name)]
        for found in (exact, partial):
            if len(found) == 1:
                return note_schedule(found[0])
            if found:
                raise self.ambiguous(found)
        runs = await self._runs.find_by_prefix(wanted)
        if len(runs) == 1:
            ids = {runs[0].schedule_id}
        for schedule in schedules:
            if schedule.id in ids:
                return note_schedule(schedule)
        hidden = any(each.id in ids or normalize_name(each.name) == wanted for each in known)
        raise _unknown(name, schedules, hidden=hidden) if not errors else next(iter(errors.values()))

    async def find_default(self, destination: Destination, sees: Sees) -> Schedule:
        """Return the only schedule that is seen, else the one whose run was last notified of here.

        Raises:
            UserError: There is no schedule, or none of several was notified here.
        """
        known = await self.all()
        schedules = [schedule for schedule in known if sees(schedule)]
        if not schedules:
            raise UserError("no_schedules_here" if known else "no_schedules")
        if len(schedules) == 1:
            return note_schedule(schedules[0])
        last = await self._runs.last_notified(destination)
        for schedule in schedules:
            if last and schedule.id == last.schedule_id:
                return note_schedule(schedule)
        raise self.ambiguous(schedules)

    async def find_by_run(self, run: Run, sees: Sees) -> Schedule:
        """Return the schedule of a run as it is now.

        Raises:
            UserError: The schedule is gone. Only targets that a schedule names are scanned.
            Refused: It is not seen.
        """
        known, errors = await self._ask()
        schedules = [schedule for schedule in known if sees(schedule)]
        for schedule in schedules:
            if schedule.id == run.schedule_id:
                return note_schedule(schedule)
        hidden = any(schedule.id == run.schedule_id for schedule in known)
        if errors and not hidden:
            raise next(iter(errors.values()))
        raise _unknown(run.schedule_name, schedules, hidden=hidden)

    def next_run_at(self, schedule: Schedule) -> datetime | None:
        """Return the next time at which the schedule fires, or None when it never does again."""
        return next_due(schedule, self._clock(), self._policy.zone)

    def next_runs(self, schedule: Schedule, count: int) -> Sequence[datetime]:
        """Return the next times at which the schedule fires, at most `count` of them."""
        times: list[datetime] = []
        while len(times) < count:
            due = next_due(schedule, times[-1] if times else self._clock(), self._policy.zone)
            if due is None:
                break
            times.append(due)
        return times

    def ambiguous(self, schedules: Sequence[Schedule]) -> UserError:
        """Offer each with its number, its next time and its id."""
        return self._offer("which_schedule", schedules)

    def one_at_a_time(self, schedules: Sequence[Schedule]) -> UserError:
        """Offer each to a person who wishes something for all of them."""
        return self._offer("one_schedule_at_a_time", schedules)

    def _offer(self, phrase: str, schedules: Sequence[Schedule]) -> UserError:
        shown = schedules[:MAX_NAMES_SHOWN]
        items = [{"name": s.name, "id": s.id, "next": self.next_run_at(s)} for s in shown]
        more = len(schedules) - len(shown)
        return UserError(phrase, schedules=items, more=more, listed=[s.id for s in shown])


def normalize_name(name: str) -> str:
    """Return a name or an id for comparison: half width, lower case, without quotes."""
    return unicodedata.normalize("NFKC", name.strip().strip(_QUOTES)).casefold()


def _unknown(name: str, schedules: Sequence[Schedule], *, hidden: bool) -> UserError:
    """Say that there is no such schedule here, or no such run if it reads like the id of one.

    The words are the same if there is a hidden one.
    """
    if _RUN_ID.fullmatch(normalize_name(name)):
        return UserError("no_such_run", run=name)
    names = [schedule.name for schedule in schedules]
    near = difflib.get_close_matches(name, names, n=1, cutoff=SIMILARITY_CUTOFF)
    nearest, shown = near[0] if near else "", names[:MAX_NAMES_SHOWN]
    more = len(names) - len(shown)
    if hidden:
        return Refused(
            "no_such_schedule", rule="not_here", name=name, nearest=nearest, names=shown, more=more
        )
    return UserError("no_such_schedule", name=name, nearest=nearest, names=shown, more=more)
