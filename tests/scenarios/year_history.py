"""What people see in the sandbox and what the store claims of it, as records of a history."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.delivery.payload import Obstacle
from bot.models import CardTap, Job, JobState, Run
from bot.ports import Store
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.validation.cards import parse_buttons
from evidence.history import Act, Claim, ClaimState, Effect, Record, Wish, WishKind
from evidence.wishes import ACCEPTED
from tests.scenarios.fault_injection import GROUP, PERSON, PLACES, ROBOT_GROUP

SEEN_AT: Mapping[str, str] = dict(zip((GROUP, ROBOT_GROUP, PERSON), map(str, PLACES), strict=True))
RUN = re.compile(r"(?<![a-z0-9])r[a-z2-7]{10}(?![a-z0-9])")
JOBS = {"card": Act.SUMMARY, "note": Act.SUMMARY, "file": Act.FILE}
STATES = {
    JobState.TODO: ClaimState.PENDING,
    JobState.DOING: ClaimState.PENDING,
    JobState.DONE: ClaimState.SENT,
    JobState.DEAD: ClaimState.FAILED,
    JobState.UNCONFIRMED: ClaimState.UNCONFIRMED,
}
STRONGEST = (
    ClaimState.SENT,
    ClaimState.UNCONFIRMED,
    ClaimState.PENDING,
    ClaimState.WITHHELD,
    ClaimState.FAILED,
)
ROBOT = "dingsandboxapp"  # robotCode
REPLY = "sendBySession"
DIGEST = "digest-"  # begins the outTrackId of a card that runs share
DELAYED = "⏳"  # begins a message that says that an answer comes later
MAX_RUNS = 50  # since the last look
WATCHED = timedelta(days=2)


@dataclass(kw_only=True)
class Known:
    """A run that ended, as people know it."""

    name: str
    id: str
    schedule: str
    card: str = ""  # outTrackId of its card in the group
    waits: bool = False  # a delivery has not ended


class Chronicle:
    """Names each run by what asked for it: a day of a schedule, or a wish of a person.

    Wishes come one after the other, so a file or an answer belongs to the last wish for it before.
    """

    def __init__(self, sandbox: Sandbox, zone: ZoneInfo, understand: Callable[[str], str]) -> None:
        self._sandbox = sandbox
        self._zone = zone
        self._understand = understand
        self._seen: set[str] = set()
        self._known: dict[str, Known] = {}  # runs by id
        self._watched: dict[str, datetime] = {}  # runs whose claims may change, and since when
        self._said: list[Wish] = []  # by a message
        self._files: dict[str, list[Wish]] = defaultdict(list)  # that were asked for, by id of a run
        self._tapped: dict[tuple[str, str, str], str] = {}  # first wish by card, button and person

    @property
    def known(self) -> Sequence[Known]:
        """Return the runs that were seen so far, oldest first."""
        return [*self._known.values()]

    def buttons(self, card: str) -> Sequence[str]:
        """Return the buttons that a card shows now."""
        shown = self._sandbox.state.cards.get(card)
        return [button["id"] for button in parse_buttons(shown.public)] if shown else []

    def ask(self, wish: Wish, tap: CardTap | None) -> bool:
        """Note what a person asks for, before it has effects. Returns whether it is the first such wish."""
        first = True
        if tap is None:
            self._said.append(wish)
        else:
            first = self._tapped.setdefault((tap.card_id, tap.action, tap.user.id), wish.id) == wish.id
        if wish.wants is WishKind.FILE:
            run = next(run for run in self.known if run.name == wish.of)
            self._files[run.id].append(wish)
            self._watched[run.id] = wish.at
        return first

    def refuse(self, wish: Wish) -> None:
        """Note that a person gets no file."""
        for wishes in self._files.values():
            wishes[:] = [each for each in wishes if each.id != wish.id]

    async def look(self, store: Store, now: datetime) -> Sequence[Record]:
        """Return what is seen for the first time, and what the store claims of the runs of the last days."""
        for run in reversed(await store.find_runs(limit=MAX_RUNS)):
            if run.id not in self._known:
                self._known[run.id] = Known(name=self._name(run), id=run.id, schedule=run.schedule_id)
                self._watched[run.id] = now
        self._watched = {
            id_: since
            for id_, since in self._watched.items()
            if now - since <= WATCHED or self._known[id_].waits
        }
        claims = await self._claims(store, now)
        return [*self._effects(), *claims, *await self._claims_of_answers(store, now)]

    def _name(self, run: Run) -> str:
        """Return the day of the schedule, or the wish, that asked for a run."""
        kind, _, rest = run.idempotency_key.partition(":")
        if kind == "cron":
            schedule, _, due = rest.partition(":")
            return f"{schedule}@{datetime.fromisoformat(due).astimezone(self._zone).date()}"
        return self._wish_in(run.idempotency_key) or run.id

    def _wish_in(self, key: str) -> str:
        """Return the wish that a key names: by its message, or by card, button and person."""
        if found := re.search(r"wish\d+", key):
            return found[0]
        taps = ((wish, tap) for tap, wish in self._tapped.items() if f"tap:{tap[0]}:{tap[1]}:" in key)
        return next((wish for wish, tap in taps if tap[1] != "report" or key.endswith(f":{tap[2]}")), "")

    def _effects(self) -> Iterator[Record]:
        for place, destination in SEEN_AT.items():
            for message in self._sandbox.state.conversations.messages(place):
                if message.id not in self._seen:
                    self._seen.add(message.id)
                    yield from self._effects_of(message, destination)

    def _effects_of(self, message: Message, destination: str) -> Iterator[Effect]:
        """Yield an effect for each run that a message tells of, or for the wish that it answers."""
        if not message.sender.robot:
            return
        if REPLY in str((message.exchange or {}).get("endpoint")):
            yield from self._answer(message, destination)
            return
        shown = self._sandbox.state.cards.get(message.out_track_id)
        text = message.out_track_id or message.file_name or str(message.content)
        if shown and message.out_track_id.startswith(DIGEST):
            text = str(shown.public)
        act = Act.FILE if message.file_name else Act.SUMMARY
        for run in sorted(set(RUN.findall(text))):
            data = self._sandbox.state.media[message.media_id].data if message.file_name else b""
            if run in message.out_track_id and destination == SEEN_AT[GROUP] and run in self._known:
                self._known[run].card = message.out_track_id
            yield Effect(
                run=self._owner(run, act, message, destination),
                destination=destination,
                act=act,
                at=message.at,
                id=message.id,
                digest=hashlib.sha256(data).hexdigest() if data else "",
                broken="" if act is Act.SUMMARY or run.encode() in data else "the file of another run",
            )

    def _owner(self, run: str, act: Act, message: Message, destination: str) -> str:
        """Return the name of a run, or the wish for its file."""
        wishes = self._files[run] if act is Act.FILE and destination == SEEN_AT[GROUP] else []
        known = self._known[run].name if run in self._known else run
        return next((wish.id for wish in reversed(wishes) if wish.at <= message.at), known)

    def _answer(self, message: Message, destination: str) -> Iterator[Effect]:
        text = str(message.content.get("text") or message.content)
        wish = next((each for each in reversed(self._said) if each.at <= message.at), None)
        if wish and not text.startswith(DELAYED):
            if self._understand(text) != ACCEPTED:
                self.refuse(wish)
            yield Effect(
                run=wish.id,
                destination=destination,
                act=Act.ANSWER,
                at=message.at,
                id=message.id,
                digest=self._understand(text),
            )

    async def _claims(self, store: Store, now: datetime) -> Sequence[Claim]:
        claims = []
        for run in self._watched:
            states = defaultdict[tuple[str, str, Act], set[ClaimState]](set)
            for job in await store.find_jobs(run_id=run):
                if job.kind in JOBS and not job.result.get("fell"):
                    owner = self._wish_in(job.id) if job.payload.get("asked") else ""
                    name = owner or self._known[run].name
                    states[name, str(job.payload["destination"]), JOBS[job.kind]].add(claimed(job))
            claims += [
                Claim(
                    run=name, destination=destination, act=act, state=strongest(found), source="store", at=now
                )
                for (name, destination, act), found in states.items()
            ]
            self._known[run].waits = any(ClaimState.PENDING in found for found in states.values())
            if self._known[run].waits:
                self._watched[run] = now
        return claims

    async def _claims_of_answers(self, store: Store, now: datetime) -> Sequence[Claim]:
        claims = []
        for wish in (each for each in self._said if now - each.at <= WATCHED):
            job = await store.find_job(f"message:{ROBOT}:{wish.id}")
            if job:
                claims.append(
                    Claim(
                        run=wish.id,
                        destination=SEEN_AT[GROUP],
                        act=Act.ANSWER,
                        state=claimed(job),
                        source="store",
                        at=now,
                    )
                )
        return claims


def strongest(states: set[ClaimState]) -> ClaimState:
    """Return what several jobs claim together."""
    return next(state for state in STRONGEST if state in states)


def claimed(job: Job) -> ClaimState:
    """Return what a job claims. One that was skipped claims that nobody was told."""
    if skipped := job.result.get("skipped"):
        return ClaimState.WITHHELD if skipped == Obstacle.QUOTA_LOW else ClaimState.FAILED
    return STATES[job.state]
