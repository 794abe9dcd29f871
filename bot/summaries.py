"""The summary of an ended run: by card, by message, by the webhook robot beside, or in a digest with others.

Which way it goes is decided once and written into the job before anything leaves, so that another try never
takes another way while the first may have arrived.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial

from bot.card_delivery import OutgoingCard, send_card
from bot.channels import Channels
from bot.digests import Digests, Missed, digest_id
from bot.errors import ConfigError, DingRunError, Permanent, Temporary
from bot.governor import Governor
from bot.jobs import Claim, Jobs, NotYet, Result
from bot.ladder import Ladder, Step
from bot.models import (
    Destination,
    DestinationKind,
    ExportStatus,
    Job,
    Note,
    Receipt,
    Report,
    Run,
    RunStatus,
)
from bot.parcels import Parcels
from bot.plan import CARD_KINDS, EXPORT_PATIENCE, FILE_KINDS, NOTE_LIMITS, card_id, mentioned
from bot.ports import Store, unmarked
from bot.quota import Rung
from bot.reconcile import destination_of, note_instead_of
from bot.reports import Reports
from cards.render import Cards
from cards.summary import News

log = logging.getLogger(__name__)

REFUSED = (Permanent, ConfigError)


class Way(StrEnum):
    """How a summary goes. A job that follows from another (`via` in it) goes alone."""

    ALONE = "alone"  #: by itself: as the card, or the message, that its job is for
    MESSAGE = "message"  #: cards are refused at this destination
    BESIDE = "beside"  #: by the webhook robot beside, the month's API calls run out
    DIGEST = "digest"  #: with others in one card


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a delivery goes by."""

    channels: Channels
    cards: Cards
    governor: Governor
    ladder: Ladder
    digests: Digests
    parcels: Parcels


class Summaries:
    """Does the jobs `card` and `note`."""

    def __init__(self, store: Store, jobs: Jobs, reports: Reports, means: Means) -> None:
        self._store = store
        self._jobs = jobs
        self._reports = reports
        self._means = means

    async def card(self, claim: Claim) -> Result:
        """Show the summary as a card; where it cannot be one, a `note` job is there before this one ends."""
        run = await self._ready(claim.job)
        way = await self._way(claim)
        if way is Way.DIGEST:
            return await self._share(claim)
        destination = destination_of(claim.job)
        if way is Way.ALONE:
            return await self._show(claim, run)
        beside = self._means.channels.stand_in(destination) if way is Way.BESIDE else None
        why = "the month's calls run out" if beside else "cards are refused here"
        return await self.fall(claim.job, why, via=beside)

    async def note(self, claim: Claim) -> Result:
        """Send the summary as a message."""
        run = await self._ready(claim.job)
        way = Way.ALONE if "via" in claim.job.payload else await self._way(claim)
        if way is Way.DIGEST:
            return await self._share(claim)
        if way is Way.BESIDE and self._beside(claim.job):
            return await self._go_beside(claim)
        place = _place(claim.job)
        if not await self._means.ladder.holds(Step.MESSAGE, place) and self._beside(claim.job):
            return await self._go_beside(claim)
        note = await self._note_for(claim, run, place)
        sending = claim.sending if place.kind in CARD_KINDS else unmarked
        try:
            async with self._means.ladder.guard(place, claim.job.id):
                receipt = await self._means.channels.to(place).send_note(
                    place, note, claim.job.id, sending=sending
                )
        except REFUSED as error:
            return await self._after_refusal(claim, error)
        await self._means.ladder.stands(Step.MESSAGE, place)
        return proof(receipt)

    async def fall(self, card: Job, why: str, *, via: Destination | None = None) -> Result:
        """The message that goes instead of a card is asked for; what the card's job keeps then."""
        await self._jobs.add(note_instead_of(card, self._jobs.clock(), via=via))
        return {"fell": why}

    async def _ready(self, job: Job) -> Run:
        """The run, once it has ended and its report has been waited for."""
        run = await ended_run(self._store, job, self._jobs)
        limit = (run.end_time or run.start_time) + EXPORT_PATIENCE
        if run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING} and self._jobs.clock() < limit:
            raise NotYet(limit)
        return run

    async def _way(self, claim: Claim) -> Way:
        """How it goes, decided once."""
        if "way" not in claim.job.payload:
            destination = destination_of(claim.job)
            way, sharing = await self._choose(destination)
            digest = await self._digest_for(sharing) if sharing else ""
            await claim.keep({"way": way.value} | ({"digest": digest} if digest else {}))
        return Way(str(claim.job.payload["way"]))

    async def _choose(self, destination: Destination) -> tuple[Way, Destination | None]:
        """A way, and with `DIGEST` the destination whose digest it is."""
        means = self._means
        if means.channels.is_silent(destination):
            return Way.ALONE, None
        beside = means.channels.stand_in(destination)
        rung = await means.governor.rung(destination, beside=beside is not None)
        if rung is Rung.SPENT:
            raise NotYet(means.governor.better_times())
        told = beside if beside and rung is Rung.WEBHOOK else destination
        if rung is Rung.DIGEST or not await means.governor.may_go_alone(told):
            return Way.DIGEST, told
        if rung is Rung.WEBHOOK:
            return Way.BESIDE, None
        holds = destination.kind not in CARD_KINDS or await means.ladder.holds(Step.CARD, destination)
        return (Way.ALONE if holds else Way.MESSAGE), None

    async def _digest_for(self, destination: Destination) -> str:
        open_one = await self._means.digests.open_for(destination)
        if open_one:
            return open_one
        rung = await self._means.governor.rung(destination)
        return digest_id(destination, await self._means.governor.digest_due(destination, rung))

    async def _share(self, claim: Claim) -> Result:
        """Wait for the digest; one that left without this run is looked for anew."""
        try:
            shared = await self._means.digests.outcome(str(claim.job.payload["digest"]), claim.job.id)
        except Missed:
            await claim.keep({}, without=("way", "digest"))
            raise NotYet(self._jobs.clock()) from None
        if shared["unconfirmed"]:
            await claim.mark()
            raise Temporary("the digest may have been shown", uncertain=True)
        return {key: value for key, value in shared.items() if key != "unconfirmed"}

    async def _show(self, claim: Claim, run: Run) -> Result:
        means, destination = self._means, destination_of(claim.job)
        card = card_id(run.id, destination)
        exports = await self._store.find_jobs(run_id=run.id, kind="export")
        report = await self._reports.find(run_id=run.id)
        news = await self._news(report, destination, card)
        view = means.cards.summary(run, report, news=news, mention=mentioned(run, destination))
        messenger = means.channels.to(destination)
        outgoing = OutgoingCard(
            destination=destination,
            card_id=card,
            content=view,
            may_update=partial(self._may_update, destination),
        )
        try:
            async with means.ladder.guard(destination, claim.job.id):
                receipt = await send_card(claim, messenger, outgoing)
        except REFUSED as error:
            if not is_of_content(error) and not is_of_setup(error):
                await means.ladder.fell(Step.CARD, destination, str(error))
            log.warning("no card for %s, a plain message goes instead: %s", destination, error)
            return await self.fall(claim.job, str(error))
        await means.ladder.stands(Step.CARD, destination)
        told = [job.id for job in exports if job.state.ended]  # looked at before the report itself was
        return {**proof(receipt), "card_id": card, "exports": told}

    async def _may_update(self, destination: Destination) -> bool:
        if self._means.channels.is_silent(destination):
            return True
        return await self._means.governor.rung(destination) < Rung.NO_UPDATES

    async def _news(self, report: Report | None, place: Destination, cause: str) -> News:
        """What the summary tells of its file: that it does not come by itself, and the link instead."""
        withheld = place.kind in FILE_KINDS and await self._withheld(place)
        link = None
        if report and (withheld or place.kind not in FILE_KINDS):
            link = await self._means.parcels.link_for(report, cause=cause)
        return News(withheld=withheld, link=link, linked=link is not None)

    async def _withheld(self, destination: Destination) -> bool:
        """Whether the file of a run is not sent by itself: the month's calls run out."""
        if self._means.channels.is_silent(destination):
            return False
        return await self._means.governor.rung(destination) >= Rung.NO_FILE

    async def _note_for(self, claim: Claim, run: Run, place: Destination) -> Note:
        """The words of a message. A work notification is safe to repeat as long as its words do not change
        (0769: the same text once a day), so they are kept."""
        kept = claim.job.payload.get("words")
        if isinstance(kept, list):
            return Note(title=kept[0], text=kept[1])
        note = await self._note_now(claim.job, run, place)
        if place.kind is DestinationKind.WORK:
            await claim.keep({"words": [note.title, note.text]})
        return note

    async def _note_now(self, job: Job, run: Run, place: Destination) -> Note:
        cards = self._means.cards
        if job.payload.get("bare"):
            return cards.say("summary_withheld", run=run.id)
        report = await self._reports.find(run_id=run.id)
        mention = mentioned(run, destination_of(job))
        news = await self._news(report, place, job.id)
        limit = NOTE_LIMITS[place.kind]
        return cards.summary_note(run, report, limit=limit, news=news, mention=mention)

    async def _after_refusal(self, claim: Claim, error: DingRunError) -> Result:
        """A refused message goes without words from outside, or by the robot beside, or not at all."""
        if is_of_content(error) and not claim.job.payload.get("bare"):
            await claim.keep({"bare": True}, without=("words",), marker=False)
            raise NotYet(self._jobs.clock())
        if is_of_content(error):
            raise error
        if not is_of_setup(error):
            await self._means.ladder.fell(Step.MESSAGE, _place(claim.job), str(error))
        if not self._beside(claim.job):
            raise error
        return await self._go_beside(claim)

    async def _go_beside(self, claim: Claim) -> Result:
        await claim.keep({"via": str(self._beside(claim.job))}, marker=False)
        raise NotYet(self._jobs.clock())

    def _beside(self, job: Job) -> Destination | None:
        """The webhook robot that has not been tried yet."""
        return self._means.channels.stand_in(_place(job))


def _place(job: Job) -> Destination:
    """Where a message goes, which may be the robot beside its destination."""
    return Destination.parse(str(job.payload.get("via") or job.payload["destination"]))


def proof(receipt: Receipt) -> dict[str, object]:
    """What is kept of an answer."""
    return {"message_id": receipt.message_id, "silent": receipt.silent}


def is_of_content(error: DingRunError) -> bool:
    """Whether the words of this message are refused, and not the way it goes."""
    return isinstance(error, Permanent) and error.content


def is_of_setup(error: DingRunError) -> bool:
    """Return whether nothing at all reaches the destination until somebody sets something right."""
    return isinstance(error, Permanent) and bool(error.setup_fault)


async def ended_run(store: Store, job: Job, jobs: Jobs) -> Run:
    """The run of a delivery. Raises `NotYet` while it has not ended."""
    run = await store.find_run(job.run_id)
    if run is None:
        raise Permanent(f"run {job.run_id} is not in the store")
    if run.status is RunStatus.RUNNING:  # jobs are written before the status
        raise NotYet(jobs.clock() + timedelta(seconds=1))
    return run
