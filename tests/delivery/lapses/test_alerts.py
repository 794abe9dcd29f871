"""Who is told that a schedule works again, and when a mute silences alerts. Pure."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.lapses.alerts import is_muted, recovery_jobs
from bot.models import Destination, Mute, NotifyOn, Person, RecipientOptions, Run, RunStatus, Trend
from tests.factories import NOW, make_counts, make_ended_run, make_override, make_run

GROUP, OPS = Destination.parse("group:cidA"), Destination.parse("group:cidOps")
WHO = Person(id="user01")
HOUR = timedelta(hours=1)


def ended(error: int = 0, *, streak: int | None = None, stop: int = 0) -> Run:
    """Return an ended run whose failures are told to two groups, and its success to one of them."""
    options = (RecipientOptions(to=OPS, notify_on=NotifyOn.FAILED),)
    run = make_ended_run(error=error, send_to=(GROUP, OPS), recipient_options=options)
    trend = None if streak is None else Trend(streak=streak)
    return replace(run, trend=trend, task_counts=make_counts(error=error, stop=stop))


FAILED, WELL, STOPPED = ended(1), ended(), ended(stop=1)


def test_whoever_heard_of_failures_and_receives_no_summary_is_told_of_the_success() -> None:
    run, failed = ended(), [ended(1, streak=7), ended(1)]
    (job,) = recovery_jobs(run, failed, NOW)
    assert (job.id, job.kind, job.run_id) == (f"recovery:{run.id}:{OPS}", "recovery", run.id)
    assert (job.created_at, job.due_at) == (NOW, NOW)
    assert job.payload == {
        "version": 1,
        "destination": str(OPS),
        "failed": [each.id for each in failed],
        "failures": 7,
    }


@pytest.mark.parametrize(
    ("earlier", "failures"),
    [
        ([], 0),
        ([WELL, FAILED], 0),
        ([FAILED], 1),
        ([FAILED, FAILED, WELL, FAILED], 2),
        ([STOPPED, FAILED, STOPPED, FAILED], 2),
        ([STOPPED], 0),
        ([STOPPED, WELL, FAILED], 0),
    ],
)
def test_the_failures_since_the_last_success_count(earlier: list[Run], failures: int) -> None:
    jobs = recovery_jobs(ended(), earlier, NOW)
    assert [job.payload["failures"] for job in jobs] == [failures] * bool(failures)


@pytest.mark.parametrize(
    "run",
    [
        ended(1),
        ended(stop=1),
        replace(ended(), muted=Mute(by=WHO, at=NOW)),
        replace(ended(), status=RunStatus.ERROR),
        make_run(),
    ],
)
def test_nothing_else_than_a_success_that_is_told_is_a_recovery(run: Run) -> None:
    assert recovery_jobs(run, [FAILED], NOW) == []


def test_each_destination_is_told_once_and_none_that_did_not_hear_of_it() -> None:
    only_here = replace(FAILED, schedule=replace(FAILED.schedule, send_to=(GROUP,)))
    assert recovery_jobs(ended(), [only_here], NOW) == []
    assert len(recovery_jobs(ended(), [only_here, FAILED, FAILED], NOW)) == 1


@pytest.mark.parametrize(
    ("mute", "hours", "muted"),
    [
        (None, 0, False),
        (Mute(by=WHO, at=NOW, until=NOW + HOUR), 0, True),
        (Mute(by=WHO, at=NOW, until=NOW + HOUR), 1, False),
        (Mute(by=WHO, at=NOW), 0, False),  # of the next run, which may be what is missing
    ],
)
def test_alerts_are_silent_while_a_mute_with_an_end_is_in_force(
    mute: Mute | None, hours: int, muted: bool
) -> None:
    assert is_muted(make_override(mute=mute), NOW + hours * HOUR) is muted
