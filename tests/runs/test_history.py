"""Test the key that says what a run repeats of an earlier one."""

import pytest

from bot.runs.history import Repetition, is_retry_for, retried_run_id, retry_key
from tests.factories import make_run, make_schedule

TASKS = ("t1", "t2", "t3")
EARLIER = make_run(task_ids=TASKS, schedule=make_schedule(targets=("a.example", "b.example", "c.example")))


@pytest.mark.parametrize(
    ("repetition", "key"),
    [
        (Repetition(run_id="r1"), "retry:r1:submit:m1"),
        (Repetition(run_id="r1", tasks=(2,)), "retry:r1#2:submit:m1"),
        (Repetition(run_id="r1", targets=(1, 3)), "retry:r1@1,3:submit:m1"),
    ],
)
def test_a_key_says_what_is_repeated(repetition: Repetition, key: str) -> None:
    assert repetition.key("submit:m1") == key
    assert Repetition.parse(key) == repetition
    run = make_run(idempotency_key=key)
    assert (retried_run_id(key), is_retry_for(run, "submit:m1")) == ("r1", True)
    assert run.is_retry
    assert run.is_selection is bool(repetition.tasks or repetition.targets)


def test_the_key_of_earlier_versions_is_the_same() -> None:
    assert retry_key("r1", "submit:m1") == "retry:r1:submit:m1"


@pytest.mark.parametrize("key", ["cron:s1:2026", "submit:m1", "retry:", "retry:r1#x:m", ""])
def test_any_other_key_repeats_nothing(key: str) -> None:
    assert Repetition.parse(key) is None


def test_numbers_that_do_not_exist_are_left_out() -> None:
    assert Repetition(run_id="r1", tasks=(0, 3, 4)).task_ids(EARLIER) == ["t3"]
    assert Repetition(run_id="r1", targets=(0, 3, 4)).chosen_targets(EARLIER, EARLIER) == ("c.example",)


def test_only_targets_that_the_schedule_still_has_are_chosen() -> None:
    now = make_run(schedule=make_schedule(targets=("b.example", "d.example")))
    assert Repetition(run_id="r1", targets=(1, 2)).chosen_targets(EARLIER, now) == ("b.example",)
