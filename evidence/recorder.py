"""Write down what a case left: what people see in the sandbox, and what the service claims."""

import hashlib
import io
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from evidence.history import Act, Claim, ClaimState, Effect, Expected, Record, Restart
from evidence.world import API_KEY, GROUP, SCHEDULE, Json, World, fetch

DESTINATION = f"group:{GROUP}"
JOBS = {"card": Act.SUMMARY, "note": Act.SUMMARY, "file": Act.FILE}
DELIVERIES = {"card": Act.SUMMARY, "message": Act.SUMMARY, "file": Act.FILE}
MESSAGES = {"card": Act.SUMMARY, "markdown": Act.SUMMARY, "file": Act.FILE}
STATES = {
    "todo": ClaimState.PENDING,
    "doing": ClaimState.PENDING,
    "done": ClaimState.SENT,
    "dead": ClaimState.FAILED,
    "unconfirmed": ClaimState.UNCONFIRMED,
}
API_STATES = {
    "waiting": ClaimState.PENDING,
    "delivered": ClaimState.SENT,
    "given_up": ClaimState.FAILED,
    "unconfirmed": ClaimState.UNCONFIRMED,
}


def record(world: World) -> list[Record]:
    """Return the history of one due run.

    The run is expected to have ended before anything of it is seen. When it did is what the service says; if
    it never ended, it was expected at the time of the last restart.
    """
    ended = run_ended(world)
    expected = [
        Expected(run=SCHEDULE, destination=DESTINATION, act=act, at=ended or datetime.now(UTC))
        for act in (Act.SUMMARY, Act.FILE)
    ]
    restarts = [Restart(at=at) for at in world.restarts]
    return [*expected, *restarts, *effects(world), *store_claims(world), *api_claims(world)]


def effects(world: World) -> Iterator[Effect]:
    """Yield what people see of the run in the group."""
    for message in world.messages():
        act = MESSAGES.get(message["kind"])
        if act and message["sender"]["robot"] and not message["recalled"]:
            digest, broken = _file(world, message) if act is Act.FILE else ("", "")
            yield Effect(
                run=SCHEDULE,
                destination=DESTINATION,
                act=act,
                at=datetime.fromisoformat(message["at"]),
                id=message["id"],
                digest=digest,
                broken=broken,
            )


def _file(world: World, message: Json) -> tuple[str, str]:
    """Return the digest of a file, and why it is not a whole workbook."""
    data = world.download(message)
    broken = ""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if bad := archive.testzip():
                broken = f"{bad} is damaged"
            elif "xl/workbook.xml" not in archive.namelist():
                broken = "no workbook"
    except zipfile.BadZipFile as error:
        broken = str(error)
    return hashlib.sha256(data).hexdigest(), broken


def store_claims(world: World) -> Iterator[Claim]:
    """Yield what the database says of each act, with the digest of the report."""
    states: dict[Act, set[ClaimState]] = {}
    for kind, state in rows(world, "select kind, state from jobs where kind in ('card', 'note', 'file')"):
        states.setdefault(JOBS[kind], set()).add(STATES[state])
    digests = [digest for (digest,) in rows(world, "select sha256 from reports")]
    for act, found in states.items():
        digest = digests[-1] if act is Act.FILE and digests else ""
        yield _claim(act, strongest(found), "store", digest)


def api_claims(world: World) -> Iterator[Claim]:
    """Yield what the API says of each act."""
    answer = fetch(f"http://127.0.0.1:{world.web_port}/v1/runs?limit=10", token=API_KEY)
    states: dict[Act, set[ClaimState]] = {}
    for run in answer["runs"]:
        for delivery in run["destinations"]:
            states.setdefault(DELIVERIES[delivery["kind"]], set()).add(API_STATES[delivery["state"]])
    for act, found in states.items():
        yield _claim(act, strongest(found), "api")


def strongest(states: set[ClaimState]) -> ClaimState:
    """Return what several attempts claim together: one that was sent is enough."""
    order = (ClaimState.SENT, ClaimState.UNCONFIRMED, ClaimState.PENDING, ClaimState.FAILED)
    return next(state for state in order if state in states)


def run_ended(world: World) -> datetime | None:
    """Return when the run ended, as the database says. None if it did not."""
    found = [text for (text,) in rows(world, "select end_time from runs") if text]
    return datetime.fromisoformat(found[-1]).astimezone(UTC) if found else None


def is_settled(world: World) -> bool:
    """Return whether the run has ended and no job of it waits."""
    (waiting,) = next(rows(world, "select count(*) from jobs where run_id != '' and ended_at is null"))
    return run_ended(world) is not None and waiting == 0


def rows(world: World, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query on the database of the service, which is only read."""
    with closing(sqlite3.connect(f"file:{world.database}?mode=ro", uri=True, timeout=10)) as database:
        yield from database.execute(query).fetchall()


def _claim(act: Act, state: ClaimState, source: str, digest: str = "") -> Claim:
    return Claim(
        run=SCHEDULE,
        destination=DESTINATION,
        act=act,
        state=state,
        source=source,
        at=datetime.now(UTC),
        digest=digest,
    )
