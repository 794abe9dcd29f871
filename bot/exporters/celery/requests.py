"""What a bot asks of a worker, and what the worker answers: a job of kind `make` in the store.

Nothing of it travels through the broker. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from bot import __version__
from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.models import MAX_CLOCK_SKEW, Findings, Job, JobState, new_job

_FINDINGS = TypeAdapter(Findings)

KIND = "make"
_PLACE = re.compile(r"\w[\w.-]{0,200}/\w[\w.-]{0,200}\.part", re.ASCII)  # one folder, one file, none hidden
LEASE = timedelta(seconds=10)
DEATHS = 3  # workers that one order may cost


def new_request(run_id: str, name: str, place: str, now: datetime) -> Job:
    """The wish for the workbook of a run, to be handed over at a place."""
    payload = {"place": place, "version": __version__}
    job = new_job(KIND, name, now, run_id=run_id, payload=payload)
    return replace(job, due_at=now - MAX_CLOCK_SKEW)  # a worker's clock may be that far behind


def place_of(order: Job) -> str:
    """Return the place of the file: one folder below reports.dir. Raises `PermanentError` for any other."""
    place = order.payload.get("place")
    if not isinstance(place, str) or not _PLACE.fullmatch(place):
        raise PermanentError(f"order {order.id} names a place outside of reports.dir")
    return place


def has_place(order: Job) -> bool:
    """Check that an order names a valid place."""
    try:
        place_of(order)
    except PermanentError:
        return False
    return True


def refusal(order: Job, worker: str) -> str:
    """Why a worker does not do it; "" when it does."""
    asked = order.payload.get("version")
    if asked != __version__:
        return f"the bot is DingRun {asked}, the worker {worker} is {__version__}: run the same on both"
    if order.attempts > DEATHS:
        return f"{DEATHS} workers died of the report, see their logs"
    return ""


def made(findings: Findings) -> Mapping[str, object]:
    """The answer to an order whose workbook is handed over."""
    return {"state": JobState.DONE, "result": {"findings": asdict(findings)}, "error": ""}


def failed(error: DingRunError) -> Mapping[str, object]:
    """The answer to any other; the bot asks again, by another order, if that makes sense."""
    result = {"for_good": isinstance(error, PermanentError)}
    return {"state": JobState.DONE, "result": result, "error": str(error)}


def findings_of(order: Job) -> Findings:
    """What the workbook counted. Raises what the worker said instead."""
    if "findings" in order.result:
        return _FINDINGS.validate_python(order.result["findings"])
    raise (PermanentError if order.result.get("for_good") else TemporaryError)(order.error)


def taken(order: Job) -> int:
    """How many assets the worker has taken so far."""
    return int(str(order.result.get("taken") or 0))
