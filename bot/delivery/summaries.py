"""The summary of an ended run: by card, by message, by the webhook robot beside, or in a digest with others.

Which way it goes is decided once and written into the job before anything leaves, so that another try never
takes another way while the first may have arrived.
"""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.delivery.cards import OutgoingCard, send_card, update_payload
from bot.delivery.channels import Channels
from bot.delivery.circuit_breaker import CircuitBreaker, DeliveryMode
from bot.delivery.digests import Digests, Missed, Unconfirmed, digest_id
from bot.delivery.files import ReportSender
from bot.delivery.payload import DeliveryPayload, DeliveryResult
from bot.delivery.plan import MAX_EXPORT_WAIT, card_id
from bot.delivery.recipients import mentions
from bot.delivery.reconcile import destination_of, note_instead_of
from bot.delivery.routing import Route, RoutingSnapshot, choose_route
from bot.errors import ConfigError, DingRunError, PermanentError, TemporaryError
from bot.jobs.queue import Claim, Jobs, Postpone, Result
from bot.models import (
    Destination,
    ExportStatus,
    Job,
    MarkdownMessage,
    Report,
    Run,
    RunStatus,
)
from bot.ports import Store, TextRepeat
from bot.quota.budget import QuotaLevel
from bot.quota.governor import Governor
from bot.reports.repository import Reports
from cards.render import Cards
from cards.summary import CardState

log = logging.getLogger(__name__)

REFUSED = (PermanentError, ConfigError)


@dataclass(frozen=True, kw_only=True)
class DeliveryServices:
    """What a delivery goes by."""

    channels: Channels
    cards: Cards
    governor: Governor
    circuit_breaker: CircuitBreaker
    digests: Digests
    report_sender: ReportSender


class Summaries:
    """Does the jobs `card` and `note`."""

    def __init__(self, store: Store, jobs: Jobs, reports: Reports, means: DeliveryServices) -> None:
        self._store = store
        self._jobs = jobs
        self._reports = reports
        self._means = means

    async def card(self, claim: Claim) -> Result:
        """Show the summary as a card; where it cannot be one, a `note` job is there before this one ends."""
        run = await self._ready(claim.job)
        payload, snapshot = await self._decide(claim)
        if payload.route is Route.DIGEST:
            return await self._share(claim, payload)
        if payload.route is Route.DIRECT:
            return await self._show(claim, run, snapshot)
        fallback = None
        if payload.route is Route.WEBHOOK_FALLBACK:
            fallback = self._means.channels.fallback_webhook(payload.destination)
        why = "the month's calls run out" if fallback else "cards are refused here"
        return await self.fall_back(claim.job, why, via=fallback)

    async def note(self, claim: Claim) -> Result:
        """Send the summary as a message."""
        run = await self._ready(claim.job)
        payload, snapshot = await self._decide(claim)
        if payload.route is Route.DIGEST:
            return await self._share(claim, payload)
        fallback = self._means.channels.fallback_webhook(payload.target)  # that has not been tried yet
        if fallback and payload.route is Route.WEBHOOK_FALLBACK and payload.via is None:
            return await self._go_to(claim, fallback)
        if fallback and not await self._means.circuit_breaker.is_closed(DeliveryMode.MESSAGE, payload.target):
            return await self._go_to(claim, fallback)
        return await self._say(claim, run, snapshot)

    async def _say(self, claim: Claim, run: Run, snapshot: RoutingSnapshot) -> Result:
        payload = DeliveryPayload.of(claim.job)
        place = payload.target
        note = await self._note_for(claim, run, snapshot)
        messenger = self._means.channels.to(place)
        sending = claim.sending_text(messenger.capabilities)
        try:
            async with self._means.circuit_breaker.guard(place, claim.job.id, asked=payload.wanted_by_person):
                receipt = await messenger.send_message(place, note, claim.job.id, sending=sending)
        except REFUSED as error:
            return await self._after_refusal(claim, error)
        await self._means.circuit_breaker.record_success(DeliveryMode.MESSAGE, place)
        return receipt.as_result()

    async def fall_back(self, card: Job, why: str, *, via: Destination | None = None) -> Result:
        """The message that goes instead of a card is asked for; what the card's job keeps then."""
        await self._jobs.add(note_instead_of(card, self._jobs.clock(), via=via))
        return DeliveryResult(fallback_reason=why).as_json()

    async def _ready(self, job: Job) -> Run:
        """The run, once it has ended and its report has been waited for."""
        run = await ended_run(self._store, job, self._jobs)
        limit = (run.end_time or run.start_time) + MAX_EXPORT_WAIT
        if run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING} and self._jobs.clock() < limit:
            raise Postpone(limit)
        return run

    async def _decide(self, claim: Claim) -> tuple[DeliveryPayload, RoutingSnapshot]:
        """Choose the route once, and keep it before anything leaves; look at everything once."""
        payload = DeliveryPayload.of(claim.job)
        decided = payload.route is not None or payload.via is not None
        snapshot = await self._look(payload.destination, decided=decided)
        if decided:
            return replace(payload, route=payload.route or Route.DIRECT), snapshot
        route = choose_route(snapshot)
        if route is None:
            raise Postpone(self._means.governor.next_check_at())
        digest = ""
        if route is Route.DIGEST:
            digest = await self._digest_for(self._spoken_to(payload.destination, snapshot), snapshot)
        return await update_payload(claim, route=route, digest=digest), snapshot

    async def _look(self, destination: Destination, *, decided: bool) -> RoutingSnapshot:
        """Read what a route depends on; whoever has one takes no slot of the minute."""
        means = self._means
        if means.channels.is_silent(destination):
            return RoutingSnapshot(silent=True)
        fallback = means.channels.fallback_webhook(destination)
        look = RoutingSnapshot(quota=await means.governor.level(destination, beside=fallback is not None))
        if decided or look.quota in {QuotaLevel.DIGEST, QuotaLevel.SPENT}:
            return look
        slot = await means.governor.try_acquire_card_slot(self._spoken_to(destination, look))
        shows_cards = means.channels.capabilities(destination).cards
        accepted = not shows_cards or await means.circuit_breaker.is_closed(DeliveryMode.CARD, destination)
        return replace(look, slot=slot, cards_accepted=accepted)

    def _spoken_to(self, destination: Destination, snapshot: RoutingSnapshot) -> Destination:
        """Return where a summary of its own would go: to the destination, or to its fallback webhook."""
        fallback = self._means.channels.fallback_webhook(destination)
        return fallback if fallback and snapshot.quota is QuotaLevel.WEBHOOK else destination

    async def _digest_for(self, destination: Destination, snapshot: RoutingSnapshot) -> str:
        open_one = await self._means.digests.open_for(destination)
        if open_one:
            return open_one
        by_webhook = snapshot.quota is QuotaLevel.WEBHOOK
        quota = await self._means.governor.level(destination) if by_webhook else snapshot.quota
        return digest_id(destination, await self._means.governor.digest_due(destination, quota))

    async def _share(self, claim: Claim, payload: DeliveryPayload) -> Result:
        """Wait for the digest; one that left without this run is looked for anew."""
        try:
            return await self._means.digests.outcome(payload.digest, claim.job.id)
        except Missed:
            await update_payload(claim, route=None, digest="")
            raise Postpone(self._jobs.clock()) from None
        except Unconfirmed as error:
            await claim.mark_sending()
            raise TemporaryError(str(error.__doc__), uncertain=True) from None

    async def _show(self, claim: Claim, run: Run, snapshot: RoutingSnapshot) -> Result:
        means, destination = self._means, destination_of(claim.job)
        card, wanted = card_id(run.id, destination), DeliveryPayload.of(claim.job).wanted_by_person
        exports = await self._store.find_jobs(run_id=run.id, kind="export")  # before what they write is read
        run = await self._store.find_run(run.id) or run
        report = await self._reports.find(run_id=run.id)
        news = await self._news(report, destination, card, snapshot)
        view = means.cards.summary(run, report, news=news, mention=mentions(run, destination))
        messenger = means.channels.to(destination)
        outgoing = OutgoingCard(
            destination=destination,
            card_id=card,
            content=view,
            updates=not snapshot.withholds_updates,
        )
        try:
            async with means.circuit_breaker.guard(destination, claim.job.id, asked=wanted):
                receipt = await send_card(claim, messenger, outgoing)
        except REFUSED as error:
            if not is_of_content(error) and not is_of_setup(error):
                await means.circuit_breaker.record_failure(DeliveryMode.CARD, destination, str(error))
            log.warning("no card for %s, a plain message goes instead: %s", destination, error)
            return await self.fall_back(claim.job, str(error))
        await means.circuit_breaker.record_success(DeliveryMode.CARD, destination)
        told = [job.id for job in exports if job.state.ended]
        return {**receipt.as_result(), **DeliveryResult(card_id=card, exports=tuple(told)).as_json()}

    async def _news(
        self, report: Report | None, place: Destination, cause: str, snapshot: RoutingSnapshot
    ) -> CardState:
        """What the summary tells of its file: that it does not come by itself, and the link instead."""
        files = self._means.channels.capabilities(place).files
        withheld = files and snapshot.withholds_files
        link = None
        if report and (withheld or not files):
            link = await self._means.report_sender.link_for(report, cause=cause)
        return CardState(withheld=withheld, link=link, linked=link is not None)

    async def _note_for(self, claim: Claim, run: Run, snapshot: RoutingSnapshot) -> MarkdownMessage:
        """The words of a message. A work notification is safe to repeat as long as its words do not change
        (0769: the same text once a day), so they are kept."""
        payload = DeliveryPayload.of(claim.job)
        if payload.words:
            return MarkdownMessage(title=payload.words[0], text=payload.words[1])
        note = await self._note_now(claim.job, run, snapshot)
        repeat = self._means.channels.capabilities(payload.target).text_repeat
        if repeat is TextRepeat.BY_WORDS:
            await update_payload(claim, words=(note.title, note.text))
        return note

    async def _note_now(self, job: Job, run: Run, snapshot: RoutingSnapshot) -> MarkdownMessage:
        cards, payload = self._means.cards, DeliveryPayload.of(job)
        if payload.withheld:
            return cards.reply("summary_withheld", run=run.id)
        report = await self._reports.find(run_id=run.id)
        mention = mentions(run, payload.destination)
        news = await self._news(report, payload.target, job.id, snapshot)
        limit = self._means.channels.capabilities(payload.target).text_bytes
        return cards.summary_message(run, report, limit=limit, news=news, mention=mention)

    async def _after_refusal(self, claim: Claim, error: DingRunError) -> Result:
        """A refused message goes without words from outside, or by the fallback webhook, or not at all."""
        payload = DeliveryPayload.of(claim.job)
        if is_of_content(error) and not payload.withheld:
            await update_payload(claim, withheld=True, words=None)
            raise Postpone(self._jobs.clock())
        if is_of_content(error):
            raise error
        if not is_of_setup(error):
            await self._means.circuit_breaker.record_failure(DeliveryMode.MESSAGE, payload.target, str(error))
        fallback = self._means.channels.fallback_webhook(payload.target)
        if fallback is None:
            raise error
        return await self._go_to(claim, fallback)

    async def _go_to(self, claim: Claim, fallback: Destination) -> Result:
        await update_payload(claim, via=fallback)
        raise Postpone(self._jobs.clock())


def is_of_content(error: DingRunError) -> bool:
    """Whether the words of this message are refused, and not the way it goes."""
    return isinstance(error, PermanentError) and error.content


def is_of_setup(error: DingRunError) -> bool:
    """Return whether nothing at all reaches the destination until somebody sets something right."""
    return isinstance(error, PermanentError) and bool(error.setup_fault)


async def ended_run(store: Store, job: Job, jobs: Jobs) -> Run:
    """The run of a delivery. Raises `Postpone` while it has not ended."""
    run = await store.find_run(job.run_id)
    if run is None:
        raise PermanentError(f"run {job.run_id} is not in the store")
    if run.status is RunStatus.RUNNING:  # jobs are written before the status
        raise Postpone(jobs.clock() + timedelta(seconds=1))
    return run
