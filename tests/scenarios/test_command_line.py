"""The command line, as a person types it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def bot(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"} | settings
    command = [sys.executable, "-m", "bot", *words]
    return subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, timeout=60, env=environment, cwd=ROOT, check=False
    )


def test_a_wrong_setting_stops_it_with_one_line_that_names_the_key(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("reports: {keep_days: x}", encoding="utf-8")
    done = bot("--config", str(config))
    assert done.returncode == 2
    assert "reports.keep_days" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_setting_stops_it_with_one_line_that_names_the_key() -> None:
    done = bot(DINGRUN_DINGDING__APP_KEY="dingx")
    assert done.returncode == 2
    assert "DINGDING.APP_SECRET" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_settings_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = bot("--config", str(tmp_path / "nowhere.yaml"))
    assert done.returncode == 2
    assert "nowhere.yaml" in done.stderr


def test_exporting_an_unknown_run_says_so(tmp_path: Path) -> None:
    done = bot("export", "rnothing", DINGRUN_STORE__URL=f"sqlite:///{tmp_path}/x.db")
    assert done.returncode == 1
    assert "rnothing" in done.stderr


def test_exporting_never_writes_over_a_file(tmp_path: Path) -> None:
    there = tmp_path / "there.xlsx"
    there.write_bytes(b"precious")
    done = bot("export", "r1", "-o", str(there), DINGRUN_STORE__URL=f"sqlite:///{tmp_path}/x.db")
    assert done.returncode == 2
    assert there.read_bytes() == b"precious"


@pytest.mark.parametrize("command", [("sandbox",), ("demo", "--no-browser")])
def test_a_port_that_is_taken_is_said_in_one_line(command: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = bot(*command, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "--port " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_scene_that_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    scene = tmp_path / "scene.yaml"
    scene.write_text("peeple: []", encoding="utf-8")
    done = bot("sandbox", "--port", "0", "--scene", str(scene))
    assert done.returncode == 2
    assert "peeple" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--arl-mongo", "mongodb://127.0.0.1:1/x"), "--arl-mongo belongs to --engine arl"),
        (("--engine", "arl", "--arl-mongo", "x"), "--arl-mongo takes mongodb://"),
    ],
)
def test_a_wrong_wish_for_the_demo_is_said_in_one_line(words: tuple[str, ...], told: str) -> None:
    done = bot("demo", "--no-browser", "--port", "0", *words)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]


def test_help_names_the_commands() -> None:
    shown = bot("--help").stdout
    assert all(command in shown for command in ("demo", "sandbox", "check", "export", "resend"))


def test_what_a_command_says_is_nothing_that_a_terminal_would_obey(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/d.db"
    done = bot(
        "export", "r1\x1b[2J\x1b]0;owned\x07", "-o", str(tmp_path / "r.xlsx"), DINGRUN_STORE__URL=store
    )
    assert done.returncode == 1
    assert "r1\\x1b[2J" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
