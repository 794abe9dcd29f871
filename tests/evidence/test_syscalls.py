"""Kill the real service at a few system calls. `python -m evidence.syscalls` goes through all of them."""

import shutil
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from evidence import syscalls
from evidence.judge import Verdict
from evidence.results import Result, append_result, read_results, summary
from evidence.syscalls import Campaign, go_through
from evidence.tracer import Point, count_by_thread, of_busiest, points, spread
from evidence.workers import WorkerCampaign
from evidence.world import spawn

PRINT_ENVIRONMENT = "import os; print(sorted(name for name in os.environ if name.startswith('DINGRUN_')))"
SAMPLE = (
    Point(call="pwrite64", number=60),  # the run is being stored
    Point(call="sendto", number=60),  # a request to DingTalk
    Point(call="sendto", number=6, thread=2),  # likewise, while another thread has come to its sixth
)


def test_calls_are_counted_by_thread() -> None:
    trace = (
        '890   pwrite64(3, "x", 1, 0) = 1\n891 pwrite64(3, "x", 1, 0) = 1\n890 pwrite64(3, "y", 1, 1) = 1\n'
        "890 <... fsync resumed>) = 0\n890 --- SIGCHLD {si_signo=SIGCHLD} ---\n890 +++ exited with 0 +++\n"
    )
    counts = count_by_thread(trace, ["pwrite64", "fsync"])
    assert counts == {"pwrite64": [2, 1], "fsync": []}
    assert of_busiest(counts) == {"pwrite64": [2], "fsync": []}


def test_each_call_is_a_point_and_a_sample_begins_with_the_first() -> None:
    assert [str(point) for point in points({"fsync": [2], "write": [3, 1], "rename": []}, every=2)] == [
        "fsync-1",
        "write-1",
        "write-2",
    ]


def test_a_call_that_several_threads_make_is_a_point_for_each() -> None:
    assert [str(point) for point in points({"write": [3, 2, 2]})] == [
        "write-1",
        "write-1-2",
        "write-1-3",
        "write-2",
        "write-2-2",
        "write-2-3",
        "write-3",
    ]


def test_a_campaign_that_is_interrupted_is_an_even_sample() -> None:
    begun = spread(list(points({"write": [100]})))[:10]
    numbers = sorted(point.number for point in begun)
    assert all(later - earlier <= 20 for earlier, later in pairwise([0, *numbers, 101]))


def test_a_campaign_goes_on_with_what_its_file_lacks(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    first = Result(
        fault="KILL", point="write-1", hit=True, died=1, verdicts=["lost"], wrong="lost", rescues={"a": 1}
    )
    again = Result(
        fault="KILL", point="write-1", hit=True, died=1, verdicts=["exactly once"], rescues={"a": 2, "b": 0}
    )
    assert list(read_results(path)) == []
    append_result(path, first)
    append_result(path, again)
    path.write_text(path.read_text(encoding="utf-8") + '{"fault": "KI', encoding="utf-8")  # killed just there
    append_result(path, replace(again, point="write-2", rescues={}))
    assert [result.point for result in read_results(path)] == ["write-1", "write-2"]
    assert list(summary(read_results(path))) == [
        "KILL: 2 cases, 2 hit, 2 deaths, 0 broken; 2 exactly once, 0 unconfirmed, 0 lost, 0 doubled, 0 lied, "
        "0 broken, 0 out of order, 0 late, 0 unwanted, 0 kept silent, 0 withheld",
        "rescues: 2 a",
        "rescues never needed: b",
    ]


def test_a_service_gets_no_settings_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGRUN_TEST_MONGODB", "mongodb://127.0.0.1")  # with which it would not start
    spawn([sys.executable, "-c", PRINT_ENVIRONMENT], tmp_path / "log.txt").wait(60)
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "[]\n"


class DyingWorld:
    """A service that is dead before strace has written it down."""

    folder = Path()

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self._asked = 0
        monkeypatch.setattr(syscalls, "is_settled", lambda _: self.said[-1:] == ["restarted"])

    def has_hit(self) -> bool:
        self._asked += 1
        return self._asked > 1

    def is_dead(self) -> bool:
        return "restarted" not in self.said

    def is_connected(self) -> bool:
        return True

    def restart(self) -> None:
        self.said.append("restarted")


def test_nothing_is_started_again_before_the_fault_has_been_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    world: Any = DyingWorld(monkeypatch)
    assert syscalls.settle(world, world, lambda *_: world.said.append("hit")) == 1
    assert world.said == ["hit", "restarted"]


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_a_service_killed_at_a_system_call_tells_the_run_exactly_once(tmp_path: Path) -> None:
    with Campaign(folder=tmp_path, worlds=len(SAMPLE)) as campaign:
        results = list(go_through(campaign, SAMPLE))
    assert [(result.error, result.hit, result.died) for result in results] == [("", True, 1)] * len(SAMPLE)
    assert all(result.kept for result in results), results
    for result in results:  # what was being sent at a death is unconfirmed at most
        unconfirmed = [found for found in result.judgements if found.verdict is Verdict.UNCONFIRMED]
        assert len(result.judgements) == 2, result
        assert len(unconfirmed) <= result.died, result


@pytest.mark.skipif(
    not (shutil.which("strace") and shutil.which("redis-server")), reason="no strace or Redis"
)
def test_a_child_of_a_worker_killed_as_it_names_the_report_costs_no_message(tmp_path: Path) -> None:
    with WorkerCampaign(folder=tmp_path) as campaign:
        (result,) = go_through(campaign, [Point(call="rename", number=1)])
    assert (result.error, result.hit, result.died) == ("", True, 0)
    assert [found.verdict for found in result.judgements] == [Verdict.EXACTLY_ONCE, Verdict.EXACTLY_ONCE]
