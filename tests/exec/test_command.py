"""A wrapped command runs as it would alone: arguments, input, output, signals and exit status."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.exec.conftest import LIMIT_SECONDS, Recorder, Wrapper

HARD_WORDS = ["a b", "", "$HOME", "*", "'\"", "中文", "--", "-s", "\\n"]
MB = 1_000_000
TWO_PROCESSES = """
import os, signal, sys
number = int(sys.argv[1])
signal.pthread_sigmask(signal.SIG_BLOCK, [number])  # so that it waits, however early it comes
child = os.fork()
if child:
    print("ready", flush=True)
signal.sigwait([number])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if child else 7)
"""


def pythons() -> Sequence[str]:
    """Return the interpreters of this machine, the oldest first, and this one."""
    found = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"), key=_version)
    return [str(path) for path in found if _version(path) >= (3, 8)] or [sys.executable]


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.parents[1].name.split(".")[:2] if part.isdigit())


@pytest.mark.parametrize("python", pythons())
def test_every_python_runs_it(wrapper: Wrapper, recorder: Recorder, python: str) -> None:
    wrapper.python = python
    done = wrapper.run("-s", "job", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    assert [(run["status"], run["exit_code"]) for run in recorder.ends()] == [("failed", 3)]


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 255", 255), ("kill -KILL $$", 137)])
def test_the_exit_status_is_that_of_the_command(wrapper: Wrapper, script: str, status: int) -> None:
    assert wrapper.run("--", "sh", "-c", script).returncode == status


def test_a_missing_command_is_127_and_reported(wrapper: Wrapper, recorder: Recorder) -> None:
    done = wrapper.run("-s", "job", "--", "/no/such/program")
    assert done.returncode == 127
    assert recorder.ends()[0]["error"] == "/no/such/program: No such file or directory"


def test_a_file_that_cannot_be_executed_is_126(wrapper: Wrapper) -> None:
    (wrapper.folder / "plain").write_text("text")
    assert wrapper.run("--", "./plain").returncode == 126


def test_arguments_are_untouched(wrapper: Wrapper) -> None:
    done = wrapper.run(
        "-s", "job", "--", sys.executable, "-c", "import sys; print(sys.argv[1:])", *HARD_WORDS
    )
    assert done.stdout.decode().strip() == str(HARD_WORDS)


def test_input_reaches_the_command_and_binary_output_comes_out_unchanged(wrapper: Wrapper) -> None:
    data = os.urandom(300_000)
    assert wrapper.run("--", "cat", input=data).stdout == data


def test_output_is_seen_before_the_command_ends(wrapper: Wrapper) -> None:
    process = wrapper.start("--", "sh", "-c", "printf partial; read line", stdin=subprocess.PIPE)
    assert process.stdout
    assert process.stdin
    assert os.read(process.stdout.fileno(), 100) == b"partial"
    process.stdin.write(b"go\n")
    process.communicate(timeout=LIMIT_SECONDS)


def test_a_reader_that_leaves_ends_endless_output(wrapper: Wrapper, recorder: Recorder) -> None:
    process = wrapper.start("-s", "job", "--", "yes")
    assert process.stdout
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(LIMIT_SECONDS) == 128 + signal.SIGPIPE
    assert recorder.ends()[0]["signal"] == "SIGPIPE"


def test_a_full_disk_costs_the_output_but_not_the_command(wrapper: Wrapper, recorder: Recorder) -> None:
    with open("/dev/full", "wb") as full:
        process = wrapper.start("-s", "job", "--", "sh", "-c", "echo lost; exit 0", stdout=full)
        assert process.wait(LIMIT_SECONDS) == 0
    assert "No space left on device" in recorder.logs()[0]


@pytest.fixture
def signals_as_in_a_terminal() -> Iterator[None]:
    """Hand no ignored SIGINT on to the program, as a shell does to what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("signals_as_in_a_terminal")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_signals_reach_all_processes_of_the_command(wrapper: Wrapper, name: str) -> None:
    number = getattr(signal, name)
    process = wrapper.start("--", sys.executable, "-c", TWO_PROCESSES, str(int(number)))
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.wait(LIMIT_SECONDS) == 7


def test_a_stopped_command_is_reported_as_stopped(wrapper: Wrapper, recorder: Recorder) -> None:
    process = wrapper.start("-s", "job", "--", "sh", "-c", "echo ready; exec sleep 60")
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(LIMIT_SECONDS) == 143
    assert (recorder.ends()[0]["status"], recorder.ends()[0]["signal"]) == ("stopped", "SIGTERM")


def test_a_process_that_is_left_behind_holds_nothing_up(wrapper: Wrapper, recorder: Recorder) -> None:
    done = wrapper.run(
        "-s", "job", "--no-output", "--", "sh", "-c", "sleep 60 >/dev/null 2>&1 & echo started"
    )
    assert (done.returncode, done.stdout) == (0, b"started\n")
    assert recorder.ends()[0]["status"] == "success"


def test_quiet_ok_shows_the_output_of_failures_only(wrapper: Wrapper) -> None:
    script = "echo out; echo err >&2; exit "
    quiet = wrapper.run("--quiet-ok", "--", "sh", "-c", script + "0")
    loud = wrapper.run("--quiet-ok", "--", "sh", "-c", script + "1")
    assert (quiet.stdout, quiet.stderr) == (b"", b"")
    assert (loud.stdout, loud.stderr) == (b"out\n", b"err\n")


def test_kill_after_ends_the_command(wrapper: Wrapper, recorder: Recorder) -> None:
    assert wrapper.run("-s", "job", "--kill-after", "0.1s", "--", "sleep", "60").returncode == 143
    assert recorder.ends()[0]["status"] == "timed_out"


def test_lock_skips_a_second_call(wrapper: Wrapper, recorder: Recorder) -> None:
    first = wrapper.start(
        "-s", "job", "--lock", "skip", "--", "sh", "-c", "echo ready; read x", stdin=subprocess.PIPE
    )
    assert first.stdout
    assert first.stdout.readline() == b"ready\n"
    second = wrapper.run("-s", "job", "--lock", "skip", "--", "echo", "twice")
    assert (second.returncode, second.stdout) == (0, b"")
    first.communicate(b"\n", timeout=LIMIT_SECONDS)
    assert len(recorder.ends()) == 1


def test_memory_does_not_grow_with_the_output(wrapper: Wrapper) -> None:
    peaks = [_peak(wrapper, size) for size in (1, 200)]
    assert peaks[1] < peaks[0] * 1.3


def _peak(wrapper: Wrapper, megabytes: int) -> int:
    """Return the peak memory of a call that passes on so much output, in kB."""
    process = wrapper.start("--", "head", "-c", str(megabytes * MB), "/dev/zero", stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stderr:
        process.stderr.close()
    assert process.returncode == 0
    assert isinstance(usage, resource.struct_rusage)
    return usage.ru_maxrss
