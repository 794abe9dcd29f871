"""Send the summaries of several runs to one destination as one card, in a burst or when the quota runs out.

A summary that joins a digest stores the id of the digest in its own job first. When the digest is due, it
stores its members before it is sent. A summary that came too late is not among them and chooses another
digest. So each run is in exactly one digest, whenever a process dies.
"""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.delivery.cards import OutgoingCard, send_card
from bot.delivery.channels import Channels
from bot.delivery.circuit_breaker import CircuitBreaker, DeliveryMode
from bot.delivery.consequences import has_unconfirmed_file
from bot.delivery.payload import DeliveryPayload, DeliveryResult, Obstacle, keep_words
from bot.errors import ConfigError, PermanentError
from bot.jobs.queue import Claim, JobKind, Jobs, Postpone, Result
from bot.models import Destination, Job, JobState, Run, deterministic_id, new_job
from bot.ports import Store
from cards.render import Cards

MAX_MEMBERS = 60  # so many fit on a card, with one line each
MAX_OPEN_SUMMARIES = 5_000
OPEN_STATES = frozenset({JobState.TODO, JobState.DOING})
POLL_INTERVAL = timedelta(seconds=5)


class DigestMissedError(Exception):
    """The digest was sent without this summary, or does not exist any more."""


class DigestUnconfirmedError(Exception):
    """The digest may have been sent."""

    def __init__(self) -> None:
        super().__init__("the digest may have been sent")


class Digests:
    """Collects summaries and sends them as one."""

    def __init__(
        self, store: Store, jobs: Jobs, *, channels: Channels, cards: Cards, circuit_breaker: CircuitBreaker
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._channels = channels
        self._cards = cards
        self._circuit_breaker = circuit_breaker

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {"digest": JobKind(run=self._send, on_finished=self._on_finished)}

    async def find_open(self, destination: Destination, *, other_than: datetime | None = None) -> str:
        """Return the id of the digest that collects summaries for a destination now, or "".

        One that is due at `other_than` does not count.
        """
        for job in await self._store.find_jobs(kind="digest", states={JobState.TODO}):
            collects = "members" not in job.payload and job.due_at > self._jobs.clock()
            collects = collects and job.due_at != other_than
            if collects and DeliveryPayload.of(job).destination == destination:
                return job.id
        return ""

    async def outcome(self, digest: str, member: str, *, quiet: bool = False) -> Result:
        """Return the outcome of a digest for one member. The digest is created if it does not exist.

        `quiet`: it is the one at the end of quiet hours, and says so.

        Raises:
        - `Postpone` until it is sent.
        - `DigestMissedError` when it was sent without this member.
        - `PermanentError` when it was given up.
        - `DigestUnconfirmedError` when it may have been sent.
        """
        await self._create(digest, quiet=quiet)
        job = await self._store.find_job(digest)
        if job is None or (_has_members(job) and member not in _members(job)):
            raise DigestMissedError
        if job.state is JobState.DEAD:
            raise PermanentError(job.error)
        if not job.state.ended:
            raise Postpone(max(job.due_at, self._jobs.clock()) + POLL_INTERVAL)
        if job.state is JobState.UNCONFIRMED:
            raise DigestUnconfirmedError
        return replace(DeliveryResult.of(job), digest=digest).as_json()

    async def _create(self, digest: str, *, quiet: bool) -> None:
        destination, due = _parse_id(digest)
        payload = DeliveryPayload(destination=destination, quiet=quiet).as_json()
        key, now = digest.removeprefix("digest:"), self._jobs.clock()
        job = replace(new_job("digest", key, now, payload=payload), due_at=due)
        await self._jobs.add(job)

    async def runs_in(self, digest: str) -> Collection[str]:
        """Return the ids of the runs in a digest."""
        job = await self._store.find_job(digest)
        return {_run_id(member) for member in _members(job)} if job else set()

    async def refresh_cards(self, digest: str) -> None:
        """Show the current state of its runs on the card of a digest."""
        job = await self._store.find_job(digest)
        card = DeliveryResult.of(job).card_id if job and job.state is JobState.DONE else ""
        if job is None or not card:
            return
        destination, _ = _parse_id(digest)
        unconfirmed = await self._unconfirmed(_members(job), destination)
        runs, quiet = await self._runs(_members(job)), DeliveryPayload.of(job).quiet
        view = self._cards.digest(runs, unconfirmed, quiet=quiet)
        view = view.made_with(DeliveryResult.of(job).template)
        await self._channels.to(destination).update_card(card, view)

    async def _send(self, claim: Claim) -> Result:
        destination, _ = _parse_id(claim.job.id)
        runs = await self._runs(await self._fix_members(claim))
        if not runs:
            return DeliveryResult(skipped=Obstacle.NO_MEMBERS).as_json()
        async with self._circuit_breaker.guard(destination, claim.job.id):
            return await self._send_to(claim, destination, runs)

    async def _send_to(self, claim: Claim, destination: Destination, runs: Sequence[Run]) -> Result:
        messenger = self._channels.to(destination)
        if messenger.capabilities.cards and await self._circuit_breaker.is_closed(
            DeliveryMode.CARD, destination
        ):
            try:
                return await self._send_card(claim, destination, runs)
            except (PermanentError, ConfigError) as error:
                if isinstance(error, PermanentError) and error.setup_fault:
                    raise
                await self._circuit_breaker.record_failure(DeliveryMode.CARD, destination, str(error))
        sending = claim.sending_text(messenger.capabilities)
        quiet, limit = DeliveryPayload.of(claim.job).quiet, messenger.capabilities.text_bytes
        message = self._cards.digest_message(runs, limit=limit, quiet=quiet)
        message = await keep_words(claim, message, messenger.capabilities.text_repeat)
        sent = await messenger.send_message(destination, message, claim.job.id, sending=sending)
        return sent.as_result()

    async def _send_card(self, claim: Claim, destination: Destination, runs: Sequence[Run]) -> Result:
        card = deterministic_id("digest-", claim.job.id, length=16)
        view = self._cards.digest(runs, quiet=DeliveryPayload.of(claim.job).quiet)
        messenger = self._channels.to(destination)
        outgoing = OutgoingCard(destination=destination, card_id=card, content=view)
        sent = await send_card(claim, messenger, outgoing, self._circuit_breaker.templates)
        await self._circuit_breaker.record_success(DeliveryMode.CARD, destination)
        return {**sent.as_result(), **DeliveryResult(card_id=card).as_json()}

    async def _fix_members(self, claim: Claim) -> Sequence[str]:
        """Choose the members once, and store them before the digest is sent."""
        if _has_members(claim.job):
            return _members(claim.job)
        joined = [
            job
            for kind in ("card", "note")
            for job in await self._store.find_jobs(kind=kind, states=OPEN_STATES, limit=MAX_OPEN_SUMMARIES)
            if DeliveryPayload.of(job).digest == claim.job.id
        ]
        members = [job.id for job in sorted(joined, key=lambda job: job.created_at)][:MAX_MEMBERS]
        members = members[: await self._count_named(claim, members)]
        await claim.update_payload({"members": members})
        return members

    async def _count_named(self, claim: Claim, members: Sequence[str]) -> int:
        """Return how many of the runs the digest can name, at least one. A card has a line for each."""
        destination, _ = _parse_id(claim.job.id)
        capabilities, quiet = self._channels.to(destination).capabilities, DeliveryPayload.of(claim.job).quiet
        if capabilities.cards:
            return len(members)
        runs = await self._runs(members)

        def leaves_out(count: int) -> bool:
            message = self._cards.digest_message(runs[:count], limit=capabilities.text_bytes, quiet=quiet)
            return not all(run.id in message.text for run in runs[:count])

        return 1 + bisect_left(range(2, len(members) + 1), True, key=leaves_out)

    async def _runs(self, members: Collection[str]) -> Sequence[Run]:
        found = [await self._store.find_run(_run_id(member)) for member in members]
        return [run for run in found if run is not None]

    async def _unconfirmed(self, members: Collection[str], destination: Destination) -> frozenset[str]:
        """Return the ids of the runs with an unconfirmed file at the destination."""
        runs = {_run_id(member) for member in members}
        files = {run: await self._store.find_jobs(run_id=run, kind="file") for run in runs}
        return frozenset(run for run in runs if has_unconfirmed_file(files[run], destination))

    async def _on_finished(self, job: Job) -> None:
        await self._jobs.make_due(_members(job))


def digest_id(destination: Destination, due: datetime) -> str:
    """Return the id of the digest of a destination that is due at a time."""
    return f"digest:{due.isoformat()}:{destination}"


def _parse_id(digest: str) -> tuple[Destination, datetime]:
    """Return the destination and the due time of a digest from its id."""
    _, _, rest = digest.partition(":")
    due, _, destination = rest.partition("+00:00:")
    return Destination.parse(destination), datetime.fromisoformat(f"{due}+00:00")


def _has_members(job: Job) -> bool:
    return "members" in job.payload


def _members(job: Job) -> Sequence[str]:
    members = job.payload.get("members")
    return [str(member) for member in members] if isinstance(members, list) else []


def _run_id(member: str) -> str:
    """Return the run of a member, whose id is `card:<run>:<destination>`."""
    return member.split(":")[1]
