"""Export requests: what a bot asks of a worker and what the worker responds, as a job in the store. Pure.

Nothing of a request travels through the broker.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from bot import __version__
from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.models import MAX_CLOCK_SKEW, Findings, Job, JobState, new_job

KIND = "export_request"
LEASE = timedelta(seconds=10)
MAX_WORKER_DEATHS = 3  # workers that may die of one request

_FINDINGS = TypeAdapter(Findings)
_PATH = re.compile(r"\w[\w.-]{0,200}/\w[\w.-]{0,200}\.part", re.ASCII)  # one folder, one file, none hidden


def new_request(run_id: str, name: str, path: str, now: datetime) -> Job:
    """Build the request for the report of a run, to be transferred under this path."""
    payload = {"place": path, "version": __version__}
    job = new_job(KIND, name, now, run_id=run_id, payload=payload)
    return replace(job, due_at=now - MAX_CLOCK_SKEW)  # the clock of a worker may be that far behind


def transfer_path(request: Job) -> str:
    """Return the transfer path of a request, `day/name`. Raises `PermanentError` for any other."""
    path = request.payload.get("place")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise PermanentError(f"export request {request.id} names a path outside of reports.dir")
    return path


def has_transfer_path(request: Job) -> bool:
    """Return whether a request names a valid transfer path."""
    try:
        transfer_path(request)
    except PermanentError:
        return False
    return True


def refusal_reason(request: Job, worker: str) -> str:
    """Return why a worker must refuse a request, or ""."""
    version = request.payload.get("version")
    if version != __version__:
        return f"the bot is DingRun {version}, the worker {worker} is {__version__}: run the same on both"
    if request.attempts > MAX_WORKER_DEATHS:
        return f"{MAX_WORKER_DEATHS} workers died while they wrote this report, see their logs"
    return ""


def success_response(findings: Findings) -> Mapping[str, object]:
    """Build the changes to a request whose report has been transferred."""
    return {"state": JobState.DONE, "result": {"findings": asdict(findings)}, "error": ""}


def failure_response(error: DingRunError) -> Mapping[str, object]:
    """Build the changes to a request that failed. The bot sends another request if that makes sense."""
    result = {"for_good": isinstance(error, PermanentError)}
    return {"state": JobState.DONE, "result": result, "error": str(error)}


def has_succeeded(request: Job) -> bool:
    """Return whether a worker has written the report of a request."""
    return "findings" in request.result


def parse_response(request: Job) -> Findings:
    """Return what the report counted. Raises the error that the worker reported instead."""
    if has_succeeded(request):
        return _FINDINGS.validate_python(request.result["findings"])
    raise (PermanentError if request.result.get("for_good") else TemporaryError)(request.error)


def assets_read(request: Job) -> int:
    """Return the number of assets that the worker has read so far."""
    return int(str(request.result.get("taken") or 0))
