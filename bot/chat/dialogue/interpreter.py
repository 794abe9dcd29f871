"""Say what a message wishes: the parser, with the schedules, runs and lists that are known at the moment."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo

from bot.chat.context import Context
from bot.chat.language.decisions import Answer, Interpretation
from bot.chat.language.normalize import fold, read
from bot.chat.language.parser import Parser
from bot.chat.language.tokens import Named
from bot.chat.language.vocabulary import Takes
from bot.chat.requests import CommandRequest
from bot.chat.router import Command, Router
from bot.errors import DingRunError, PermanentError, TemporaryError, UserError
from bot.models import Run, Schedule

MAX_RUNS_NAMED = 3  # ids of runs that are looked up for one message
MAX_OPEN_RUNS = 100  # whose schedules may be named, though they are gone
MAX_RUNS_SEARCHED = 500  # for the run of a day

_RUN_ID = re.compile(r"(?<![a-z0-9_-])r[a-z2-7]{3,20}(?![a-z0-9_-])")
_TAKES_RUN = {Takes.SCHEDULE, Takes.RUN, Takes.SCHEDULE_OR_RUN}
_OF_A_DAY = "failures"  # command that shows the run of a day, for commands that show no single run


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Wish of a person.

    Attributes:
        interpretation: What the words mean.
        command: None if they name none.
        argument: What the handler is given: the id of what is named, or "".
        title: The same as people call it.
        schedules: Those that may be meant, if there are several, or that exist, if there is none.
    """

    interpretation: Interpretation
    command: Command | None
    argument: str = ""
    title: str = ""
    schedules: Sequence[Schedule] = ()

    @property
    def answer(self) -> Answer:
        return self.interpretation.answer


@dataclass(kw_only=True)
class _Known:
    """Schedules and runs that can be named now."""

    names: list[Named] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)  # by key
    schedules: dict[str, Schedule] = field(default_factory=dict)  # by id
    runs: set[str] = field(default_factory=set)  # their ids, or the beginnings of these
    trouble: DingRunError | None = None  # the engine does not answer, so any name may be right

    def add_schedule(self, schedule: Schedule) -> None:
        self.names.append(Named(key=schedule.id, name=fold(schedule.name)))
        self.names.append(Named(key=schedule.id, name=fold(schedule.id), partly=False))
        self.titles[schedule.id] = schedule.name

    def add_run(self, word: str, key: str, title: str) -> None:
        self.runs.add(key)
        self.names.append(Named(key=key, name=word, partly=False))
        self.titles[key] = title


class Interpreter:
    """Interprets messages."""

    def __init__(self, context: Context, router: Router) -> None:
        self._context = context
        self._commands: Mapping[str, Command] = {each.name: each for each in router.commands}
        self._parser = Parser([command.language for command in router.commands])

    async def interpret(self, request: CommandRequest) -> Wish:
        """Interpret a message.

        Raises:
            UserError: It names a number that is not in the last list, or a day without a run.
            DingRunError: It names something, and the engine does not answer.
        """
        found, known = self._parse(request, []), _Known()
        command = self._commands.get(found.command)
        if not _needs_no_names(found, command):
            known = await self._known(request)
            found = self._parse(request, known.names)
            command = self._commands.get(found.command)
        if known.trouble and (found.answer is Answer.NO_SUCH or (command and command.language.acts)):
            raise known.trouble
        wish = await self._resolve(Wish(interpretation=found, command=command), request, known)
        return await self._of_quote(wish, request)

    def _parse(self, request: CommandRequest, names: Sequence[Named]) -> Interpretation:
        return self._parser.parse(request.message.text, names=names, today=self._today())

    def _today(self) -> date:
        return self._context.clock().astimezone(self._context.schedules.zone).date()

    async def _known(self, request: CommandRequest) -> _Known:
        """Collect what this person can name here: schedules, runs by their ids, and what is running."""
        ctx, known = self._context, _Known()
        try:
            schedules = await ctx.visible_schedules(request)
        except (TemporaryError, PermanentError) as error:
            known.trouble, schedules = error, ()
        for schedule in schedules:
            known.schedules[schedule.id] = schedule
            known.add_schedule(schedule)
        for run in await ctx.recent_runs(request, running=True, limit=MAX_OPEN_RUNS):
            if run.schedule_id not in known.titles:
                known.add_schedule(run.schedule)
        for word in self._run_ids(request.message.text):
            await self._add_run(word, request, known)
        return known

    async def _add_run(self, word: str, request: CommandRequest, known: _Known) -> None:
        """Let a word name a run. One that is hidden or means several is left for the handler to refuse."""
        try:
            run = await self._context.find_run(request, word)
        except UserError:
            known.add_run(word, word, word)
        else:
            if run:
                known.add_run(word, run.id, run.schedule_name)

    def _run_ids(self, text: str) -> Sequence[str]:
        """Return the words of a text that may be ids of runs, and that are no other words."""
        words = dict.fromkeys(_RUN_ID.findall(read(text).text))
        return [word for word in words if word not in self._parser.words][:MAX_RUNS_NAMED]

    async def _resolve(self, wish: Wish, request: CommandRequest, known: _Known) -> Wish:
        """Find the ids that a wish is about."""
        found, command = wish.interpretation, wish.command
        if command is None or command.takes is Takes.NOTHING:
            return wish
        if command.takes is Takes.TEXT and found.answer is not Answer.WHICH:
            return replace(wish, argument=found.text, title=found.text)
        if found.answer is Answer.NO_SUCH:
            return replace(wish, schedules=tuple(known.schedules.values()))
        if found.answer is Answer.WHICH:
            keys = found.keys or tuple(known.schedules)
            several = [known.schedules[key] for key in keys if key in known.schedules]
            return replace(wish, schedules=several)
        if found.number:
            numbered = await self._numbered(wish, request)
            if numbered:
                return numbered
        if found.keys:
            (key,) = found.keys
            title = known.titles[key]
            gone = key not in known.schedules and key not in known.runs and command.name != "stop"
            wish = replace(wish, argument=title if gone else key, title=title)
        return await self._of_day(wish, request) if found.day and found.answer is Answer.LOOK else wish

    async def _of_quote(self, wish: Wish, request: CommandRequest) -> Wish:
        """Let a command that names nothing mean the run whose card the message replies to."""
        found, command = wish.interpretation, wish.command
        names_nothing = not (wish.argument or found.keys or found.claimed or found.number or found.day)
        if command is None or command.takes not in _TAKES_RUN or not names_nothing:
            return wish
        run = await self._context.quoted_run(request)
        if run is None:
            return wish
        answer = found.answer
        if answer is Answer.WHICH:
            answer = Answer.ACT if command.language.acts else Answer.LOOK
        argument = run.schedule_id if command.takes is Takes.SCHEDULE else run.id
        found = replace(found, answer=answer)
        return replace(wish, interpretation=found, argument=argument, title=run.schedule_name, schedules=())

    async def _numbered(self, wish: Wish, request: CommandRequest) -> Wish | None:
        """Return the wish with the item of the last list, or None if a name is meant that is a number.

        Raises:
            UserError: There is no such item.
        """
        found = wish.interpretation
        pending = await self._context.people.answers.find(request.message)
        argument = pending.argument(str(found.number)) if pending else None
        if argument is None and found.keys:
            return None
        if argument is None:
            raise UserError("no_such_number", number=found.number)
        is_clear = not found.keys or found.answer is Answer.LOOK
        answer = found.answer if is_clear else Answer.ASK
        title = await self._title(argument)
        return replace(
            wish, argument=argument, title=title, interpretation=replace(found, answer=answer, keys=())
        )

    async def _title(self, argument: str) -> str:
        run = await self._context.runs.find(argument)
        if run:
            return run.schedule_name
        schedules = await self._context.schedules.all()
        return next((each.name for each in schedules if each.id == argument), argument)

    async def default(self, command: Command, request: CommandRequest) -> tuple[str, str]:
        """Return the id and the title of what a command without a name is about, or "" if it has to ask.

        Raises:
            UserError: It could be several schedules.
        """
        if command.name == "rerun":
            schedule = await self._context.find_schedule(request)
            return schedule.id, schedule.name
        if command.name != "stop":
            return "", ""
        running = await self._context.recent_runs(request, running=True, limit=2)
        return (running[0].id, running[0].schedule_name) if len(running) == 1 else ("", "")

    async def _of_day(self, wish: Wish, request: CommandRequest) -> Wish:
        """Return the wish for the newest run of a day.

        Raises:
            UserError: No run started on that day.
        """
        ctx, day = self._context, wish.interpretation.day
        command = wish.command
        if day is None or command is None:
            return wish
        if command.takes is Takes.SCHEDULE:
            command = self._commands.get(_OF_A_DAY, command)
        schedule_id = wish.argument or (await ctx.find_schedule(request)).id
        runs = await ctx.runs.recent(schedule_id, limit=MAX_RUNS_SEARCHED)
        of_day = runs_of_day(runs, day, ctx.schedules.zone)
        if not of_day:
            raise UserError("no_run_that_day", day=day, schedule=wish.title)
        return replace(wish, command=command, argument=of_day[0].id, title=of_day[0].schedule_name)


def runs_of_day(runs: Sequence[Run], day: date, zone: ZoneInfo) -> Sequence[Run]:
    """Return the runs that started on a day of a time zone, in the same order."""
    return [run for run in runs if run.start_time.astimezone(zone).date() == day]


def _needs_no_names(found: Interpretation, command: Command | None) -> bool:
    """Return whether a text is understood without the names of schedules."""
    if found.answer is Answer.SMALLTALK:
        return True
    shows = found.answer is Answer.LOOK and command is not None and command.takes is Takes.NOTHING
    return shows and not found.claimed
