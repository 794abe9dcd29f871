"""Alert the operators of the service, once per cause, by a channel that works."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.delivery.channels import Channels
from bot.errors import ConfigError, DingRunError, PermanentError, RateLimited, TemporaryError
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import Destination, Job, JobState, MarkdownMessage, QuotaKind, SendResult, new_job
from bot.ports import LastResort, Sending, unmarked
from bot.quota.budget import Balance
from bot.telemetry.logging import redacted
from cards.render import Cards

log = logging.getLogger(__name__)

LAST_RESORT_AFTER = timedelta(minutes=2)  # DingTalk has had a first attempt and retries by then
UNDELIVERABLE = (PermanentError, ConfigError, RateLimited)  # rejected, keys refused, month used up


@dataclass(frozen=True, kw_only=True)
class AlertChannels:
    """Ways to the operators.

    - `direct` needs no store: it has no rate limits. It is used when the store fails.
    - `last_resort` is used when none of the operators could be told through DingTalk.
    """

    operators: Sequence[Destination]
    channels: Channels
    direct: Channels
    last_resort: LastResort | None = None


class OperatorAlerts:
    """Sends alerts by jobs, so that they survive a crash and are not repeated."""

    def __init__(self, jobs: Jobs, *, channels: AlertChannels, cards: Cards) -> None:
        self._jobs = jobs
        self._channels = channels
        self._cards = cards

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {"notice": JobKind(run=self._send), "last_notice": JobKind(run=self._send_last_resort)}

    async def alert(self, cause: str, phrase: str, /, **values: object) -> None:
        """Send a phrase to every operator. Idempotent by cause. `values` are JSON values."""
        now, known = self._jobs.clock(), self._channels
        payload = {"cause": cause, "phrase": phrase, "values": _masked(values)}
        for operator in known.operators:
            own = {**payload, "destination": str(operator)}
            await self._jobs.add(new_job("notice", f"{cause}:{operator}", now, payload=own))
        if known.last_resort:
            reachable = any(not known.channels.is_silent(each) for each in known.operators)
            last = new_job("last_notice", cause, now, payload=payload)
            await self._jobs.add(replace(last, due_at=now + LAST_RESORT_AFTER) if reachable else last)

    async def alert_quota(self, warnings: Sequence[tuple[str, QuotaKind, int, Balance]]) -> None:
        """Alert about thresholds of the monthly quota that were passed."""
        for month, kind, percent, balance in warnings:
            used, limit = balance.used(kind), balance.budget.limit(kind)
            cause = f"quota:{month}:{kind}:{percent}"
            await self.alert(
                cause, "quota_warning", bucket=kind.value, percent=percent, used=used, limit=limit
            )

    async def alert_stalled_exports(self, exports: Sequence[Job]) -> None:
        """Alert about exports that keep failing, once a day."""
        if exports:
            day = self._jobs.clock().date()
            await self.alert(f"late_reports:{day}", "late_reports", count=len(exports), why=exports[0].error)

    async def alert_directly(self, cause: str, phrase: str, /, **values: object) -> bool:
        """Send a phrase without the store. Returns whether anybody may have been told; else try again."""
        message, known = self._cards.reply(phrase, **_masked(values)), self._channels
        told = [await self._try_directly(each, message, f"{cause}:{each}") for each in known.operators]
        if any(told):
            return True
        if known.last_resort is None:
            return False
        try:
            await known.last_resort.notify(message)
        except TemporaryError as error:
            log.warning("the alert %s reaches nobody: %s", cause, error)
            return False
        return True

    async def _try_directly(self, operator: Destination, message: MarkdownMessage, key: str) -> bool:
        try:
            sent = await self._send_to(operator, message, key, channels=self._channels.direct)
        except DingRunError as error:
            log.warning("the alert %s is not delivered: %s", key, error)
            return isinstance(error, TemporaryError) and error.uncertain
        return not sent.silent

    async def _send(self, claim: Claim) -> Result:
        payload = claim.job.payload
        last = await self._jobs.find(f"last_notice:{payload.get('cause')}")
        if last and last.result.get("sent"):
            return {"skipped": True}
        operator, message = Destination.parse(str(payload["destination"])), self._message(claim)
        messenger = self._channels.channels.to(operator)
        sending = claim.sending_text(messenger.capabilities)
        sent = await self._send_to(operator, message, claim.job.id, sending=sending)
        return sent.as_result()

    async def _send_to(
        self,
        operator: Destination,
        message: MarkdownMessage,
        key: str,
        *,
        channels: Channels | None = None,
        sending: Sending = unmarked,
    ) -> SendResult:
        """Send a message, by the fallback webhook of the same group if the channel cannot deliver it."""
        channels = channels or self._channels.channels
        try:
            return await channels.to(operator).send_message(operator, message, key, sending=sending)
        except UNDELIVERABLE:
            robot = channels.fallback_webhook(operator)
            if robot is None:
                raise
            return await channels.to(robot).send_message(robot, message, key)

    async def _send_last_resort(self, claim: Claim) -> Result:
        """Send an alert outside of DingTalk, unless one of the operators has got it."""
        if self._channels.last_resort is None or await self._was_delivered(str(claim.job.payload["cause"])):
            return {"sent": False}
        await self._channels.last_resort.notify(self._message(claim))
        return {"sent": True}

    async def _was_delivered(self, cause: str) -> bool:
        jobs = [await self._jobs.find(f"notice:{cause}:{each}") for each in self._channels.operators]
        return any(job and job.state is JobState.DONE and not job.result.get("silent") for job in jobs)

    def _message(self, claim: Claim) -> MarkdownMessage:
        values = claim.job.payload["values"]
        phrase = str(claim.job.payload["phrase"])
        return self._cards.reply(phrase, **(values if isinstance(values, dict) else {}))


def _masked(values: Mapping[str, object]) -> dict[str, object]:
    """Mask secrets in the errors of other systems, which may echo them."""
    return {name: redacted(value) if isinstance(value, str) else value for name, value in values.items()}
