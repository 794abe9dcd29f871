"""Many runs in one card: what ends together in one place, and what a month can no longer tell one by one.

A summary that is to share a card writes the digest's id into its own job first. The digest, when it is due,
writes down who its members are before it leaves; whoever came too late finds itself missing there and goes
another way. So each run stands in exactly one digest, whatever dies when.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.delivery.cards import OutgoingCard, send_card
from bot.delivery.channels import Channels
from bot.delivery.circuit_breaker import CircuitBreaker, DeliveryMode
from bot.delivery.payload import DeliveryPayload, DeliveryResult
from bot.delivery.reconcile import has_unconfirmed_file
from bot.errors import ConfigError, PermanentError
from bot.jobs.queue import Claim, JobKind, Jobs, Postpone, Result
from bot.models import Destination, Job, JobState, Run, deterministic_id, new_job
from bot.ports import Store
from cards.render import Cards

MOST = 60  # runs of one digest: a line each, and all of them fit
WAITING = 5_000  # summaries that are looked through for members
OPEN = frozenset({JobState.TODO, JobState.DOING})
A_LITTLE = timedelta(seconds=5)


class Missed(Exception):
    """The digest left, or is gone, without this one"""


class Unconfirmed(Exception):
    """The digest may have been shown"""


class Digests:
    """Gathers summaries, and sends them as one."""

    def __init__(
        self, store: Store, jobs: Jobs, *, channels: Channels, cards: Cards, ladder: CircuitBreaker
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._channels = channels
        self._cards = cards
        self._ladder = ladder

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {"digest": JobKind(run=self._send, on_finished=self._settled)}

    async def open_for(self, destination: Destination) -> str:
        """The digest that gathers for this destination now, or ""."""
        for job in await self._store.find_jobs(kind="digest", states={JobState.TODO}):
            gathers = "members" not in job.payload and job.due_at > self._jobs.clock()
            if gathers and DeliveryPayload.of(job).destination == destination:
                return job.id
        return ""

    async def outcome(self, digest: str, member: str) -> Result:
        """What became of a member. A digest that is not there yet begins with this.

        Raises `Postpone` while it gathers, `MisfirePolicy` when it left without this one, `PermanentError`
        when it came to nothing, `Unconfirmed` when nobody knows whether it was shown.
        """
        await self._begin(digest)
        job = await self._store.find_job(digest)
        if job is None or (_fixed(job) and member not in _members(job)):
            raise Missed
        if job.state is JobState.DEAD:
            raise PermanentError(job.error)
        if not job.state.ended:
            raise Postpone(max(job.due_at, self._jobs.clock()) + A_LITTLE)
        if job.state is JobState.UNCONFIRMED:
            raise Unconfirmed
        return replace(DeliveryResult.of(job), digest=digest).as_json()

    async def _begin(self, digest: str) -> None:
        """Keep a digest that leaves when it is due; the same one again changes nothing."""
        destination, due = _spelled(digest)
        payload = DeliveryPayload(destination=destination).as_json()
        key, now = digest.removeprefix("digest:"), self._jobs.clock()
        job = replace(new_job("digest", key, now, payload=payload), due_at=due)
        await self._jobs.add(job)

    async def runs_in(self, digest: str) -> Collection[str]:
        """Find the ids of the runs that stand in a digest."""
        job = await self._store.find_job(digest)
        return {_run_of(member) for member in _members(job)} if job else set()

    async def refresh_cards(self, digest: str) -> None:
        """Show everyone how its runs stand now."""
        job = await self._store.find_job(digest)
        card = DeliveryResult.of(job).card_id if job and job.state is JobState.DONE else ""
        if job is None or not card:
            return
        destination, _ = _spelled(digest)
        unconfirmed = await self._unconfirmed(_members(job), destination)
        view = self._cards.digest(await self._runs(_members(job)), unconfirmed)
        await self._channels.to(destination).update_card(card, view)

    async def _send(self, claim: Claim) -> Result:
        destination, _ = _spelled(claim.job.id)
        runs = await self._runs(await self._fix_members(claim))
        if not runs:
            return DeliveryResult(skipped="nobody joined").as_json()
        async with self._ladder.guard(destination, claim.job.id):
            return await self._send_as_it_goes(claim, destination, runs)

    async def _send_as_it_goes(self, claim: Claim, destination: Destination, runs: Sequence[Run]) -> Result:
        messenger = self._channels.to(destination)
        if messenger.capabilities.cards and await self._ladder.is_closed(DeliveryMode.CARD, destination):
            try:
                return await self._send_card(claim, destination, runs)
            except (PermanentError, ConfigError) as error:
                if isinstance(error, PermanentError) and error.setup_fault:
                    raise
                await self._ladder.record_failure(DeliveryMode.CARD, destination, str(error))
        sending = claim.sending_text(messenger.capabilities)
        note = self._cards.digest_message(runs, limit=messenger.capabilities.text_bytes)
        receipt = await messenger.send_message(destination, note, claim.job.id, sending=sending)
        return receipt.as_result()

    async def _send_card(self, claim: Claim, destination: Destination, runs: Sequence[Run]) -> Result:
        card = deterministic_id("digest-", claim.job.id, length=16)
        view = self._cards.digest(runs)
        messenger = self._channels.to(destination)
        outgoing = OutgoingCard(destination=destination, card_id=card, content=view)
        receipt = await send_card(claim, messenger, outgoing)
        await self._ladder.record_success(DeliveryMode.CARD, destination)
        return {**receipt.as_result(), **DeliveryResult(card_id=card).as_json()}

    async def _fix_members(self, claim: Claim) -> Sequence[str]:
        """Who stands in it, decided once and written down before it leaves."""
        if _fixed(claim.job):
            return _members(claim.job)
        waiting = [
            job
            for kind in ("card", "note")
            for job in await self._store.find_jobs(kind=kind, states=OPEN, limit=WAITING)
            if DeliveryPayload.of(job).digest == claim.job.id
        ]
        members = [job.id for job in sorted(waiting, key=lambda job: job.created_at)][:MOST]
        await claim.update_payload({"members": members})
        return members

    async def _runs(self, members: Collection[str]) -> Sequence[Run]:
        found = [await self._store.find_run(_run_of(member)) for member in members]
        return [run for run in found if run is not None]

    async def _unconfirmed(self, members: Collection[str], destination: Destination) -> frozenset[str]:
        """The runs whose file may not have arrived there."""
        runs = {_run_of(member) for member in members}
        files = {run: await self._store.find_jobs(run_id=run, kind="file") for run in runs}
        return frozenset(run for run in runs if has_unconfirmed_file(files[run], destination))

    async def _settled(self, job: Job) -> None:
        await self._jobs.make_due(_members(job))


def digest_id(destination: Destination, due: datetime) -> str:
    """The digest of a destination that is due then."""
    return f"digest:{due.isoformat()}:{destination}"


def _spelled(digest: str) -> tuple[Destination, datetime]:
    """What a digest's id says."""
    _, _, rest = digest.partition(":")
    due, _, destination = rest.partition("+00:00:")
    return Destination.parse(destination), datetime.fromisoformat(f"{due}+00:00")


def _fixed(job: Job) -> bool:
    return "members" in job.payload


def _members(job: Job) -> Sequence[str]:
    members = job.payload.get("members")
    return [str(member) for member in members] if isinstance(members, list) else []


def _run_of(member: str) -> str:
    """`card:<run>:<destination>`."""
    return member.split(":")[1]
