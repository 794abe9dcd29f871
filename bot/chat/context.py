"""Services that handlers may use: never a store, a socket or a vendor's package."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.audit.reader import AuditReader
from bot.audit.request import note_run
from bot.chat.confirmations import TapConfirmations
from bot.chat.pending_answers import PendingAnswers
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.users import GroupDirectory, UserDirectory
from bot.delivery.files import ReportSender
from bot.delivery.policy.overrides import Overrides
from bot.delivery.policy.quiet_hours import QuietHours
from bot.delivery.requests import DeliveryRequests
from bot.delivery.resend import Resender
from bot.errors import DingRunError, Refused, UserError
from bot.external.repository import ExternalRuns
from bot.logins.logins import Logins
from bot.models import Clock, Destination, DestinationKind, Message, Report, Run, Schedule
from bot.quota.governor import Governor
from bot.quota.request_budget import RequestBudget
from bot.reports.downloads import DownloadLog
from bot.reports.exports import ReportExports
from bot.reports.links import ReportLinks
from bot.reports.repository import Reports
from bot.runs.approvals import Approvals
from bot.runs.history import RECENT_RUNS_LIMIT
from bot.runs.lifecycle import Runs
from bot.runs.schedule_lookup import ScheduleLookup, normalize_name
from bot.runs.starts import RunStarts
from cards.render import Cards

MAX_RUNS_OFFERED = 10
MAX_RUNS_QUOTED = 20
PAGES = "web"
"""`Message.robot_code` of what people do on the web pages."""

Request = CommandRequest | TapRequest


@dataclass(frozen=True, kw_only=True)
class ReportServices:
    """Reports, their exports, their download links and who used these."""

    repository: Reports
    exports: ReportExports
    links: ReportLinks
    downloads: DownloadLog
    reported: ExternalRuns  # what other systems reported of their runs


@dataclass(frozen=True, kw_only=True)
class ChatDelivery:
    """Deliveries that people ask for."""

    requests: DeliveryRequests
    resender: Resender
    files: ReportSender
    overrides: Overrides
    quiet_hours: QuietHours | None


@dataclass(frozen=True, kw_only=True)
class ChatQuota:
    """The calls of the month, and the requests of each person."""

    governor: Governor
    requests: RequestBudget


@dataclass(frozen=True, kw_only=True)
class Guards:
    """Checks that keep an act from happening twice, by accident, or by one person alone."""

    starts: RunStarts
    approvals: Approvals
    confirmations: TapConfirmations


@dataclass(frozen=True, kw_only=True)
class People:
    """Names of people and groups, what each person was asked last, and their logins to the web pages."""

    users: UserDirectory
    groups: GroupDirectory
    answers: PendingAnswers
    logins: Logins


@dataclass(frozen=True, kw_only=True)
class Context:
    """The service as a handler sees it.

    Handlers look up schedules, runs and reports with the methods here. These hide what the conversation may
    not see, and refuse what the person may not do.
    """

    runs: Runs
    guards: Guards
    schedules: ScheduleLookup
    reports: ReportServices
    delivery: ChatDelivery
    quota: ChatQuota
    people: People
    audit: AuditReader
    cards: Cards
    clock: Clock

    async def visible_schedules(self, request: Request) -> Sequence[Schedule]:
        """List the schedules that may be shown where the request comes from."""
        return [schedule for schedule in await self.schedules.all() if request.access.sees(schedule)]

    async def find_schedule(self, request: CommandRequest, name: str = "") -> Schedule:
        """Return the schedule that a name means; without one, the only one or the last one notified here.

        Raises:
            UserError: There is none here, or there are several.
            Refused: The person may not do this to it.
        """
        access, here = request.access, reply_destination(request.message)
        find = self.schedules.find_by_name(name, access.sees) if name else None
        schedule = await (find or self.schedules.find_default(here, access.sees))
        access.ensure(access.permission, schedule)
        return schedule

    async def schedule_of(self, request: Request, run: Run) -> Schedule:
        """Return the schedule of a run as it is now.

        Raises:
            UserError: The schedule is gone. Only targets that a schedule names are scanned.
            Refused: The person may not do this to it.
        """
        schedule = await self.schedules.find_by_run(run, request.access.sees)
        request.access.ensure(request.access.permission, schedule)
        return schedule

    async def find_run(self, request: CommandRequest, text: str) -> Run | None:
        """Return the run with this id, or the only one here whose id starts with it.

        Raises:
            UserError: Several ids start with it.
            Refused: The run is not shown here, or the person may not do this to it.
        """
        wanted = normalize_name(text)
        run = await self.runs.find(wanted)
        if run is None:
            starting = await self.runs.find_by_prefix(wanted)
            matches = [each for each in starting if await self._shows(request, each)]
            if len(matches) > 1:
                raise ambiguous_run(matches)
            run = matches[0] if matches else None
        elif not await self._shows(request, run):
            raise Refused("no_such_run", rule="not_here", run=text)
        if run:
            await self.ensure_run(request, run)
        return run

    async def run_named(self, request: CommandRequest) -> Run:
        """Return the run that a message names; without a word, the one last notified where it was said.

        Raises:
            UserError: There is no such run here, or there are several.
            Refused: The person may not do this to it.
        """
        text = request.argument
        if text:
            run = await self.find_run(request, text) or await self.runs.find_last(text)  # id of a schedule
        else:
            run = await self.runs.last_notified(reply_destination(request.message))
        if run is None:
            raise UserError("no_such_run", run=text)
        await self.ensure_run(request, run)
        return run

    async def quoted_run(self, request: CommandRequest) -> Run | None:
        """Return the run of the robot's message that a message replies to, if it is a recent one here.

        DingTalk does not document that replies name it, so None is normal.
        """
        if not request.message.quoted:
            return None
        for run in await self.recent_runs(request, limit=MAX_RUNS_QUOTED):
            jobs = await self.delivery.resender.jobs(run.id)
            if any(job.result.get("message_id") == request.message.quoted for job in jobs):
                return run
        return None

    async def recent_runs(
        self, request: CommandRequest, schedule: Schedule | None = None, *, running: bool = False, limit: int
    ) -> Sequence[Run]:
        """Return the newest runs of a schedule, or of all that are shown here, newest first."""
        if schedule:
            return await self.runs.recent(schedule.id, running=running, limit=limit)
        runs = await self.runs.recent(running=running, limit=max(limit, RECENT_RUNS_LIMIT))
        return [run for run in runs if request.access.sees_run(run)][:limit]

    async def recent_reports(
        self, request: CommandRequest, schedule: Schedule | None = None, *, limit: int
    ) -> Sequence[Report]:
        """Return the newest reports of a schedule, or of all that are shown here, newest first."""
        if schedule:
            return await self.reports.repository.newest(schedule.id, limit=limit)
        shown: list[Report] = []
        for report in await self.reports.repository.newest("", limit=RECENT_RUNS_LIMIT):
            run = await self.runs.find(report.run_id)
            if run and request.access.sees_run(run):
                shown.append(report)
            if len(shown) == limit:
                break
        return shown

    async def _shows(self, request: CommandRequest, run: Run) -> bool:
        """Return whether a run may be shown here, because of its own routes or those of its schedule now."""
        return request.access.sees_run(run) or await self._current(request, run) is not None

    async def ensure_run(self, request: CommandRequest, run: Run) -> None:
        """Accept what the command does, on this run.

        Raises:
            Refused: The run is not shown here, or the person may not do this to it.
        """
        note_run(run)
        current = None if request.access.sees_run(run) else await self._current(request, run)
        if current:
            request.access.ensure(request.access.permission, current)
        else:
            request.access.ensure_run(run)

    async def _current(self, request: CommandRequest, run: Run) -> Schedule | None:
        """Return the schedule of a run as it is now, if it is shown here. None while the engine is away."""
        try:
            return await self.schedules.find_by_run(run, request.access.sees)
        except DingRunError:
            return None


def reply_destination(message: Message) -> Destination:
    """Return where a file or a card in reply goes: the group, or the person in a one-to-one conversation."""
    if message.group:
        return Destination(kind=DestinationKind.GROUP, id=message.conversation_id, app=message.app)
    return Destination(kind=DestinationKind.USER, id=message.sender.id, app=message.app)


def outcome_destination(message: Message) -> Destination | None:
    """Return where the outcome of what a message asks for is told too. None for a page, which shows it."""
    return None if is_from_page(message) else reply_destination(message)


def is_from_page(message: Message) -> bool:
    """Return whether a message was not sent in a chat, but stands for what a person did on a web page."""
    return message.robot_code == PAGES


def request_key(message: Message) -> str:
    """Return the idempotency key of what a message asks for."""
    return f"{message.robot_code}:{message.id}"


def ambiguous_run(runs: Sequence[Run], word: str = "") -> UserError:
    """Offer each run with its number, its time and its id; `word` is the command that asks."""
    shown = runs[:MAX_RUNS_OFFERED]
    items = [{"schedule": run.schedule_name, "since": run.start_time, "run": run.id} for run in shown]
    return UserError("which_run", runs=items, listed=[run.id for run in shown], word=word)
