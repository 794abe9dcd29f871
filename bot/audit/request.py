"""The entry of the request that is being processed. Code on its way adds what it learns.

The entry is kept in a context variable, as the ids of the log are: what finds a schedule or decides on a
permission need not know that, or by whom, it is asked. Outside of a request, nothing is recorded.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace

from bot.errors import TemporaryError
from bot.models import AuditEntry, AuditOutcome, Run, Schedule

Record = Callable[[AuditEntry], Awaitable[None]]
"""Store an entry, such as `AuditLog.record`."""


class _Request:
    """The entry so far, and how it is stored."""

    def __init__(self, record: Record, entry: AuditEntry) -> None:
        self.record = record
        self.entry = entry

    @property
    def is_finished(self) -> bool:
        return self.entry.outcome is not AuditOutcome.PENDING


_current: ContextVar[_Request | None] = ContextVar("audited request", default=None)


@contextmanager
def noting(record: Record, entry: AuditEntry) -> Iterator[_Request]:
    """Collect what is noted inside. The entry is stored by `finish_entry` only."""
    request = _Request(record, entry)
    token = _current.set(request)
    try:
        yield request
    finally:
        _current.reset(token)


@asynccontextmanager
async def audited(record: Record, entry: AuditEntry) -> AsyncIterator[None]:
    """Record the request that is processed inside: as accepted, unless `finish_entry` was called.

    After a `TemporaryError` the entry is stored as pending, because the request is tried again.
    """
    with noting(record, entry) as request:
        try:
            yield
        except TemporaryError as error:
            await _store_pending(request, error)
            raise
        if not request.is_finished:
            await finish_entry(AuditOutcome.ACCEPTED)


async def _store_pending(request: _Request, error: TemporaryError) -> None:
    if not request.is_finished:
        with suppress(TemporaryError):  # the store itself may be unavailable
            await request.record(replace(request.entry, detail=str(error)))


def note_command(name: str) -> None:
    """Note the command or button that the request was understood as."""
    if request := _current.get():
        request.entry = replace(request.entry, command=name)


def note_schedule(schedule: Schedule) -> Schedule:
    """Note the schedule that the request is about, and return it. The last one noted counts."""
    if request := _current.get():
        request.entry = replace(request.entry, schedule_id=schedule.id, schedule_name=schedule.name)
    return schedule


def note_run(run: Run) -> Run:
    """Note the run that the request is about or has started, and its schedule. Return the run."""
    note_schedule(run.schedule)
    if request := _current.get():
        request.entry = replace(request.entry, run_id=run.id)
    return run


def note_decision(*, allowed: bool, rule: str) -> None:
    """Note whether the person may do this, and the rule that decided. The last decision counts."""
    if request := _current.get():
        request.entry = replace(request.entry, allowed=allowed, rule=rule)


async def finish_entry(outcome: AuditOutcome, detail: str = "") -> None:
    """Record the request with its outcome, before anybody is told of it."""
    if request := _current.get():
        request.entry = replace(request.entry, outcome=outcome, detail=detail)
        await request.record(request.entry)
