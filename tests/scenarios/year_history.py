"""What people see in the sandbox and what the store claims of it, as records of a history."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.models import Job, JobState, Run
from bot.ports import Store
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.conversations import Message
from evidence.history import Act, Claim, ClaimState, Effect, Record
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
STRONGEST = (ClaimState.SENT, ClaimState.UNCONFIRMED, ClaimState.PENDING, ClaimState.FAILED)
REPLY = "sendBySession"
MAX_RUNS = 200
WATCHED = timedelta(days=2)


class Chronicle:
    """Names each run by what asked for it: a day of a schedule, or a message of a person."""

    def __init__(self, sandbox: Sandbox, zone: ZoneInfo) -> None:
        self._sandbox = sandbox
        self._zone = zone
        self._seen: set[str] = set()
        self._names: dict[str, str] = {}
        self._watched: dict[str, datetime] = {}  # runs whose claims may change, and since when

    async def look(self, store: Store, now: datetime) -> Sequence[Record]:
        """Return what is seen for the first time, and what the store claims of the runs of the last days."""
        for run in await store.find_runs(limit=MAX_RUNS):
            if run.id not in self._names:
                self._names[run.id] = self._name(run)
                self._watched[run.id] = now
        self._watched = {id_: since for id_, since in self._watched.items() if now - since <= WATCHED}
        return [*self._effects(), *await self._claims(store, now)]

    def _name(self, run: Run) -> str:
        """Return the day of the schedule, or the message, that asked for a run."""
        kind, _, rest = run.idempotency_key.partition(":")
        if kind == "cron":
            schedule, _, due = rest.partition(":")
            return f"{schedule}@{datetime.fromisoformat(due).astimezone(self._zone).date()}"
        return next(iter(re.findall(r"wish\d+", run.idempotency_key)), run.id)

    def _effects(self) -> Iterator[Record]:
        for place, destination in SEEN_AT.items():
            for message in self._sandbox.state.conversations.messages(place):
                if message.id not in self._seen:
                    self._seen.add(message.id)
                    yield from self._effects_of(message, destination)

    def _effects_of(self, message: Message, destination: str) -> Iterator[Effect]:
        """Yield an effect for each run that a message tells of. An answer to a person tells of none."""
        if not message.sender.robot or REPLY in str((message.exchange or {}).get("endpoint")):
            return
        text = message.out_track_id or message.file_name or str(message.content)
        act = Act.FILE if message.file_name else Act.SUMMARY
        for run in sorted(set(RUN.findall(text))):
            data = self._sandbox.state.media[message.media_id].data if message.file_name else b""
            yield Effect(
                run=self._names.get(run, run),
                destination=destination,
                act=act,
                at=message.at,
                id=message.id,
                digest=hashlib.sha256(data).hexdigest() if data else "",
                broken="" if act is Act.SUMMARY or run.encode() in data else "the file of another run",
            )

    async def _claims(self, store: Store, now: datetime) -> Sequence[Claim]:
        claims = []
        for run in self._watched:
            states = defaultdict[tuple[str, Act], set[ClaimState]](set)
            for job in await store.find_jobs(run_id=run):
                if job.kind in JOBS and not job.result.get("fell"):
                    states[str(job.payload["destination"]), JOBS[job.kind]].add(claimed(job))
            claims += [
                Claim(
                    run=self._names[run],
                    destination=destination,
                    act=act,
                    state=next(state for state in STRONGEST if state in found),
                    source="store",
                    at=now,
                )
                for (destination, act), found in states.items()
            ]
        return claims


def claimed(job: Job) -> ClaimState:
    """Return what a job claims. One that was skipped claims that nobody was told."""
    return ClaimState.FAILED if job.result.get("skipped") else STATES[job.state]
