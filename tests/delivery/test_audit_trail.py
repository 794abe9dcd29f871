"""What the trail of a run tells of its jobs."""

from datetime import timedelta

import pytest

from bot.delivery.audit_trail import Attempt, TrailEntry, audit_trail, seen_by
from bot.models import Job, JobState
from tests.factories import NOW, make_job

LATER = NOW + timedelta(seconds=7)


def entry(**changes: object) -> TrailEntry:
    """Return the entry of a job to a group."""
    (found,) = audit_trail([make_job(**{"payload": {"destination": "group:cidA"}} | changes)])
    return found


def tap(**user: str) -> Job:
    return make_job(kind="tap", payload={"destination": "group:cidA", "action": "rerun", "user": user})


def test_an_entry_tells_what_was_sent_where_and_when() -> None:
    job = make_job(
        kind="file",
        state=JobState.DONE,
        payload={"destination": "group:cidA", "by": "李雷"},
        created_at=NOW,
        ended_at=LATER,
        result={"message_id": "msg1"},
    )
    assert audit_trail([job]) == [
        TrailEntry(
            job_id=job.id,
            kind="file",
            to="group:cidA",
            state="done",
            asked_at=NOW,
            ended_at=LATER,
            message_id="msg1",
            why="",
            by="李雷",
            tries=[],
        )
    ]


def test_what_is_not_sent_for_a_run_is_left_out_and_the_order_is_kept() -> None:
    kinds = ["tap", "submit", "message", "card", "digest", "export", "note", "update", "file", "start"]
    jobs = [make_job(kind=kind, payload={"destination": "group:cidA"}) for kind in kinds]
    shown = [each.kind for each in audit_trail(jobs)]
    assert shown == ["tap", "submit", "card", "export", "note", "update", "file", "start"]


@pytest.mark.parametrize(
    ("payload", "to"),
    [
        ({"destination": "group:cidA"}, "group:cidA"),
        ({"destination": "group:cidA", "via": "webhook:ops"}, "webhook:ops"),
        ({"destination": "group:cidA", "action": "rerun"}, "rerun"),
    ],
)
def test_it_went_to_the_robot_beside_if_there_is_one_and_a_tap_to_its_button(
    payload: dict[str, str], to: str
) -> None:
    assert entry(payload=payload).to == to


def test_a_submission_goes_nowhere_and_nobody_asked_for_it() -> None:
    found = entry(kind="submit", payload={})
    assert (found.to, found.by, found.message_id, found.ended_at) == ("", "", "", None)


@pytest.mark.parametrize(
    ("result", "error", "why"),
    [
        ({}, "", ""),
        ({}, "no robot", "no robot"),
        ({"digest": "digest:x"}, "no robot", "digest:x"),
        ({"skipped": "muted", "digest": "digest:x"}, "no robot", "muted"),
        ({"fell": "no cards", "skipped": "muted", "digest": "digest:x"}, "no robot", "no cards"),
    ],
)
def test_the_reason_is_that_of_the_route_before_that_of_a_failure(
    result: dict[str, str], error: str, why: str
) -> None:
    assert entry(result=result, error=error).why == why


def test_failed_attempts_are_told_one_by_one_and_the_last_one_is_not_repeated() -> None:
    tries = [[NOW.isoformat(), "busy"], [LATER.isoformat(), "too fast"], [LATER.isoformat(), "no robot"]]
    told = [
        Attempt(at=NOW, said="busy"),
        Attempt(at=LATER, said="too fast"),
        Attempt(at=LATER, said="no robot"),
    ]
    same, other = (entry(result={"tries": tries}, error=error) for error in ("no robot", "given up"))
    assert (same.tries, same.why) == (told, "")
    assert (other.tries, other.why) == (told, "given up")


def test_whoever_taps_a_card_has_seen_it() -> None:
    jobs = [tap(id="user01", name="李雷"), tap(id="user02"), tap(), make_job(), tap(id="user01", name="李雷")]
    assert seen_by(jobs) == ["李雷", "user02", "?"]
    assert [each.by for each in audit_trail(jobs[:3])] == ["李雷", "user02", "?"]
