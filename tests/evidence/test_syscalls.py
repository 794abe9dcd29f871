"""Kill the real service at a few system calls. `python -m evidence.syscalls` goes through all of them."""

import shutil
from pathlib import Path

import pytest

from evidence.judge import Verdict
from evidence.syscalls import Campaign, Point, go_through, most_by_thread, points
from evidence.world import prepared

SAMPLE = (
    Point(call="pwrite64", number=60),  # the run is being stored
    Point(call="rename", number=1),  # the child names the report
    Point(call="sendto", number=60),  # a request to DingTalk
)


def test_calls_are_counted_by_thread() -> None:
    trace = (
        '890   pwrite64(3, "x", 1, 0) = 1\n891 pwrite64(3, "x", 1, 0) = 1\n890 pwrite64(3, "y", 1, 1) = 1\n'
        "890 <... fsync resumed>) = 0\n890 --- SIGCHLD {si_signo=SIGCHLD} ---\n890 +++ exited with 0 +++\n"
    )
    assert most_by_thread(trace, ["pwrite64", "fsync"]) == {"pwrite64": 2, "fsync": 0}


def test_each_call_is_a_point_and_a_sample_begins_with_the_first() -> None:
    assert [str(point) for point in points({"fsync": 2, "write": 3}, every=2)] == [
        "fsync-1",
        "write-1",
        "write-3",
    ]


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_a_service_killed_at_a_system_call_tells_the_run_exactly_once(tmp_path: Path) -> None:
    campaign = Campaign(prepared=prepared(tmp_path / "prepared"), folder=tmp_path)
    results = list(go_through(campaign, SAMPLE, worlds=len(SAMPLE), keep=None))
    assert [result.error for result in results] == ["", "", ""]
    assert [(result.hit, result.died) for result in results] == [(True, 1), (True, 0), (True, 1)]
    assert all(result.kept for result in results), results
    for result in results:  # what was being sent at a death is unconfirmed at most
        unconfirmed = [found for found in result.judgements if found.verdict is Verdict.UNCONFIRMED]
        assert len(result.judgements) == 2, result
        assert len(unconfirmed) <= result.died, result
