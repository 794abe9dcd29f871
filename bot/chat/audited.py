"""Record every message and every tap in the audit, with what came of it.

What is processed as a job is recorded by the job, under its id, so a repeated job is recorded once. A tap
that is refused or repeated has no job: it is recorded at once, at most once a minute for a person and a
button.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter

from bot.audit.log import AuditLog
from bot.audit.request import audited, noting
from bot.chat.context import reply_destination
from bot.chat.dispatcher import Dispatcher
from bot.chat.users import UserDirectory
from bot.errors import TemporaryError
from bot.jobs.queue import Claim, JobKind, Result
from bot.models import (
    AuditChannel,
    AuditEntry,
    AuditOutcome,
    CardTap,
    Job,
    JobState,
    Message,
    deterministic_id,
)

log = logging.getLogger(__name__)

MAX_STORE_SECONDS = 0.5  # for a tap that is refused: what is left of the time for its answer

_MESSAGE = TypeAdapter(Message)
_TAP = TypeAdapter(CardTap)


class AuditedDispatcher:
    """A dispatcher whose messages and taps are recorded."""

    def __init__(
        self, dispatcher: Dispatcher, audit: AuditLog, users: UserDirectory, *, labels: Mapping[str, str]
    ) -> None:
        """Wrap a dispatcher. `labels` are the texts of the buttons, by action."""
        self._dispatcher = dispatcher
        self._audit = audit
        self._users = users
        self._labels = labels

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        kinds = self._dispatcher.kinds
        return {name: self._audited(kind) if name in _ENTRIES else kind for name, kind in kinds.items()}

    async def receive_message(self, message: Message) -> None:
        """Store a message. Raises the same errors as `Dispatcher.receive_message`."""
        await self._dispatcher.receive_message(message)

    async def receive_tap(self, tap: CardTap) -> Mapping[str, str]:
        """Store a tap and return the card variables that only this person sees."""
        with noting(self._record_tap, tap_entry(tap, self._audit.clock())):
            return await self._dispatcher.receive_tap(tap)

    async def _record_tap(self, entry: AuditEntry) -> None:
        """Record a tap that is no job. Its answer must not wait for the store."""
        minute = f"{entry.at:%Y-%m-%dT%H:%M}"
        key = deterministic_id("", entry.id, entry.outcome, entry.rule, entry.detail, minute, length=20)
        try:
            async with asyncio.timeout(MAX_STORE_SECONDS):
                await self._audit.record(await self._as_people_see(replace(entry, id=f"tap:{key}")))
        except (TimeoutError, TemporaryError) as error:
            log.warning(
                "a tap on %s by %s is not in the audit: %s (%s)",
                entry.said,
                entry.actor.id or "a stranger",
                entry.detail or entry.rule,
                str(error) or "the store is too slow",
            )

    def _audited(self, kind: JobKind) -> JobKind:
        """Return the kind of job with an entry for each job."""

        async def run(claim: Claim) -> Result:
            async with audited(self._audit.record, await self._entry(claim.job)):
                return await kind.run(claim)

        async def on_finished(job: Job) -> None:
            await kind.on_finished(job)
            if job.state is JobState.DEAD and job.payload:  # old payloads are cleared
                failed = replace(await self._entry(job), outcome=AuditOutcome.FAILED, detail=job.error)
                await self._audit.record(failed)

        return replace(kind, run=run, on_finished=on_finished)

    async def _entry(self, job: Job) -> AuditEntry:
        return await self._as_people_see(replace(_ENTRIES[job.kind](job), id=job.id))

    async def _as_people_see(self, entry: AuditEntry) -> AuditEntry:
        """Return the entry with the name of the person and the text of the button. A tap has ids only."""
        said = entry.said
        if entry.channel is AuditChannel.TAP:
            action, _, chosen = said.partition(" ")
            said = f"{self._labels.get(action, action)} {chosen}".rstrip()
        return replace(entry, actor=await self._users.with_name(entry.actor), said=said)


def message_entry(message: Message, at: datetime) -> AuditEntry:
    """Return the entry of a message before it is understood."""
    return AuditEntry(
        id=message.id,
        at=at,
        channel=AuditChannel.MESSAGE,
        actor=message.sender,
        organization=message.corp_id,
        place=str(reply_destination(message)),
        place_name=message.title if message.group else "",
        said=message.text,
    )


def tap_entry(tap: CardTap, at: datetime) -> AuditEntry:
    """Return the entry of a tap before it is decided on."""
    return AuditEntry(
        id=f"{tap.card_id}:{tap.action}:{tap.user.id}",
        at=at,
        channel=AuditChannel.TAP,
        actor=tap.user,
        organization=tap.corp_id,
        place=tap.conversation_id,
        said=" ".join((tap.action, *tap.chosen)),
        command=tap.action,
    )


_ENTRIES: Mapping[str, Callable[[Job], AuditEntry]] = {
    "message": lambda job: message_entry(_MESSAGE.validate_python(job.payload), job.created_at),
    "tap": lambda job: tap_entry(_TAP.validate_python(job.payload), job.created_at),
}
