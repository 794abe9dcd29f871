"""Alert the operators of the service, once per cause."""

from collections.abc import Mapping, Sequence

from bot.delivery.channels import Channels
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import Destination, Job, QuotaKind, new_job
from bot.quota.budget import Balance
from cards.render import Cards


class OperatorAlerts:
    """Sends alerts to `operators` by jobs, so that they survive a crash and are not repeated."""

    def __init__(
        self, jobs: Jobs, *, channels: Channels, cards: Cards, operators: Sequence[Destination]
    ) -> None:
        self._jobs = jobs
        self._channels = channels
        self._cards = cards
        self._operators = operators

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {"notice": JobKind(run=self._send)}

    async def alert(self, cause: str, phrase: str, /, **values: object) -> None:
        """Send a phrase to every operator. Idempotent by cause. `values` are JSON values."""
        now = self._jobs.clock()
        for operator in self._operators:
            payload = {"destination": str(operator), "phrase": phrase, "values": values}
            await self._jobs.add(new_job("notice", f"{cause}:{operator}", now, payload=payload))

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

    async def _send(self, claim: Claim) -> Result:
        payload = claim.job.payload
        destination = Destination.parse(str(payload["destination"]))
        values = payload["values"]
        message = self._cards.reply(str(payload["phrase"]), **(values if isinstance(values, dict) else {}))
        messenger = self._channels.to(destination)
        sending = claim.sending_text(messenger.capabilities)
        sent = await messenger.send_message(destination, message, claim.job.id, sending=sending)
        return sent.as_result()
