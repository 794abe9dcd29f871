"""What becomes of a job after an attempt, field by field."""

import logging
from datetime import datetime, timedelta

import pytest

from bot.errors import DingRunError, PermanentError, RateLimited, TemporaryError
from bot.jobs.outcomes import (
    MAX_ATTEMPTS_KEPT,
    RELEASED,
    UNKNOWN_SENDING,
    counted_loss,
    log_outcome,
    outcome_of_bug,
    outcome_of_failure,
    outcome_of_success,
    released,
    was_abandoned,
)
from bot.jobs.retry import MAX_FAILURES
from bot.models import JobState
from bot.telemetry.rescues import Rescue
from tests.factories import NOW, make_job

BUSY = [NOW.isoformat(), "busy"]  # a failed attempt, as it is kept


@pytest.fixture(autouse=True)
def half_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.jobs.outcomes.random.random", lambda: 0.5)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_success_takes_the_error_of_an_earlier_attempt_away() -> None:
    outcome = outcome_of_success(make_job(error="busy", result={"id": "m0"}), {"id": "m1"})
    assert outcome == {"state": JobState.DONE, "result": {"id": "m1"}, "error": ""}


def test_a_success_keeps_the_failed_attempts_before_it() -> None:
    outcome = outcome_of_success(make_job(result={"tries": [BUSY]}), {"id": "m1"})
    assert outcome["result"] == {"id": "m1", "tries": [BUSY]}


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 1), (0.0, 1), (30.0, 30)])
def test_a_rate_limit_postpones_and_is_no_attempt(retry_after: float | None, seconds: float) -> None:
    job = make_job(send_attempted=True, failures=MAX_FAILURES)
    assert outcome_of_failure(job, RateLimited("quota spent", retry_after=retry_after), NOW) == {
        "state": JobState.TODO,
        "due_at": after(seconds),
        "send_attempted": False,
        "error": "quota spent",
    }


@pytest.mark.parametrize(("failures", "seconds"), [(0, 2.25), (2, 9.0)])
def test_a_temporary_error_is_tried_again_after_a_wait_that_grows(failures: int, seconds: float) -> None:
    assert outcome_of_failure(make_job(failures=failures), TemporaryError("busy"), NOW) == {
        "state": JobState.TODO,
        "due_at": after(seconds),
        "send_attempted": False,
        "error": "busy",
        "failures": failures + 1,
        "result": {"tries": [BUSY]},
    }


def test_the_last_failure_gives_the_job_up() -> None:
    assert outcome_of_failure(make_job(failures=MAX_FAILURES - 1), TemporaryError("busy"), NOW) == {
        "state": JobState.DEAD,
        "error": "busy",
        "failures": MAX_FAILURES,
        "result": {"tries": [BUSY]},
    }


def test_a_permanent_error_gives_the_job_up_at_once() -> None:
    assert outcome_of_failure(make_job(), PermanentError("no such group"), NOW) == {
        "state": JobState.DEAD,
        "error": "no such group",
        "result": {"tries": [[NOW.isoformat(), "no such group"]]},
    }


@pytest.mark.parametrize(
    ("uncertain", "marked", "state"),
    [
        (True, True, JobState.UNCONFIRMED),
        (True, False, JobState.TODO),
        (False, True, JobState.TODO),
        (False, False, JobState.TODO),
    ],
)
def test_only_a_lost_answer_after_the_marker_is_unconfirmed(
    uncertain: bool, marked: bool, state: JobState
) -> None:
    error = TemporaryError("busy", uncertain=uncertain)
    outcome = outcome_of_failure(make_job(send_attempted=marked), error, NOW)
    assert (outcome["state"], outcome["error"], outcome["result"]) == (state, "busy", {"tries": [BUSY]})


@pytest.mark.parametrize("error", [TemporaryError("busy"), PermanentError("busy")])
def test_an_attempt_is_added_to_what_the_job_has_noted(error: DingRunError) -> None:
    earlier = ["an hour ago", "away"]
    job = make_job(result={"card": "c1", RELEASED: 1, "tries": [earlier]})
    assert outcome_of_failure(job, error, NOW)["result"] == {"card": "c1", "tries": [earlier, BUSY]}


def test_only_the_last_attempts_are_kept() -> None:
    job = make_job(result={"tries": [[str(number), "away"] for number in range(MAX_ATTEMPTS_KEPT)]})
    result = outcome_of_failure(job, TemporaryError("busy"), NOW)["result"]
    kept = [[str(number), "away"] for number in range(1, MAX_ATTEMPTS_KEPT)]
    assert result == {"tries": [*kept, BUSY]}


def test_a_bug_is_tried_again_and_named_by_its_class() -> None:
    assert outcome_of_bug(make_job(), ZeroDivisionError("1 / 0"), NOW) == {
        "state": JobState.TODO,
        "due_at": after(2.25),
        "send_attempted": False,
        "error": "ZeroDivisionError",
        "failures": 1,
    }


def test_a_bug_after_the_marker_is_unconfirmed() -> None:
    outcome = outcome_of_bug(make_job(send_attempted=True), ZeroDivisionError("1 / 0"), NOW)
    assert outcome == {"state": JobState.UNCONFIRMED, "error": "ZeroDivisionError"}


@pytest.mark.parametrize("secret", ["https://host/send?access_token=HIDDEN"])
@pytest.mark.parametrize("marked", [True, False])
def test_no_outcome_stores_a_secret(secret: str, marked: bool) -> None:
    errors = [RateLimited(secret), TemporaryError(secret, uncertain=True), PermanentError(secret)]
    for error in errors:
        assert "HIDDEN" not in str(outcome_of_failure(make_job(send_attempted=marked), error, NOW))
    last = make_job(failures=MAX_FAILURES - 1)
    assert "HIDDEN" not in str(outcome_of_failure(last, TemporaryError(secret), NOW))


@pytest.mark.rescue(Rescue.ANSWER_LOST)
def test_a_lost_answer_is_counted(rescues: dict[str, int]) -> None:
    done = outcome_of_success(make_job(), {})
    assert counted_loss(done) is done
    assert not rescues
    assert counted_loss(UNKNOWN_SENDING) is UNKNOWN_SENDING
    assert rescues == {"answer_lost": 1}


@pytest.mark.parametrize(
    ("attempts", "result", "abandoned"),
    [
        (1, {}, False),
        (2, {}, True),
        (2, {RELEASED: 1}, False),
        (3, {RELEASED: 1}, True),
        (3, {RELEASED: 2}, False),
    ],
)
def test_an_attempt_that_did_not_end_was_abandoned(
    attempts: int, result: dict[str, object], abandoned: bool
) -> None:
    assert was_abandoned(make_job(attempts=attempts, result=result)) is abandoned


def test_an_attempt_that_ended_is_noted_beside_the_result() -> None:
    job = make_job(attempts=2, result={"card": "c1"})
    assert released(job) == {"card": "c1", "released": 2}
    assert released(job, {"tries": [BUSY]}) == {"tries": [BUSY], "released": 2}


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        ({"state": JobState.TODO}, logging.DEBUG),
        ({"state": JobState.TODO, "failures": 1}, logging.WARNING),
        ({"state": JobState.DONE}, logging.INFO),
        ({"state": JobState.DEAD, "failures": 1}, logging.ERROR),
        ({"state": JobState.UNCONFIRMED}, logging.ERROR),
    ],
)
def test_an_outcome_is_logged_as_loudly_as_it_matters(
    outcome: dict[str, object], level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job = make_job(id="card:1", state=outcome["state"], attempts=3, error="busy")
    log_outcome(job, outcome, timedelta(milliseconds=1500.6))
    (record,) = caplog.records
    assert record.levelno == level
    assert record.getMessage() == f"job card:1 {outcome['state']} in 1500 ms busy"
    known = {"job": "card:1", "kind": "card", "outcome": outcome["state"], "ms": 1501, "attempt": 3}
    assert record.__dict__["fields"] == known
