"""Test that texts are matched with commands."""

import pytest

from bot.chat.context import Context
from bot.chat.language.vocabulary import Takes
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router
from bot.models import MarkdownMessage
from handlers import router


@pytest.mark.parametrize(
    ("word", "command"),
    [
        ("重跑", "重跑"),
        ("RERUN", "重跑"),
        ("last   report", "最近报告"),
        ("ｈｅｌｐ", "帮助"),
        ("？", "帮助"),
    ],
)
def test_a_command_is_found_by_each_of_its_words(word: str, command: str) -> None:
    found = router.find(word)
    assert found is not None
    assert found.words[0] == command


def test_other_words_are_no_command() -> None:
    assert router.find("你好啊朋友") is None


@pytest.mark.parametrize(
    ("word", "takes"),
    [
        ("重跑", Takes.SCHEDULE),
        ("重发", Takes.RUN),
        ("报告", Takes.SCHEDULE_OR_RUN),
        ("额度", Takes.NOTHING),
        ("静默", Takes.TEXT),
    ],
)
def test_the_parser_knows_what_may_follow_a_command(word: str, takes: Takes) -> None:
    found = router.find(word)
    assert found is not None
    assert found.language.takes is takes


def test_only_commands_that_anybody_may_use_look() -> None:
    acting = {command.name for command in router.commands if command.language.acts}
    assert {"rerun", "stop", "resend"} <= acting
    assert acting.isdisjoint({"status", "help", "last report"})


def test_every_command_has_both_languages() -> None:
    for command in router.commands:
        assert all(command.summary[lang] for lang in ("zh-CN", "en"))
        assert any(word.isascii() for word in command.words)


def test_two_commands_of_one_name_fail_at_start() -> None:
    first, second = Router(), Router()
    for part in (first, second):

        @part.command("重跑", permission=Permission.VIEW, zh="x", en="x")
        async def twice(ctx: Context, request: CommandRequest) -> MarkdownMessage:
            return MarkdownMessage(title="", text="")

    with pytest.raises(ValueError, match="重跑"):
        Router(first, second)


def test_two_buttons_of_one_name_fail_at_start() -> None:
    buttons = Router()
    buttons.buttons = dict(router.buttons)
    with pytest.raises(ValueError, match="rerun"):
        Router(router, buttons)
