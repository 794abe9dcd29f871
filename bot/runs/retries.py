"""The idempotency keys of runs that repeat the failed tasks of another run. Pure."""

from bot.models import RETRY, Run


def retry_key(run_id: str, request_id: str) -> str:
    """Build the idempotency key of a run that repeats the failed tasks of another."""
    return f"{RETRY}{run_id}:{request_id}"


def retried_run_id(idempotency_key: str) -> str:
    """Return the id of the run whose failed tasks are repeated, or ""."""
    return idempotency_key.removeprefix(RETRY).partition(":")[0] if idempotency_key.startswith(RETRY) else ""


def is_retry_for(run: Run, request_id: str) -> bool:
    """Return whether a request has triggered a run as a retry."""
    return run.idempotency_key == retry_key(retried_run_id(run.idempotency_key), request_id)
