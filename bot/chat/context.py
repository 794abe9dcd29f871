"""Services that handlers may use: never a store, a socket or a vendor's package."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.audit.reader import AuditReader
from bot.audit.request import note_run
from bot.chat.pending_answers import PendingAnswers
from bot.chat.users import UserDirectory
from bot.delivery.files import ReportSender
from bot.delivery.policy.overrides import Overrides
from bot.delivery.requests import DeliveryRequests
from bot.delivery.resend import Resender
from bot.errors import UserError
from bot.models import Clock, Destination, DestinationKind, Message, Run
from bot.quota.governor import Governor
from bot.quota.request_budget import RequestBudget
from bot.reports.downloads import DownloadLog
from bot.reports.exports import ReportExports
from bot.reports.links import ReportLinks
from bot.reports.repository import Reports
from bot.runs.lifecycle import Runs
from bot.runs.schedule_lookup import ScheduleLookup, normalize_name
from bot.runs.starts import RunStarts
from cards.render import Cards

MAX_RUNS_OFFERED = 10


@dataclass(frozen=True, kw_only=True)
class ReportServices:
    """Reports, their exports, their download links and who used these."""

    repository: Reports
    exports: ReportExports
    links: ReportLinks
    downloads: DownloadLog


@dataclass(frozen=True, kw_only=True)
class ChatDelivery:
    """Deliveries that people ask for."""

    requests: DeliveryRequests
    resender: Resender
    files: ReportSender


@dataclass(frozen=True, kw_only=True)
class ChatQuota:
    """The calls of the month, and the requests of each person."""

    governor: Governor
    requests: RequestBudget


@dataclass(frozen=True, kw_only=True)
class Context:
    """The service as a handler sees it."""

    runs: Runs
    starts: RunStarts
    schedules: ScheduleLookup
    reports: ReportServices
    delivery: ChatDelivery
    quota: ChatQuota
    overrides: Overrides
    users: UserDirectory
    answers: PendingAnswers
    audit: AuditReader
    cards: Cards
    clock: Clock

    async def find_run(self, text: str) -> Run | None:
        """Return the run with this id, or the only one whose id starts with it.

        Raises:
            UserError: Several ids start with it.
        """
        wanted = normalize_name(text)
        found = await self.runs.find(wanted)
        if found:
            return found
        matches = await self.runs.find_by_prefix(wanted)
        if len(matches) > 1:
            raise ambiguous_run(matches)
        return matches[0] if matches else None

    async def run_named(self, text: str, message: Message) -> Run:
        """Return the run that a message names; without a word, the one last notified where it was said.

        Raises:
            UserError: There is no such run, or there are several.
        """
        last = self.runs.last_notified(reply_destination(message)) if not text else None
        run = await (last or self.find_run(text))
        if run is None:
            raise UserError("no_such_run", run=text)
        note_run(run)
        return run


def reply_destination(message: Message) -> Destination:
    """Return where a file or a card in reply goes: the group, or the person in a one-to-one conversation."""
    if message.group:
        return Destination(kind=DestinationKind.GROUP, id=message.conversation_id, app=message.app)
    return Destination(kind=DestinationKind.USER, id=message.sender.id, app=message.app)


def request_key(message: Message) -> str:
    """Return the idempotency key of what a message asks for."""
    return f"{message.robot_code}:{message.id}"


def ambiguous_run(runs: Sequence[Run], word: str = "") -> UserError:
    """Offer each run with its number, its time and its id; `word` is the command that asks."""
    shown = runs[:MAX_RUNS_OFFERED]
    items = [{"schedule": run.schedule_name, "since": run.start_time, "run": run.id} for run in shown]
    return UserError("which_run", runs=items, listed=[run.id for run in shown], word=word)
