"""Store what comes in from DingTalk, acknowledge it in time, then process it as a job.

DingTalk waits 3 s for the answer to a message (1435-appendix-b-proposals-for-rational-use-of-resources) and
2 s for that to a tap (0007-event-callback-card). We answer within 1.2 s. The same message may be delivered
again with the same msgId. A tap has no id, so it is identified by card, button and the state of its run.
When the engine is unreachable, the sender is notified of the delay, and again if DingRun gives up.
"""

import asyncio
import logging
from collections.abc import Mapping

from pydantic import TypeAdapter

from bot.chat.context import Context, reply_destination, request_key
from bot.chat.messages import MessageProcessor
from bot.chat.permissions import AccessPolicy
from bot.chat.router import Router
from bot.chat.taps import TapProcessor
from bot.delivery.channels import Channels
from bot.errors import PermanentError, TemporaryError
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import CardTap, Job, JobState, MarkdownMessage, Message, new_job
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

ACK_TIMEOUT_SECONDS = 1.2
MAX_SILENT_FAILURES = 1  # before the sender is told of a delay; most problems are over after the first retry

_MESSAGE = TypeAdapter(Message)


class Dispatcher:
    """Receives messages and taps, and processes them as jobs of the kinds `message` and `tap`."""

    def __init__(
        self, jobs: Jobs, context: Context, channels: Channels, *, router: Router, policy: AccessPolicy
    ) -> None:
        self._jobs = jobs
        self._context = context
        self._channels = channels
        self._messages = MessageProcessor(context, router=router, policy=policy)
        self._taps = TapProcessor(context, jobs, router=router, policy=policy)

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
        payload, now = _MESSAGE.dump_python(message, mode="json"), self._context.clock()
        if not await self._add(new_job("message", request_key(message), now, payload=payload)):
            log.info("message %s was delivered again and is ignored", message.id)
            count_rescue(Rescue.MESSAGE_REDELIVERED)

    async def receive_tap(self, tap: CardTap) -> Mapping[str, str]:
        """Store a tap and return the card variables that only this person sees."""
        try:
            async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                return await self._taps.accept(tap, self._add)
        except TimeoutError:
            log.warning("tap on %s of %s not stored: too slow", tap.action, tap.card_id)
            return self._context.cards.tap_feedback("busy")

    async def _add(self, job: Job) -> bool:
        try:
            async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                return await self._jobs.add(job)
        except TimeoutError:
            raise TemporaryError("the store takes too long") from None

    async def _process_message(self, claim: Claim) -> Result:
        message = _MESSAGE.validate_python(claim.job.payload)
        await self._context.people.users.record_message(message)
        try:
            answer = await self._messages.respond(message)
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

    async def _process_tap(self, claim: Claim) -> Result:
        await self._taps.process(claim.job)
        return {}
