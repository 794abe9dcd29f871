"""One line per record, and no secret in it, whoever wrote it."""

import io
import logging
from collections.abc import Iterator

import pytest

from bot.log import LOUD, configure


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("INFO", secrets=["app-secret-1", "ab", ""], stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize(
    "text",
    [
        "POST https://oapi.dingtalk.com/robot/send?access_token=HIDDEN&timestamp=1",
        "connect wss://x/connect?ticket=HIDDEN",
        "reply https://oapi.dingtalk.com/robot/sendBySession?session=HIDDEN failed",
        "{'endpoint': 'wss://x', 'ticket': 'HIDDEN'}",
        '{"accessToken":"HIDDEN","expireIn":7200}',
        "x-acs-dingtalk-access-token: HIDDEN",
        "the key is app-secret-1",
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
    logging.getLogger("bot.jobs").info("job %s done", "card:r1")
    line = logged.getvalue()
    assert line.endswith("INFO    bot.jobs: job card:r1 done\n")
    assert line.count("\n") == 1


@pytest.mark.parametrize("name", LOUD)
def test_the_packages_we_use_are_calm(logged: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("chatter")
    assert logged.getvalue() == ""
