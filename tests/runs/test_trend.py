"""The trend of a run: the comparison with the earlier runs of its schedule."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.models import Failure, Mute, Person, Run, RunStatus, TaskStatus
from bot.runs.trend import compare_with_earlier
from tests.conftest import CoreHarness
from tests.factories import NOW, make_counts, make_run

WELL, FAILED, STOPPED = make_counts(), make_counts(error=1), make_counts(stop=1)


def ended(day: int, **changes: Any) -> Run:
    """Return a run of the n-th day, which took a minute."""
    start = NOW + timedelta(days=day)
    defaults: dict[str, Any] = {
        "status": RunStatus.FINISHED,
        "task_counts": WELL,
        "start_time": start,
        "end_time": start + timedelta(minutes=1),
    }
    return make_run(**(defaults | changes))


def failed(day: int, *targets: str, **changes: Any) -> Run:
    failures = tuple(
        Failure(task_id=each, target=each, status=TaskStatus.ERROR, reason="") for each in targets
    )
    return ended(day, **({"task_counts": make_counts(error=len(targets)), "failures": failures} | changes))


def test_the_first_run_has_nothing_before_it() -> None:
    trend = compare_with_earlier(ended(1), [])
    assert (trend.streak, trend.was_well, trend.previous, trend.failures_changed) == (1, None, None, False)


def test_a_run_is_compared_with_the_one_before_it() -> None:
    before = ended(1, task_counts=make_counts(site=4))
    trend = compare_with_earlier(ended(2), [ended(3), before, failed(0, "a")])
    assert trend.previous is not None
    assert (trend.was_well, trend.previous.id, trend.previous.seconds) == (True, before.id, 60)
    assert (trend.previous.found, trend.previous.complete) == ({"site": 4}, True)


@pytest.mark.parametrize(
    ("earlier", "streak"),
    [
        ([failed(2, "a"), failed(1, "a")], 3),
        ([failed(2, "a"), ended(1), failed(0, "a")], 2),
        ([ended(2), failed(1, "a")], 1),
        ([ended(2, task_counts=STOPPED), failed(1, "a")], 2),
        ([ended(2, status=RunStatus.RUNNING, task_counts=None), failed(1, "a")], 2),
        ([failed(2, "a", idempotency_key="retry:r1:m1"), failed(1, "a")], 2),
        ([ended(2, idempotency_key="retry:r1:m1"), failed(1, "a")], 1),
        ([ended(2, status=RunStatus.ERROR, task_counts=None)], 2),
    ],
)
def test_a_streak_counts_the_runs_in_a_row_that_failed(earlier: list[Run], streak: int) -> None:
    assert compare_with_earlier(failed(3, "a"), earlier).streak == streak


def test_a_streak_goes_on_from_that_of_the_run_before() -> None:
    before = failed(2, "a")
    before = replace(before, trend=replace(compare_with_earlier(before, []), streak=41))
    assert compare_with_earlier(failed(3, "a"), [before]).streak == 42


def test_a_run_that_was_only_stopped_has_no_outcome() -> None:
    trend = compare_with_earlier(ended(2, task_counts=STOPPED), [ended(1)])
    assert (trend.streak, trend.was_well) == (0, True)


@pytest.mark.parametrize(
    ("targets", "changed"), [(("a", "b"), False), (("b", "a"), False), (("a",), True), (("a", "c"), True)]
)
def test_other_targets_that_fail_are_a_change(targets: tuple[str, ...], changed: bool) -> None:
    assert compare_with_earlier(failed(2, "a", "b"), [failed(1, *targets)]).failures_changed is changed


def test_what_a_retry_repaired_was_well_before_the_next_run() -> None:
    retry = ended(2, idempotency_key="retry:r1:m1")
    trend = compare_with_earlier(failed(3, "a"), [retry, failed(1, "a")])
    assert trend.was_well is True
    assert trend.previous is not None
    assert not trend.previous.complete  # assets and duration are compared with the whole run before


def test_a_retry_is_compared_by_its_outcome_alone() -> None:
    trend = compare_with_earlier(ended(2, idempotency_key="retry:r1:m1"), [failed(1, "a")])
    assert (trend.was_well, trend.previous, trend.failures_changed) == (False, None, True)


def test_a_muted_run_before_is_known() -> None:
    muted = failed(1, "a", muted=Mute(by=Person(id="user01"), at=NOW))
    assert compare_with_earlier(failed(2, "a"), [muted]).was_muted


async def test_the_trend_is_stored_when_a_run_ends(core: CoreHarness) -> None:
    first = await core.finished_run()
    core.clock.turn(seconds=86_400)
    await core.trigger(cause="cron:s1:next")
    await core.finish(status=TaskStatus.ERROR, reason="x")
    newest = (await core.store.find_runs())[0]
    assert newest.trend is not None
    assert newest.trend.previous is not None
    assert (newest.trend.was_well, newest.trend.previous.id) == (True, first.id)
