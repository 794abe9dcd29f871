"""A runner executes what its own command line allows, once, and stops it when asked."""

import os
import subprocess

from tests.exec.conftest import LIMIT_SECONDS, Recorder, Wrapper

RERUN = {"id": "c1", "type": "run.rerun", "schedule": "backup", "run": "r-1", "rid": "run-1"}
STOP = {"id": "c2", "type": "run.stop", "schedule": "backup", "run": "r-1", "rid": "run-1"}


def offer(recorder: Recorder, *commands: dict[str, str]) -> None:
    """Give the commands to the next request, one request each."""
    recorder.answers["/v1/commands"] = [{"commands": [command]} for command in commands]


def outcomes(recorder: Recorder) -> list[tuple[str, str]]:
    done = [each for each in recorder.requests if each.path.endswith("/done")]
    return [(each.path.split("/")[3], each.run["outcome"]) for each in done]


class Running:
    """A runner that allows one command."""

    def __init__(self, wrapper: Wrapper, script: str) -> None:
        allowed = f"backup=sh -c '{script}'"
        self.process = wrapper.start("--runner", "host1", "--allow", allowed, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LIMIT_SECONDS)


def wait_until(recorder: Recorder, done: int, ends: int) -> None:
    with recorder.seen:
        assert recorder.seen.wait_for(
            lambda: len(outcomes(recorder)) >= done and len(recorder.ends()) >= ends, LIMIT_SECONDS
        )


def test_a_rerun_executes_the_allowed_command_and_reports_it_by_the_run_given(
    wrapper: Wrapper, recorder: Recorder
) -> None:
    offer(recorder, RERUN)
    runner = Running(wrapper, "exit 4")
    wait_until(recorder, done=1, ends=1)
    runner.stop()
    assert outcomes(recorder) == [("c1", "accepted")]
    assert [(each["schedule"], each["exit_code"]) for each in recorder.ends()] == [("backup", 4)]
    assert any(each.path == "/v1/runs/run-1" for each in recorder.requests)


def test_the_same_command_again_is_answered_and_not_executed(wrapper: Wrapper, recorder: Recorder) -> None:
    offer(recorder, RERUN, RERUN)
    runner = Running(wrapper, "true")
    wait_until(recorder, done=2, ends=1)
    runner.stop()
    assert len(recorder.ends()) == 1


def test_what_is_not_allowed_is_refused(wrapper: Wrapper, recorder: Recorder) -> None:
    offer(recorder, RERUN | {"schedule": "other"})
    runner = Running(wrapper, "true")
    wait_until(recorder, done=1, ends=0)
    runner.stop()
    assert outcomes(recorder) == [("c1", "refused")]
    assert recorder.ends() == []


def test_a_stop_ends_what_the_runner_has_started(wrapper: Wrapper, recorder: Recorder) -> None:
    offer(recorder, RERUN, STOP)
    runner = Running(wrapper, "exec sleep 60")
    wait_until(recorder, done=2, ends=1)
    runner.stop()
    assert [each["status"] for each in recorder.ends()] == ["stopped"]


def test_a_stop_ends_what_cron_has_started(wrapper: Wrapper, recorder: Recorder) -> None:
    job = wrapper.start("-s", "backup", "--rid", "run-1", "--", "sleep", "60")
    recorder.wait_for(1)
    offer(recorder, STOP | {"id": "c1", "schedule": "other"}, STOP)
    runner = Running(wrapper, "true")
    wait_until(recorder, done=2, ends=1)
    runner.stop()
    assert job.wait(LIMIT_SECONDS) == 128 + 15
    assert outcomes(recorder) == [("c1", "refused"), ("c2", "accepted")]
    assert [each["status"] for each in recorder.ends()] == ["stopped"]


def test_a_process_that_has_died_is_not_stopped(wrapper: Wrapper, recorder: Recorder) -> None:
    """Its number may be that of another process by now."""
    job = wrapper.start("-s", "backup", "--rid", "run-1", "--", "sleep", "0.1")
    recorder.wait_for(1)
    job.kill()
    job.wait(LIMIT_SECONDS)
    offer(recorder, STOP)
    runner = Running(wrapper, "true")
    wait_until(recorder, done=1, ends=0)
    runner.stop()
    assert outcomes(recorder) == [("c2", "refused")]


def test_a_command_that_cannot_be_marked_is_refused_and_ends_no_runner(
    wrapper: Wrapper, recorder: Recorder
) -> None:
    """As on a full disk: what is not marked might be executed twice."""
    offer(recorder, RERUN | {"id": "c" * 300}, RERUN)
    runner = Running(wrapper, "exit 4")
    wait_until(recorder, done=2, ends=1)
    runner.stop()
    assert [outcome for _, outcome in outcomes(recorder)] == ["refused", "accepted"]


def test_old_marks_are_removed(wrapper: Wrapper, recorder: Recorder) -> None:
    wrapper.spool.mkdir()
    old, new = ("command-old", "running-dead"), ("command-new", "running-new")
    for name in (*old, *new):
        (wrapper.spool / name).touch()
    for name in old:
        os.utime(wrapper.spool / name, (0, 0))
    offer(recorder, RERUN)
    runner = Running(wrapper, "true")
    wait_until(recorder, done=1, ends=1)
    runner.stop()
    left = {path.name for path in wrapper.spool.iterdir()}
    assert left >= {*new, "command-c1"}
    assert left.isdisjoint(old)


def test_an_allowed_command_may_have_options_of_its_own(wrapper: Wrapper, recorder: Recorder) -> None:
    offer(recorder, RERUN)
    runner = wrapper.start("--runner", "host1", "--allow", r"backup=--count 'n=(\d+) rows' -- echo 7 rows")
    wait_until(recorder, done=1, ends=1)
    runner.terminate()
    assert recorder.ends()[0]["counts"] == {"n": 7}


def test_an_allowed_command_with_an_unknown_option_ends_the_runner(wrapper: Wrapper) -> None:
    done = wrapper.run("--runner", "host1", "--allow", "backup=--unknown -- true")
    assert (done.returncode, b"--unknown" in done.stderr) == (2, True)
