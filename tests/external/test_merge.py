"""Reports merge into one run, whatever their order."""

from datetime import timedelta
from typing import Any

import pytest

from bot.external.merge import (
    LATE_UPLOADS,
    MAX_EVENTS,
    MergeOutcome,
    RunReport,
    asset_owner,
    merge,
    takes_uploads,
    tasks_of,
)
from bot.external.models import ExternalRun, ReportedStatus, ReportedTask
from bot.models import TaskStatus
from bot.reasons import reason
from cards.catalogue import explain
from tests.factories import NOW

RUNNING, SUCCESS, FAILED = ReportedStatus.RUNNING, ReportedStatus.SUCCESS, ReportedStatus.FAILED
MINUTE = timedelta(minutes=1)


def run(**changes: Any) -> ExternalRun:
    defaults: dict[str, Any] = {"id": "raaaaaaaaaa", "slug": "backup", "client_id": "1", "created_at": NOW}
    return ExternalRun(**(defaults | changes))


def merged(*reports: RunReport, into: ExternalRun | None = None) -> ExternalRun:
    """Merge reports that arrive a minute apart."""
    result = into or run()
    for number, report in enumerate(reports):
        result, _ = merge(result, report, NOW + number * MINUTE)
    return result


def outcome(into: ExternalRun, report: RunReport) -> MergeOutcome:
    return merge(into, report, NOW + 9 * MINUTE)[1]


def test_a_start_and_an_end_time_the_run() -> None:
    ended = merged(RunReport(status=RUNNING), RunReport(status=SUCCESS, exit_code=0))
    assert (ended.status, ended.started_at, ended.ended_at) == (SUCCESS, NOW, NOW + MINUTE)


def test_a_run_that_was_queued_starts_when_it_says_so() -> None:
    queued = merged(RunReport(status=ReportedStatus.QUEUED))
    assert queued.started_at is None
    assert merged(RunReport(status=RUNNING), into=queued).started_at == NOW


def test_an_end_alone_is_a_run_of_zero_length() -> None:
    ended = merged(RunReport(status=SUCCESS))
    assert ended.started_at == ended.ended_at == NOW


def test_times_that_are_given_count_more_than_those_of_arrival() -> None:
    start = RunReport(status=RUNNING, started_at=NOW - 5 * MINUTE)
    end = RunReport(status=SUCCESS, ended_at=NOW - MINUTE)
    assert merged(end, start).started_at == NOW - 5 * MINUTE
    assert merged(start, end).ended_at == NOW - MINUTE


def test_a_time_in_the_future_is_now() -> None:
    ended = merged(RunReport(status=SUCCESS, started_at=NOW + 5 * MINUTE, ended_at=NOW + 9 * MINUTE))
    assert ended.started_at == ended.ended_at == NOW


def test_a_start_that_comes_after_the_end_does_not_open_the_run_again() -> None:
    ended = merged(RunReport(status=SUCCESS), RunReport(status=RUNNING, event="start"))
    assert (ended.status, ended.ended_at) == (SUCCESS, NOW)
    assert [event.kind for event in ended.events] == ["success", "start"]


def test_the_first_end_wins_and_another_is_kept_as_an_event() -> None:
    ended = merged(RunReport(status=SUCCESS), RunReport(status=FAILED, exit_code=3))
    assert (ended.status, ended.exit_code) == (SUCCESS, None)
    assert [(event.kind, event.accepted) for event in ended.events] == [("success", True), ("failed", False)]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (RunReport(status=FAILED, exit_code=3), MergeOutcome.SAME),
        (RunReport(status=FAILED), MergeOutcome.SAME),
        (RunReport(status=FAILED, exit_code=4), MergeOutcome.CONFLICT),
        (RunReport(status=SUCCESS), MergeOutcome.CONFLICT),
        (RunReport(event="log"), MergeOutcome.MERGED),
    ],
)
def test_what_comes_after_the_end_is_judged(report: RunReport, expected: MergeOutcome) -> None:
    assert outcome(merged(RunReport(status=FAILED, exit_code=3)), report) is expected


def test_a_presumed_end_is_corrected_by_the_reported_one_and_by_nothing_else() -> None:
    presumed = merged(RunReport(status=ReportedStatus.TIMED_OUT, presumed=True))
    assert merged(RunReport(status=RUNNING), into=presumed).status is ReportedStatus.TIMED_OUT
    corrected = merged(RunReport(status=SUCCESS), into=presumed)
    assert (corrected.status, corrected.presumed) == (SUCCESS, False)


def test_the_same_report_twice_changes_nothing() -> None:
    report = RunReport(status=RUNNING, key="start")
    once = merged(report)
    assert merge(once, report, NOW + MINUTE) == (once, MergeOutcome.SAME)


def test_fields_that_are_left_out_stay_and_mappings_and_tasks_are_merged() -> None:
    first = RunReport(status=RUNNING, title="夜间", counts={"rows": 1}, tasks=[ReportedTask(id="a")])
    second = RunReport(labels={"host": "db1"}, counts={"mb": 2}, tasks=[ReportedTask(id="b"), _done("a")])
    both = merged(first, second)
    assert (both.title, both.counts, both.labels) == ("夜间", {"rows": 1, "mb": 2}, {"host": "db1"})
    assert [(task.id, task.status) for task in both.tasks] == [("a", SUCCESS), ("b", RUNNING)]


def _done(id_: str, status: ReportedStatus = SUCCESS, **changes: Any) -> ReportedTask:
    return ReportedTask(id=id_, status=status, **changes)


def test_only_the_last_events_are_kept() -> None:
    assert len(merged(*[RunReport(event="log")] * (MAX_EVENTS + 5)).events) == MAX_EVENTS


def test_uploads_are_taken_for_ten_more_minutes() -> None:
    ended = merged(RunReport(status=SUCCESS))
    assert takes_uploads(run(), NOW + timedelta(days=3))
    assert takes_uploads(ended, NOW + LATE_UPLOADS)
    assert not takes_uploads(ended, NOW + LATE_UPLOADS + MINUTE)


def test_a_run_without_tasks_is_one_task() -> None:
    tasks = tasks_of(merged(RunReport(status=FAILED, exit_code=2, counts={"rows": 7})))
    (task,) = tasks.values()
    assert (task.target, task.status, task.found) == ("backup", TaskStatus.ERROR, {"rows": 7})
    assert task.reason == reason("exit_status", status=2)


@pytest.mark.parametrize(
    ("report", "status", "reason"),
    [
        (RunReport(status=FAILED, error="disk full"), TaskStatus.ERROR, "disk full"),
        (
            RunReport(status=FAILED, signal="SIGKILL"),
            TaskStatus.ERROR,
            reason("killed", signal="SIGKILL"),
        ),
        (RunReport(status=ReportedStatus.LOST), TaskStatus.MISSING, reason("contact_lost")),
        (RunReport(status=ReportedStatus.STOPPED), TaskStatus.STOP, ""),
        (RunReport(status=FAILED), TaskStatus.ERROR, ""),
    ],
)
def test_a_failure_says_why(report: RunReport, status: TaskStatus, reason: str) -> None:
    (task,) = tasks_of(merged(report)).values()
    assert (task.status, task.reason) == (status, reason)


@pytest.mark.parametrize("error", ["killed", "no space left", 'killed {"signal": "TERM"}'])
def test_an_error_is_told_as_it_was_reported(error: str) -> None:
    (task,) = tasks_of(merged(RunReport(status=ReportedStatus.FAILED, error=error))).values()
    assert explain(task.reason, "zh-CN") == error


def test_tasks_that_are_open_at_the_end_end_with_the_run() -> None:
    report = RunReport(status=FAILED, tasks=[_done("a"), ReportedTask(id="b", name="拷贝")])
    tasks = list(tasks_of(merged(report)).values())
    assert [(task.target, task.status) for task in tasks] == [
        ("a", TaskStatus.DONE),
        ("拷贝", TaskStatus.ERROR),
    ]
    assert tasks[1].end_time == NOW


def test_a_run_that_failed_although_no_task_did_has_one_more_that_says_so() -> None:
    tasks = tasks_of(merged(RunReport(status=FAILED, exit_code=1, tasks=[_done("a")])))
    assert [task.status for task in tasks.values()] == [TaskStatus.DONE, TaskStatus.ERROR]


def test_assets_belong_to_the_first_task_that_failed_else_to_the_first() -> None:
    well = merged(RunReport(status=SUCCESS, tasks=[_done("a"), _done("b")]))
    bad = merged(RunReport(status=FAILED, tasks=[_done("a"), _done("b", FAILED)]))
    assert asset_owner(tasks_of(well)).endswith("-a")
    assert asset_owner(tasks_of(bad)).endswith("-b")
