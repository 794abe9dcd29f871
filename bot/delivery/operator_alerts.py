"""What the operators of the service are told of its own troubles, each once."""

from collections.abc import Mapping, Sequence

from bot.delivery.channels import Channels
from bot.jobs.queue import Claim, JobKind, Jobs, Result
from bot.models import Destination, Job, QuotaKind, new_job
from bot.quota.budget import Balance
from cards.render import Cards


class OperatorAlerts:
    """Tells `operators` by jobs, so that it survives a crash and no trouble is told twice."""

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
        """Say a phrase to every operator; the same cause again says nothing. Values are JSON values."""
        now = self._jobs.clock()
        for place in self._operators:
            payload = {"destination": str(place), "phrase": phrase, "values": values}
            await self._jobs.add(new_job("notice", f"{cause}:{place}", now, payload=payload))

    async def alert_quota(self, warnings: Sequence[tuple[str, QuotaKind, int, Balance]]) -> None:
        """Tell of borders that a month's calls have passed."""
        for month, bucket, border, balance in warnings:
            used, limit = balance.used(bucket), balance.budget.limit(bucket)
            cause = f"quota:{month}:{bucket}:{border}"
            await self.alert(
                cause, "quota_warning", bucket=bucket.value, percent=border, used=used, limit=limit
            )

    async def alert_stalled_exports(self, exports: Sequence[Job]) -> None:
        """Tell of reports that cannot be made, once a day."""
        if exports:
            day = self._jobs.clock().date()
            await self.alert(f"late_reports:{day}", "late_reports", count=len(exports), why=exports[0].error)

    async def _send(self, claim: Claim) -> Result:
        payload = claim.job.payload
        destination = Destination.parse(str(payload["destination"]))
        values = payload["values"]
        note = self._cards.reply(str(payload["phrase"]), **(values if isinstance(values, dict) else {}))
        messenger = self._channels.to(destination)
        sending = claim.sending_text(messenger.capabilities)
        receipt = await messenger.send_message(destination, note, claim.job.id, sending=sending)
        return receipt.as_result()
