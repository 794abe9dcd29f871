"""What is reported, and that reporting never costs the command anything."""

import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.exec.conftest import KEY, Recorder, Wrapper


def test_start_and_end_are_one_run(wrapper: Wrapper, recorder: Recorder) -> None:
    wrapper.run(
        "-s", "backup", "--cron", "0 3 * * *", "--grace", "5m", "--tz", "Asia/Shanghai", "--", "sleep", "0.2"
    )
    start, end = recorder.requests
    assert start.path == end.path
    assert start.run["expect"] == {"cron": "0 3 * * *", "grace": 300, "timezone": "Asia/Shanghai"}
    assert (start.run["status"], end.run["status"], end.run["schedule"]) == ("running", "success", "backup")
    assert start.run["started_at"] == end.run["started_at"]
    assert start.headers["Authorization"] == f"Bearer {KEY}"


def test_times_are_those_of_the_command(wrapper: Wrapper, recorder: Recorder) -> None:
    wrapper.run("--", "sleep", "0.3")
    (run,) = recorder.ends()
    took = datetime.fromisoformat(run["ended_at"]) - datetime.fromisoformat(run["started_at"])
    assert 0.3 <= took.total_seconds() < 3


def test_the_slug_is_the_name_of_the_command(wrapper: Wrapper, recorder: Recorder) -> None:
    (wrapper.folder / "Back Up.sh").write_text("#!/bin/sh\n")
    (wrapper.folder / "Back Up.sh").chmod(0o755)
    wrapper.run("./Back Up.sh")
    assert recorder.ends()[0]["schedule"] == "back-up"


def test_the_log_is_the_tail_of_both_streams_without_control_characters(
    wrapper: Wrapper, recorder: Recorder
) -> None:
    wrapper.run("--tail", "25", "--", "printf", "dropped\\ndropped\\n\\033[31mred\\033[0m\\0 中文\\n")
    assert recorder.logs() == ["red 中文\n"]


def test_the_last_line_of_a_failure_is_its_reason(wrapper: Wrapper, recorder: Recorder) -> None:
    wrapper.run("--", "sh", "-c", "echo begun; echo no space left >&2; exit 1")
    wrapper.run("--", "sh", "-c", "echo done")
    assert [run.get("error") for run in recorder.ends()] == ["no space left", None]


def test_durations_are_sent_in_seconds(wrapper: Wrapper, recorder: Recorder) -> None:
    wrapper.run("--every", "1h", "--grace", "30s", "--max-runtime", "2h", "--", "true")
    assert recorder.ends()[0]["expect"] == {"every": 3600, "grace": 30, "max_runtime": 7200}


def test_the_log_is_sent_once_by_its_key(wrapper: Wrapper, recorder: Recorder) -> None:
    wrapper.run("--", "echo", "text")
    (log,) = [each for each in recorder.requests if each.path.endswith("/log")]
    assert log.headers["Idempotency-Key"] == f"{log.path.split('/')[3]}-log"


def test_no_output_reports_none(wrapper: Wrapper, recorder: Recorder) -> None:
    done = wrapper.run("--no-output", "--", "echo", "secret")
    assert (done.stdout, recorder.logs()) == (b"secret\n", [])


def test_counts_are_numbers_or_matches(wrapper: Wrapper, recorder: Recorder) -> None:
    script = "echo found 3 hosts; echo found 12 hosts; echo ERROR; echo ERROR ERROR >&2"
    wrapper.run("--count", r"hosts=found (\d+)", "--count", "errors=ERROR", "--", "sh", "-c", script)
    assert recorder.ends()[0]["counts"] == {"hosts": 12, "errors": 3}


def test_assets_and_files_arrive_before_the_end(wrapper: Wrapper, recorder: Recorder) -> None:
    (wrapper.folder / "found.jsonl").write_text('{"host": "a"}\n')
    (wrapper.folder / "报告.pdf").write_bytes(b"%PDF")
    wrapper.run("--assets", "found.jsonl:nuclei:host,id", "--file", "报告.pdf", "--", "true")
    uploads = [each for each in recorder.requests if each.path.count("/") > 3]
    assert [(each.path.split("/", 4)[4], each.query, each.body) for each in uploads] == [
        ("assets/nuclei", "key=host,id", b'{"host": "a"}\n'),
        ("files/%E6%8A%A5%E5%91%8A.pdf", "", b"%PDF"),
    ]
    assert recorder.requests[-1].run["status"] == "success"


def test_a_file_that_is_missing_is_said_and_the_end_is_reported(wrapper: Wrapper, recorder: Recorder) -> None:
    done = wrapper.run("--file", "none.pdf", "--", "true")
    assert b"none.pdf was not sent" in done.stderr
    assert recorder.ends()[0]["status"] == "success"


def test_a_dead_server_changes_nothing_and_the_next_call_reports_once(
    wrapper: Wrapper, recorder: Recorder
) -> None:
    alive, wrapper.url = wrapper.url, "http://127.0.0.1:9"
    done = wrapper.run("-s", "job", "--", "sh", "-c", "echo out; exit 5")
    assert (done.returncode, done.stdout, len(wrapper.spooled())) == (5, b"out\n", 1)
    wrapper.url = alive
    wrapper.run("-s", "job", "--", "sleep", "1")
    assert [run["exit_code"] for run in recorder.ends()] == [5, 0]
    assert wrapper.spooled() == []


def test_a_server_that_dies_between_start_and_end_is_told_later(wrapper: Wrapper, recorder: Recorder) -> None:
    process = wrapper.start("-s", "job", "--", "sh", "-c", "read x", stdin=-1)
    recorder.wait_for(1)
    recorder.stop()
    process.communicate(b"\n", timeout=30)
    assert wrapper.spooled() == [f"{recorder.requests[0].path.split('/')[3]}.json"]


def test_a_server_that_never_answers_is_left_alone(wrapper: Wrapper, recorder: Recorder) -> None:
    wrapper.more["DINGRUN_TIMEOUT"] = "0.1"
    recorder.silent.set()
    started = time.monotonic()
    assert wrapper.run("--", "echo", "out").stdout == b"out\n"
    assert time.monotonic() - started < 5
    assert len(wrapper.spooled()) == 1


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_report_that_is_refused_is_not_kept(wrapper: Wrapper, recorder: Recorder, status: int) -> None:
    recorder.status = status
    done = wrapper.run("--", "true")
    assert (done.returncode, wrapper.spooled()) == (0, [])
    assert f"HTTP {status}".encode() in done.stderr


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_report_that_fails_for_now_is_kept(wrapper: Wrapper, recorder: Recorder, status: int) -> None:
    recorder.status = status
    assert wrapper.run("--", "true").returncode == 0
    assert len(wrapper.spooled()) == 1


def test_the_server_says_when_to_send_it_again(wrapper: Wrapper, recorder: Recorder) -> None:
    recorder.busy[:] = [1, 1]  # for the start and for the end
    started = time.monotonic()
    wrapper.run("--no-output", "--", "true")
    assert time.monotonic() - started >= 1
    assert (recorder.ends()[-1]["status"], wrapper.spooled()) == ("success", [])


def test_what_is_refused_for_now_is_sent_by_the_next_call(
    wrapper: Wrapper, recorder: Recorder, tmp_path: Path
) -> None:
    """The end is told at once, and the file as soon as the server takes it."""
    (tmp_path / "out.jsonl").write_text('{"host": "a"}\n')
    recorder.refused["/assets/"] = 503
    wrapper.run("--assets", f"{tmp_path}/out.jsonl:hosts:host", "--", "true")
    assert [end["status"] for end in recorder.ends()] == ["success"]
    assert len(wrapper.spooled()) == 1
    recorder.refused.clear()
    wrapper.run("--", "sleep", "0.3")
    assert [each.body for each in recorder.requests if "/assets/" in each.path][-1] == b'{"host": "a"}\n'
    assert wrapper.spooled() == []


def test_a_spool_that_cannot_be_written_loses_nothing_else(wrapper: Wrapper, recorder: Recorder) -> None:
    wrapper.more["DINGRUN_SPOOL"] = "/dev/full"
    assert wrapper.run("--", "true").returncode == 0
    assert recorder.ends()[0]["status"] == "success"


def test_without_a_server_the_command_runs_and_a_line_says_so(wrapper: Wrapper) -> None:
    wrapper.url = ""
    done = wrapper.run("--", "echo", "out")
    assert (done.returncode, done.stdout) == (0, b"out\n")
    assert b"set DINGRUN_URL" in done.stderr


def test_the_key_may_be_in_a_file_and_is_never_shown(
    wrapper: Wrapper, recorder: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("secret-key\n")
    wrapper.more["DINGRUN_KEY"] = f"file:{tmp_path / 'key'}"
    recorder.status = 503
    done = wrapper.run("--", "true")
    assert recorder.requests[0].headers["Authorization"] == "Bearer secret-key"
    assert b"secret-key" not in done.stderr


def test_the_command_learns_its_run(wrapper: Wrapper, recorder: Recorder) -> None:
    done = wrapper.run("--", "sh", "-c", "echo $DINGRUN_RUN")
    assert recorder.requests[0].path == f"/v1/runs/{done.stdout.decode().strip()}"
