"""Process taps on cards: decide at once whether a tap counts, and act on it in a job.

DingTalk sends no id with a tap. Card, button and the state of the run identify it. What the tapper sees at
once is for that person alone. The card that everyone sees is updated by a job (0007-event-callback-card).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from bot.audit.request import finish_entry, note_run
from bot.chat.access_control import AccessControl
from bot.chat.context import Context
from bot.chat.permissions import AccessPolicy
from bot.chat.refusals import record_refusal
from bot.chat.requests import TapRequest
from bot.chat.router import Button, Router
from bot.delivery.plan import run_of_card
from bot.errors import ConfirmationNeeded, PermanentError, Refused, TemporaryError, UserError
from bot.jobs.queue import Jobs
from bot.models import AuditOutcome, CardTap, Job, deterministic_id, new_job
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

_TAP = TypeAdapter(CardTap)

AddJob = Callable[[Job], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class TapKey:
    """Identity of a tap. Taps with the same key are one request."""

    card_id: str
    action: str
    state: str  # of the run
    person: str = ""  # "" if one tap counts for all
    extra: str = ""
    chosen: str = ""  # a row of a table, or options of a form

    def __str__(self) -> str:
        parts = [self.card_id, self.action, self.state, self.person, self.extra, self.chosen]
        return ":".join(part for part in parts if part)


class TapProcessor:
    """Accepts taps and runs their buttons."""

    def __init__(self, context: Context, jobs: Jobs, *, router: Router, policy: AccessPolicy) -> None:
        self._context = context
        self._jobs = jobs
        self._router = router
        self._access = AccessControl(context, policy)

    async def accept(self, tap: CardTap, add: AddJob) -> Mapping[str, str]:
        """Store a tap with `add`, and return the card variables that only this person sees."""
        cards = self._context.cards
        try:
            return await self._accept(tap, add)
        except UserError as error:
            await record_refusal(error)
            return cards.tap_feedback(error.phrase, **error.values)
        except (TimeoutError, TemporaryError) as error:
            log.warning("tap on %s of %s not stored: %s", tap.action, tap.card_id, str(error) or "too slow")
            return cards.tap_feedback("busy")

    async def _accept(self, tap: CardTap, add: AddJob) -> Mapping[str, str]:
        button = self._router.buttons.get(tap.action)
        run_id = run_of_card(tap.card_id)
        run = await self._context.runs.find(run_id) if run_id else None
        if button is None or run is None:
            raise Refused("card_unknown", rule="unknown_card")
        note_run(run)
        access = await self._access.accept_tap(tap, run, button.permission)
        request, replies = TapRequest(tap=tap, run=run, access=access), button.replies
        key = await self._key(request, button)
        if await self._jobs.known(f"tap:{key}"):
            await _note_repeated()
            return self._context.cards.tap_feedback(replies.again)
        await self._ensure_possible(replace(request, key=f"tap:{key}"), button)
        if not replies.free:
            await self._context.quota.requests.charge(tap.user)
        payload = _TAP.dump_python(tap, mode="json")
        is_new = await add(new_job("tap", key, self._context.clock(), run_id=run.id, payload=payload))
        if not is_new:  # the same tap was stored a moment ago
            await _note_repeated()
        return self._context.cards.tap_feedback(replies.accepted if is_new else replies.again)

    async def _ensure_possible(self, request: TapRequest, button: Button) -> None:
        """Accept a tap that is possible now. If it must be confirmed, the second tap is the confirmation.

        Raises:
            UserError: It is not possible, or the person is asked to tap again.
        """
        precondition = button.replies.precondition
        if button.replies.expires:
            self._context.guards.confirmations.ensure_fresh(request.run)
        try:
            await precondition(self._context, request)
        except ConfirmationNeeded as question:
            if not await self._context.guards.confirmations.is_answer(request, question):
                raise
            await precondition(self._context, replace(request, confirmed=True))

    async def _key(self, request: TapRequest, button: Button) -> str:
        tap, replies = request.tap, button.replies
        key = TapKey(
            card_id=tap.card_id,
            action=tap.action,
            state=request.run.status,
            person=tap.user.id if replies.per_person else "",
            extra=await replies.dedupe_key(self._context, request.run),
            chosen=deterministic_id("", *tap.chosen) if tap.chosen else "",
        )
        return str(key)

    async def process(self, job: Job) -> None:
        """Run the button of a stored tap."""
        tap = _TAP.validate_python(job.payload)
        tap = replace(tap, user=await self._context.people.users.with_name(tap.user))
        run = await self._context.runs.find(job.run_id)
        if run is None:
            raise PermanentError(f"run {job.run_id} is not in the store")
        button = self._router.buttons[tap.action]
        access = await self._access.of_tap(tap, run, button.permission)
        access.note_decision(run)
        await button.handler(
            self._context, TapRequest(tap=tap, run=run, access=access, key=job.id, confirmed=True)
        )


async def _note_repeated() -> None:
    count_rescue(Rescue.TAP_REPEATED)
    await finish_entry(AuditOutcome.REPEATED)
