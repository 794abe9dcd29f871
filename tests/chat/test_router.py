"""Test that texts are matched with commands."""

import pytest

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router
from bot.models import MarkdownMessage
from handlers import router


@pytest.mark.parametrize(
    ("text", "word", "rest"),
    [
        ("重跑", "重跑", ""),
        (" 重跑 每日巡检 ", "重跑", "每日巡检"),
        ("重跑每日巡检", "重跑", "每日巡检"),
        ("rerun Weekly Scan", "重跑", "Weekly Scan"),
        ("RERUN", "重跑", ""),
        ("/status", "状态", ""),
        ("last   report Weekly", "最近报告", "Weekly"),
        ("最近报告", "最近报告", ""),
        ("ｈｅｌｐ", "帮助", ""),
        ("？", "帮助", ""),
        ("@李雷 状态", "状态", ""),
        ("重跑：每日巡检。", "重跑", "每日巡检"),
        ("schedules", "计划", ""),
    ],
)
def test_a_command_is_found(text: str, word: str, rest: str) -> None:
    found = router.match(text)
    assert found is not None
    assert (found[0].words[0], found[1]) == (word, rest)


@pytest.mark.parametrize("text", ["", "你好", "rerunning", "helpme", "statuses"])
def test_other_words_are_no_command(text: str) -> None:
    assert router.match(text) is None


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("重泡", "重跑"), ("rerum", "rerun"), ("stauts", "status"), ("最近报表", "最近报告"), ("天气", "")],
)
def test_a_typo_has_a_nearest_command(text: str, nearest: str) -> None:
    assert router.nearest(text) == nearest


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
