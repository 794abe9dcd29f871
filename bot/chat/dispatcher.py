"""Store what comes in from DingTalk, acknowledge it in time, then process it as a job.

DingTalk waits 3 s for the answer to a message (1435-appendix-b-proposals-for-rational-use-of-resources) and
2 s for that to a tap (0007-event-callback-card). We answer within 1.2 s. The same message may be delivered
again with the same msgId. A tap has no id, so it is identified by card, button and the state of its run.
When the engine is unreachable, the sender is notified of the delay, and again if DingRun gives up.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

from pydantic import TypeAdapter

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.permissions import AccessPolicy, Permission, is_allowed
from bot.chat.router import Router
from bot.chat.tap_guard import check_tap
from bot.delivery.channels import Channels
from bot.delivery.plan import run_of_card
from bot.errors import DingRunError, PermanentError, TemporaryError, UserError
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import CardTap, Job, JobState, MarkdownMessage, Message, Run, new_job

log = logging.getLogger(__name__)

ACK_TIMEOUT_SECONDS = 1.2
MAX_SILENT_FAILURES = 1  # before the sender is told of a delay; most problems are over after the first retry

_MESSAGE = TypeAdapter(Message)
_TAP = TypeAdapter(CardTap)


class Dispatcher:
    """Receives messages and taps, and processes them as jobs of the kinds `message` and `tap`."""

    def __init__(
        self, jobs: Jobs, context: Context, channels: Channels, *, router: Router, policy: AccessPolicy
    ) -> None:
        self._jobs = jobs
        self._context = context
        self._channels = channels
        self._router = router
        self._policy = policy

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {
            "message": JobKind(run=self._process_message, on_finished=self._message_finished),
            "delay": JobKind(run=self._send_delay_notice),
            "tap": JobKind(run=self._process_tap),
        }

    async def receive_message(self, message: Message) -> None:
        """Store a message.

        Raises:
            TemporaryError: The store takes too long. Without an ack, DingTalk delivers the message again.
        """
        payload = _MESSAGE.dump_python(message, mode="json")
        if not await self._enqueue("message", request_key(message), payload):
            log.info("message %s was delivered again and is ignored", message.id)

    async def receive_tap(self, tap: CardTap) -> Mapping[str, str]:
        """Store a tap and return the card variables that only this person sees."""
        cards = self._context.cards
        try:
            async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                return await self._enqueue_tap(tap)
        except UserError as error:
            return cards.tap_feedback(error.phrase, **error.values)
        except (TimeoutError, TemporaryError) as error:
            log.warning("tap on %s of %s not stored: %s", tap.action, tap.card_id, str(error) or "too slow")
            return cards.tap_feedback("busy")

    async def _enqueue_tap(self, tap: CardTap) -> Mapping[str, str]:
        button = self._router.buttons.get(tap.action)
        run_id = run_of_card(tap.card_id)
        run = await self._context.runs.find(run_id) if run_id else None
        if button is None or run is None:
            raise UserError("card_unknown")
        await check_tap(self._context, tap, run, button.permission, self._policy)
        replies = button.replies
        who = f":{tap.user.id}" if replies.per_person else ""
        dedupe_key = await replies.dedupe_key(self._context, run)
        key = f"{tap.card_id}:{tap.action}:{run.status}{who}" + (f":{dedupe_key}" if dedupe_key else "")
        if await self._jobs.known(f"tap:{key}"):
            return self._context.cards.tap_feedback(replies.again)
        await replies.precondition(self._context, tap, run)
        if not replies.free:
            await self._context.quota.requests.charge(tap.user)
        is_new = await self._enqueue("tap", key, _TAP.dump_python(tap, mode="json"), run_id=run.id)
        return self._context.cards.tap_feedback(replies.accepted if is_new else replies.again)

    async def _enqueue(self, kind: str, key: str, payload: Mapping[str, object], *, run_id: str = "") -> bool:
        job = new_job(kind, key, self._context.clock(), run_id=run_id, payload=payload)
        try:
            async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                return await self._jobs.add(job)
        except TimeoutError:
            raise TemporaryError("the store takes too long") from None

    async def _process_message(self, claim: Claim) -> Result:
        message = _MESSAGE.validate_python(claim.job.payload)
        await self._context.users.record_message(message)
        try:
            answer = await self._respond(message)
        except TemporaryError as error:
            if claim.job.failures == MAX_SILENT_FAILURES:
                await self._enqueue_delay_notice(claim.job, "late", str(error))
            raise
        await self._reply(claim, message, answer)
        return {}

    async def _reply(self, claim: Claim, message: Message, answer: MarkdownMessage) -> None:
        """Answer in the session of a message; when that is over, by a message that costs a call."""
        destination = reply_destination(message)
        messenger = self._channels.to(destination)
        try:
            await messenger.reply(message, answer, sending=claim.sending)
        except PermanentError as error:
            log.warning("message %s is answered outside of its session: %s", message.id, error)
            await messenger.send_message(destination, answer, claim.job.id, sending=claim.sending)

    async def _message_finished(self, job: Job) -> None:
        if job.state is JobState.DEAD:
            await self._enqueue_delay_notice(job, "given_up", job.error)

    async def _enqueue_delay_notice(self, job: Job, phrase: str, reason: str) -> None:
        """Tell the sender, once, that the answer is late or will not come."""
        payload = {"message": job.payload, "phrase": phrase, "why": reason}
        notice = new_job("delay", f"{phrase}:{job.id}", self._context.clock(), payload=payload)
        await self._jobs.add(notice)

    async def _send_delay_notice(self, claim: Claim) -> Result:
        payload = claim.job.payload
        message = _MESSAGE.validate_python(payload["message"])
        notice = self._context.cards.reply(str(payload["phrase"]), why=payload["why"])
        await self._reply(claim, message, notice)
        return {}

    async def _respond(self, message: Message) -> MarkdownMessage:
        """Return the answer to a message. Only errors that end by themselves are raised."""
        cards = self._context.cards
        try:
            return await self._dispatch(message)
        except UserError as error:
            return await self._explain(message, error)
        except PermanentError as error:
            log.warning("message %s failed: %s", message.id, error)
            return cards.reply("failed", id=message.id)
        except DingRunError:
            raise  # the job is retried
        except Exception:  # a bug of ours must not leave a person without an answer
            log.exception("message %s failed because of a bug", message.id)
            return cards.reply("failed", id=message.id)

    async def _explain(self, message: Message, error: UserError) -> MarkdownMessage:
        """Say why a request was refused, and remember what it may have meant."""
        listed = error.values.get("listed")
        if isinstance(listed, list):
            await self._context.users.lists.remember(message, listed)
        return self._context.cards.reply(error.phrase, **error.values)

    async def _dispatch(self, message: Message) -> MarkdownMessage:
        if not message.sender.id:
            raise UserError("outsider")
        match = self._router.match(message.text)
        permission = match[0].permission if match else Permission.VIEW
        if not is_allowed(message.sender, message.conversation_id, permission, self._policy):
            raise UserError("denied", name=str(message.sender))
        if match is None:
            raise UserError("unknown", text=message.text, nearest=self._router.nearest(message.text))
        command, argument = match
        argument = await self._context.users.lists.resolve(message, argument)
        return await command.handler(self._context, message, argument)

    async def _process_tap(self, claim: Claim) -> Result:
        tap = _TAP.validate_python(claim.job.payload)
        tap = replace(tap, user=await self._context.users.with_name(tap.user))
        run = await self._load_run(claim.job)
        await self._router.buttons[tap.action].handler(self._context, tap, run, claim.job.id)
        return {}

    async def _load_run(self, job: Job) -> Run:
        run = await self._context.runs.find(job.run_id)
        if run is None:
            raise PermanentError(f"run {job.run_id} is not in the store")
        return run
