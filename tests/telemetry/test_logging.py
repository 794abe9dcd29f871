"""One line per record, and no secret in it, whoever wrote it."""

import asyncio
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace

import pytest

from bot.telemetry.logging import (
    NOISY_LOGGERS,
    configure,
    fields,
    for_terminal,
    guard_last_words,
    log_context,
)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    loud = {
        name: (logging.getLogger(name).filters[:], logging.getLogger(name).level) for name in NOISY_LOGGERS
    }
    stream = io.StringIO()
    configure("INFO", secrets=["app-secret-1", "ab", ""], stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    for name, (filters, own) in loud.items():
        logging.getLogger(name).filters[:] = filters
        logging.getLogger(name).setLevel(own)


@pytest.mark.parametrize(
    "text",
    [
        "POST https://oapi.dingtalk.com/robot/send?access_token=HIDDEN&timestamp=1",
        "connect wss://x/connect?ticket=HIDDEN",
        "reply https://oapi.dingtalk.com/robot/sendBySession?session=HIDDEN failed",
        "{'endpoint': 'wss://x', 'ticket': 'HIDDEN'}",
        '{"accessToken":"HIDDEN","expireIn":7200}',
        "x-acs-dingtalk-access-token: HIDDEN",
        "{'x-acs-dingtalk-access-token': 'HIDDEN'}",
        '{"data":"{\\"ticket\\":\\"HIDDEN\\"}"}',
        '{"clientId":"k","clientSecret":"HIDDEN"}',
        "/gettoken?appkey=k&appsecret=HIDDEN",
        "DINGRUN_DINGDING__APP_SECRET=HIDDEN",
        "the key is app-secret-1",
        "redis://:HIDDEN@127.0.0.1/0 does not answer",
        "mongodb://me:HIDDEN@host/db?x=1",
    ],
)
def test_what_looks_like_a_secret_is_starred(logged: io.StringIO, text: str) -> None:
    logging.getLogger("anybody").warning("%s", text)
    assert "HIDDEN" not in logged.getvalue()
    assert "app-secret-1" not in logged.getvalue()
    assert "***" in logged.getvalue()


def test_a_signing_secret_is_starred(logged: io.StringIO) -> None:
    logging.getLogger("anybody").warning("SEC%s", "0123456789abcdef" * 4)
    assert "0123456789abcdef" not in logged.getvalue()


def test_a_line_tells_when_how_bad_who_and_what(logged: io.StringIO) -> None:
    logging.getLogger("bot.jobs.queue").info("job %s done", "card:r1")
    line = logged.getvalue()
    assert line.endswith("INFO    bot.jobs.queue: job card:r1 done\n")
    assert line.count("\n") == 1


def test_what_only_resembles_a_secret_is_left_alone(logged: io.StringIO) -> None:
    logging.getLogger("anybody").warning("design=new, session.expired, 2 tickets, absent")
    assert logged.getvalue().endswith("design=new, session.expired, 2 tickets, absent\n")


def test_ids_stand_at_the_end_of_what_is_logged_about_them(logged: io.StringIO) -> None:
    with log_context(run="r1"):
        with log_context(job="card:r1", message=""):
            logging.getLogger("bot.jobs.queue").info("inside")
        logging.getLogger("bot.jobs.queue").info("between")
    logging.getLogger("bot.jobs.queue").info("outside")
    ends = [line.partition("bot.jobs.queue: ")[2] for line in logged.getvalue().splitlines()]
    assert ends == ["inside [run=r1 job=card:r1]", "between [run=r1]", "outside"]


async def test_tasks_started_inside_have_the_ids_too(logged: io.StringIO) -> None:
    async def work() -> None:
        logging.getLogger("bot.jobs.queue").info("worked")

    with log_context(message="msg1"):
        task = asyncio.create_task(work())
    await task
    assert logged.getvalue().endswith("worked [message=msg1]\n")


def test_text_from_outside_cannot_forge_a_line(logged: io.StringIO) -> None:
    logging.getLogger("bot").info("said %s", "重跑\u3000a\n2026 ERROR forged\x1b[2J\u202e")
    assert logged.getvalue().endswith("said 重跑\u3000a\\n2026 ERROR forged\\x1b[2J\\u202e\n")


def fail(why: str) -> None:
    raise ValueError(why)


def test_a_traceback_stands_indented_below_its_line_and_holds_no_secret(logged: io.StringIO) -> None:
    try:
        fail("a\n2026 ERROR forged access_token=HIDDEN")
    except ValueError:
        logging.getLogger("bot").exception("failed")
    first, *below = logged.getvalue().splitlines()
    assert first.endswith("ERROR   bot: failed")
    assert all(line.startswith("    ") for line in below)
    assert "HIDDEN" not in logged.getvalue()


def test_a_package_that_sets_up_its_own_logging_later_is_overruled(logged: io.StringIO) -> None:
    own, package = io.StringIO(), logging.getLogger("darabonba-core")
    package.setLevel(logging.DEBUG)
    package.addHandler(logging.StreamHandler(own))
    package.info("chatter")
    package.warning("access_token=HIDDEN")
    assert own.getvalue() == ""
    assert logged.getvalue().endswith("WARNING darabonba-core: access_token=***\n")


@pytest.mark.parametrize("name", NOISY_LOGGERS)
def test_the_packages_we_use_are_calm(logged: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("chatter")
    assert logged.getvalue() == ""


ESCAPES = "a\x1b]0;title\x07 \x1b[2J b\r\x9b31m \u202ec \x7f"


def test_a_terminal_is_told_no_secret_and_nothing_that_it_would_obey(logged: io.StringIO) -> None:
    said = for_terminal(f"the key is app-secret-1\n{ESCAPES}\n访问 access_token=HIDDEN")
    first, second, third = said.split("\n")
    assert (first, third) == ("the key is ***", "访问 access_token=***")
    assert second.isprintable()
    assert "\\x1b[2J" in second


def test_before_the_settings_are_read_a_terminal_is_told_no_secret_either() -> None:
    assert for_terminal("redis://:HIDDEN@h/0 \x1b[2J") == "redis://:***@h/0 \\x1b[2J"


def test_our_own_examples_stay_readable() -> None:
    example = "takes redis://[:PASSWORD@]HOST or amqp://[USER:PASSWORD@]HOST"
    assert for_terminal(example) == example


@pytest.fixture
def hooks() -> Iterator[None]:
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    guard_last_words()
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = before


@pytest.mark.usefixtures("hooks")
def test_the_last_traceback_of_process_and_thread_keeps_secrets(
    logged: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    error = RuntimeError(f"app-secret-1 access_token=HIDDEN {ESCAPES}")
    args = SimpleNamespace(exc_type=RuntimeError, exc_value=error, exc_traceback=None, thread=None)
    sys.excepthook(RuntimeError, error, None)
    for hook in (threading.excepthook, sys.unraisablehook):
        hook(args)  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert said.count("RuntimeError: *** access_token=***") == 3
    assert all(line.isprintable() for line in said.splitlines())


def test_a_stack_stands_below_its_record(logged: io.StringIO) -> None:
    logging.getLogger("bot").warning("here", stack_info=True)
    assert all(line.startswith("    ") for line in logged.getvalue().splitlines()[1:])


@pytest.fixture
def as_json(logged: io.StringIO) -> io.StringIO:
    stream = io.StringIO()
    configure("INFO", secrets=['app-"secret"-1'], stream=stream, as_json=True)
    return stream


def test_a_json_line_has_ids_and_fields_of_their_own(as_json: io.StringIO) -> None:
    with log_context(run="r1"):
        logging.getLogger("bot.jobs.queue").info(
            "job %s done", "card:r1", extra=fields(kind="card", outcome="done", ms=12)
        )
    (line,) = as_json.getvalue().splitlines()
    entry = json.loads(line)
    assert datetime.fromisoformat(entry.pop("time")).tzinfo
    assert entry == {
        "level": "INFO",
        "logger": "bot.jobs.queue",
        "message": "job card:r1 done",
        "run": "r1",
        "kind": "card",
        "outcome": "done",
        "ms": 12,
    }


def test_a_json_line_has_no_secret_and_stays_one_line(as_json: io.StringIO) -> None:
    try:
        fail('a\n2026 ERROR forged access_token=HIDDEN app-"secret"-1')
    except ValueError:
        logging.getLogger("bot").exception(
            "the key is %s", 'app-"secret"-1', extra=fields(key='app-"secret"-1')
        )
    (line,) = as_json.getvalue().splitlines()
    assert "HIDDEN" not in line
    assert 'secret\\"-1' not in line
    entry = json.loads(line)
    assert (entry["message"], entry["key"]) == ("the key is ***", "***")
    assert "ValueError" in entry["error"]


def test_fields_do_not_change_what_people_read(logged: io.StringIO) -> None:
    logging.getLogger("bot").info("job done", extra=fields(kind="card"))
    assert logged.getvalue().endswith("bot: job done\n")
