"""What comes in from DingTalk: the wish is made durable, then answered in time, then done.

DingTalk waits 3 s for the answer to a message (1435-appendix-b-proposals-for-rational-use-of-resources) and
2 s for that to a press (0007-event-callback-card); we answer within 1.2 s. The same message may come again,
with the same msgId; a press has no id at all, so it is known by card, button and the state of its run.
Whoever waits for an engine that does not answer is told so, once, and told again if it is given up.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

from pydantic import TypeAdapter

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import AccessPolicy, Permission, is_allowed
from bot.chat.router import Router
from bot.chat.tap_guard import admit_tap
from bot.delivery.channels import Channels
from bot.delivery.plan import run_of_card
from bot.errors import DingRunError, PermanentError, TemporaryError, UserError
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import CardTap, Job, JobState, MarkdownMessage, Message, Run, new_job

log = logging.getLogger(__name__)

ACK_TIMEOUT_SECONDS = 1.2
SILENT_FAILURES = 1  # before the person who asked is told of a delay

_MESSAGE = TypeAdapter(Message)
_TAP = TypeAdapter(CardTap)


class Dispatcher:
    """Takes messages and presses, and does them as jobs of the kinds `message` and `tap`."""

    def __init__(
        self, jobs: Jobs, context: Context, channels: Channels, *, router: Router, rules: AccessPolicy
    ) -> None:
        self._jobs = jobs
        self._context = context
        self._channels = channels
        self._router = router
        self._rules = rules

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {
            "message": JobKind(run=self._process_message, on_finished=self._settled),
            "delay": JobKind(run=self._tell_delay),
            "tap": JobKind(run=self._process_tap),
        }

    async def receive_message(self, message: Message) -> None:
        """Keep a message.

        Raises `TemporaryError` when that takes too long, so that DingTalk delivers it again.
        """
        fresh = await self._enqueue(
            "message", f"{message.robot_code}:{message.id}", _MESSAGE.dump_python(message, mode="json")
        )
        if not fresh:
            log.info("message %s came again and is not done again", message.id)

    async def receive_tap(self, tap: CardTap) -> Mapping[str, str]:
        """Keep a press and return the card's variables that only the presser sees."""
        cards = self._context.cards
        try:
            async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                return await self._take_tap(tap)
        except UserError as error:
            return cards.tap_feedback(error.phrase, **error.values)
        except (TimeoutError, TemporaryError) as error:
            log.warning("press of %s on %s not taken: %s", tap.action, tap.card_id, error or "too slow")
            return cards.tap_feedback("busy")

    async def _take_tap(self, tap: CardTap) -> Mapping[str, str]:
        button = self._router.buttons.get(tap.action)
        run_id = run_of_card(tap.card_id)
        run = await self._context.runs.find(run_id) if run_id else None
        if button is None or run is None:
            raise UserError("card_unknown")
        await admit_tap(self._context, tap, run, button.permission, self._rules)
        who = f":{tap.user.id}" if button.replies.per_person else ""
        turn = await button.replies.dedupe_key(self._context, run)
        key = f"{tap.card_id}:{tap.action}:{run.status}{who}" + (f":{turn}" if turn else "")
        if await self._jobs.known(f"tap:{key}"):
            return self._context.cards.tap_feedback(button.replies.again)
        await button.replies.precondition(self._context, tap, run)
        if not button.replies.free:
            await self._context.budget.charge(tap.user)
        fresh = await self._enqueue("tap", key, _TAP.dump_python(tap, mode="json"), run_id=run.id)
        return self._context.cards.tap_feedback(button.replies.accepted if fresh else button.replies.again)

    async def _enqueue(self, kind: str, key: str, payload: Mapping[str, object], *, run_id: str = "") -> bool:
        now = self._context.clock()
        job = new_job(kind, key, now, run_id=run_id, payload=payload)
        try:
            async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                return await self._jobs.add(job)
        except TimeoutError:
            raise TemporaryError("the store takes too long") from None

    async def _process_message(self, claim: Claim) -> Result:
        message = _MESSAGE.validate_python(claim.job.payload)
        await self._context.users.heard(message)
        try:
            note = await self._respond(message)
        except TemporaryError as error:
            if claim.job.failures == SILENT_FAILURES:
                await self._delay(claim.job, "late", str(error))
            raise
        await self._reply(claim, message, note)
        return {}

    async def _reply(self, claim: Claim, message: Message, note: MarkdownMessage) -> None:
        messenger = self._channels.to(reply_destination(message))
        try:
            await messenger.reply(message, note, sending=claim.sending)
        except (
            PermanentError
        ) as error:  # the session is over: a message of its own costs a call, silence more
            log.warning("message %s is answered outside of its session: %s", message.id, error)
            await messenger.send_message(
                reply_destination(message), note, claim.job.id, sending=claim.sending
            )

    async def _settled(self, job: Job) -> None:
        if job.state is JobState.DEAD:
            await self._delay(job, "given_up", job.error)

    async def _delay(self, job: Job, phrase: str, why: str) -> None:
        """The wish to tell a person, once, that the answer takes longer or does not come."""
        now = self._context.clock()
        payload = {"message": job.payload, "phrase": phrase, "why": why}
        await self._jobs.add(new_job("delay", f"{phrase}:{job.id}", now, payload=payload))

    async def _tell_delay(self, claim: Claim) -> Result:
        payload = claim.job.payload
        message = _MESSAGE.validate_python(payload["message"])
        note = self._context.cards.reply(str(payload["phrase"]), why=payload["why"])
        await self._reply(claim, message, note)
        return {}

    async def _respond(self, message: Message) -> MarkdownMessage:
        """The answer to a message, whatever happens."""
        cards = self._context.cards
        try:
            return await self._dispatch(message)
        except UserError as error:
            return await self._refused(message, error)
        except PermanentError as error:
            log.warning("message %s could not be done: %s", message.id, error)
            return cards.reply("failed", id=message.id)
        except DingRunError:
            raise  # the job comes back
        except Exception:  # the edge of intake: a mistake of ours must not leave a person without an answer
            log.exception("message %s failed by a mistake of ours", message.id)
            return cards.reply("failed", id=message.id)

    async def _refused(self, message: Message, error: UserError) -> MarkdownMessage:
        """Why it is not done, or which of several is meant."""
        listed = error.values.get("listed")
        if isinstance(listed, list):
            await self._context.lists.remember(message, listed)
        return self._context.cards.reply(error.phrase, **error.values)

    async def _dispatch(self, message: Message) -> MarkdownMessage:
        if not message.sender.id:
            raise UserError("outsider")
        found = self._router.match(message.text)
        act = found[0].permission if found else Permission.VIEW
        if not is_allowed(message.sender, message.conversation_id, act, self._rules):
            raise UserError("denied", name=str(message.sender))
        if found is None:
            raise UserError("unknown", text=message.text, nearest=self._router.nearest(message.text))
        command, rest = found
        meant = await self._context.lists.resolve(message, rest)
        return await command.handler(self._context, message, meant)

    async def _process_tap(self, claim: Claim) -> Result:
        tap = _TAP.validate_python(claim.job.payload)
        tap = replace(tap, user=await self._context.users.with_name(tap.user))
        run = await self._run(claim.job)
        await self._router.buttons[tap.action].handler(self._context, tap, run, claim.job.id)
        return {}

    async def _run(self, job: Job) -> Run:
        run = await self._context.runs.find(job.run_id)
        if run is None:
            raise PermanentError(f"run {job.run_id} is not in the store")
        return run
