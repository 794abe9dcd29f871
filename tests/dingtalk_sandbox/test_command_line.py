"""`dingtalk-sandbox` as a person starts it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

import dingtalk_sandbox
from dingtalk_sandbox.__main__ import main
from tests import ROOT

COMMAND = (sys.executable, "-m", "dingtalk_sandbox")
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def started(*options: str, cwd: Path = ROOT, **environment: str) -> Iterator[list[str]]:
    """Run the command on free ports. Yields its lines up to the one that names the last thing it tells."""
    last = "JAVA_TOOL_OPTIONS" if "--intercept" in options else "Ctrl-C"
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*COMMAND, "--port", "0", "--intercept-port", "0", *options],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        lines: list[str] = []
        while not lines or last not in lines[-1]:
            lines.append(next(process.stdout).rstrip("\n"))
        try:
            yield lines
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def page_of(lines: list[str]) -> str:
    return lines[0].split()[-1]


def test_it_starts_answers_and_stops() -> None:
    with started() as lines, LOCAL.open(f"{page_of(lines)}/healthz", timeout=5) as answer:
        assert json.load(answer) == {"ok": True}


def test_it_continues_a_transcript(tmp_path: Path) -> None:
    saved = tmp_path / "talk.json"
    with started() as lines:
        page = page_of(lines)
        said = {"conversation": "cidSandboxGroupOps==", "user": "user01", "text": "hello"}
        LOCAL.open(f"{page}/_sandbox/say", data=json.dumps(said).encode(), timeout=5).close()
        with LOCAL.open(f"{page}/_sandbox/transcript", timeout=5) as answer:
            saved.write_bytes(answer.read())
    with (
        started("--replay", str(saved)) as lines,
        LOCAL.open(f"{lines[1].split()[-1]}/_sandbox/messages", timeout=5) as answer,
    ):
        assert [message["content"]["text"] for message in json.load(answer)] == ["hello"]


def test_it_tells_what_to_copy_into_the_shell_of_the_bot(tmp_path: Path) -> None:
    with started("--intercept", "--ca-dir", str(tmp_path)) as lines:
        exported = dict(re.findall(r"^export (\w+)='?(.*?)'?$", "\n".join(lines), re.MULTILINE))
    assert exported["SSL_CERT_FILE"] == str(tmp_path / "ca.pem")
    assert exported["HTTPS_PROXY"].startswith("http://127.0.0.1:")
    assert f"-Djavax.net.ssl.trustStore={tmp_path / 'truststore.p12'}" in exported["JAVA_TOOL_OPTIONS"]
    assert exported.keys() >= {"REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"}


def test_another_url_is_told_for_other_containers() -> None:
    with started("--public-url", "http://sandbox:8790/") as lines:
        assert page_of(lines) == "http://sandbox:8790"


def test_it_tells_its_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.split()[-1] == dingtalk_sandbox.__version__


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--scene", "nowhere.yaml"], "nowhere.yaml"),
        (["--replay", "nowhere.json"], "nowhere.json"),
        (["--public-url", "ftp://x"], "http://sandbox:8790"),
        (["--public-url", "http://[x"], "http://sandbox:8790"),
        (["--port", "70000"], "0<=x<=65535"),
        (["--intercept", "--intercept-port", "-1"], "0<=x<=65535"),
        (["--port", "0", "--host", "192.0.2.1"], "--host 192.0.2.1"),
    ],
)
def test_a_wrong_option_says_what_is_accepted(options: list[str], told: str) -> None:
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 2
    assert told in done.output


def test_a_port_of_the_proxy_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = ["--port", "0", "--intercept", "--intercept-port", str(taken.getsockname()[1])]
        done = CliRunner().invoke(main, options)
    assert (done.exit_code, "--intercept-port" in done.output.splitlines()[-1]) == (2, True)


def test_without_the_package_for_certificates_it_says_which_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dingtalk_sandbox.intercept.interceptor", None)
    done = CliRunner().invoke(main, ["--port", "0", "--intercept", "--intercept-port", "0"])
    assert (done.exit_code, "pip install trustme" in done.output) == (2, True)
