"""Outcomes of an attempt at a job: done, tried again later, unconfirmed or given up."""

import logging
import random
from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.errors import DingRunError, RateLimited, TemporaryError
from bot.jobs.retry import wait_before_retry
from bot.models import Job, JobState
from bot.telemetry.logging import fields, redacted
from bot.telemetry.rescues import Rescue, count_rescue

log = logging.getLogger(__name__)

MAX_ATTEMPTS_KEPT = 12  # the last ones of a job
RATE_LIMIT_SECONDS = 1.0  # until the next attempt, if the limit does not say when it ends

RELEASED = "released"  # in the result of an open job: its last attempt that ended in order

Outcome = Mapping[str, object]
"""Changes of the fields of a job, its state among them."""

UNKNOWN_SENDING: Outcome = {
    "state": JobState.UNCONFIRMED,
    "error": "may have been sent before the process died",
}


def outcome_of_success(job: Job, result: Mapping[str, object]) -> Outcome:
    """Return the outcome of a job that is done. The failed attempts before stay in its result."""
    tries = {"tries": job.result["tries"]} if "tries" in job.result else {}
    return {"state": JobState.DONE, "result": {**result, **tries}, "error": ""}


def outcome_of_failure(job: Job, error: DingRunError, now: datetime) -> Outcome:
    """Return the outcome of a failed attempt: tried again after a `TemporaryError`, else given up."""
    if isinstance(error, RateLimited):  # nothing was sent, so it was no attempt
        due = now + timedelta(seconds=error.retry_after or RATE_LIMIT_SECONDS)
        return _again(due, error)
    tried = {"result": _with_attempt(job, error, now)}
    if isinstance(error, TemporaryError):
        return {**_after_failure(job, error, now), **tried}
    return {"state": JobState.DEAD, "error": redacted(str(error)), **tried}


def outcome_of_bug(job: Job, error: Exception, now: datetime) -> Outcome:
    """Return the outcome of an attempt that ended in an unexpected error. Its request may have been sent."""
    return _after_failure(job, TemporaryError(type(error).__name__, uncertain=True), now)


def counted_loss(outcome: Outcome) -> Outcome:
    """Return the outcome of a failure, counted if the answer to a request was lost."""
    if outcome["state"] is JobState.UNCONFIRMED:
        count_rescue(Rescue.ANSWER_LOST)
    return outcome


def was_abandoned(job: Job) -> bool:
    """Return whether the process died that made the attempt before this one."""
    return job.attempts > 1 and job.result.get(RELEASED) != job.attempts - 1


def released(job: Job, result: object = None) -> Mapping[str, object]:
    """Return the result of a job, or a new one of it, with the note that its attempt has ended in order."""
    return {**(result if isinstance(result, Mapping) else job.result), RELEASED: job.attempts}


def _after_failure(job: Job, error: TemporaryError, now: datetime) -> Outcome:
    if error.uncertain and job.send_attempted:
        return {"state": JobState.UNCONFIRMED, "error": redacted(str(error))}
    failures = job.failures + 1
    wait = wait_before_retry(failures, error, spread=random.random())  # noqa: S311 - no secret in it
    if wait is None:
        return {"state": JobState.DEAD, "error": redacted(str(error)), "failures": failures}
    return {**_again(now + wait, error), "failures": failures}


def _again(due: datetime, error: TemporaryError) -> Outcome:
    return {
        "state": JobState.TODO,
        "due_at": due,
        "send_attempted": False,
        "error": redacted(str(error)),
    }


def _with_attempt(job: Job, error: DingRunError, now: datetime) -> Mapping[str, object]:
    """Return the result of a job with this failed attempt added, for the audit trail."""
    before = job.result.get("tries")
    tries = [*(before if isinstance(before, list) else []), [now.isoformat(), redacted(str(error))]]
    kept = {key: value for key, value in job.result.items() if key != RELEASED}
    return {**kept, "tries": tries[-MAX_ATTEMPTS_KEPT:]}


def log_outcome(job: Job, outcome: Outcome, took: timedelta) -> None:
    """Log the outcome of a job: debug if postponed, warning if it is tried again, error if given up."""
    ms = took.total_seconds() * 1000
    known = fields(job=job.id, kind=job.kind, outcome=job.state.value, ms=round(ms), attempt=job.attempts)
    text = "job %s %s in %d ms %s"
    log.log(_log_level(outcome), text, job.id, outcome["state"], ms, job.error, extra=known)


def _log_level(outcome: Outcome) -> int:
    if outcome["state"] is JobState.TODO:
        return logging.WARNING if "failures" in outcome else logging.DEBUG
    return logging.INFO if outcome["state"] is JobState.DONE else logging.ERROR
