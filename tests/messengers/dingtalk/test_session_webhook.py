"""Answers go to DingTalk's hosts, or to those that the settings name, and nowhere else."""

import pytest

from bot.errors import PermanentError
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.session_webhook import is_trusted_session_webhook
from bot.models import MarkdownMessage
from tests.factories import make_message, make_sandbox_app
from tests.messengers.dingtalk.conftest import APP

SANDBOX = make_sandbox_app("http://127.0.0.1:8790")


@pytest.mark.parametrize(
    "address",
    [
        "https://oapi.dingtalk.com/robot/sendBySession?session=s",
        "https://oapi.dingtalk.com:443/robot/sendBySession?session=s",
        "https://OAPI.DingTalk.com/robot/sendBySession?session=s",
        "https://dingtalk.com/x",
    ],
)
def test_an_answer_goes_to_dingtalk(address: str) -> None:
    assert is_trusted_session_webhook(address, APP)


@pytest.mark.parametrize(
    "address",
    [
        "http://oapi.dingtalk.com/robot/sendBySession",
        "https://oapi.dingtalk.com.evil.example/",
        "https://evildingtalk.com/",
        "https://oapi.dingtalk.com@evil.example/",
        "https://evil.example\\@oapi.dingtalk.com/",
        "https://evil.example#.dingtalk.com/",
        "https://oapi.dingtalk.com:8443/",
        "https://127.0.0.1:8790/",
        "http://127.0.0.1:8790/",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://[/",
        "https://oapi.dingtalk.com:port/",
        "https://oapi.dingtalk.com\n.evil.example/",
        "//oapi.dingtalk.com/",
        "nonsense",
    ],
)
def test_an_answer_goes_nowhere_else(address: str) -> None:
    assert not is_trusted_session_webhook(address, APP)


def test_the_hosts_of_the_settings_are_taken_as_they_stand_there() -> None:
    assert is_trusted_session_webhook("http://127.0.0.1:8790/robot/sendBySession?session=s", SANDBOX)
    assert not is_trusted_session_webhook("http://127.0.0.1:8791/robot/sendBySession?session=s", SANDBOX)


async def test_a_reply_that_would_go_elsewhere_is_not_sent(openapi: OpenApiMessenger) -> None:
    message = make_message(session_webhook="https://evil.example/collect")
    with pytest.raises(PermanentError, match="does not belong to DingTalk"):
        await openapi.reply(message, MarkdownMessage(title="t", text="x"))
