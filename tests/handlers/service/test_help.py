"""Test the command `帮助` / `help`."""

import pytest

from bot.chat.permissions import AccessPolicy, AccessRule, Permission, Role
from bot.models import Person
from handlers import router
from handlers.service.help import OFFERED, describe
from tests.conftest import CoreHarness


def names_in(answer: str, *permissions: Permission) -> list[bool]:
    """Return whether each command with one of these permissions is in an answer."""
    return [
        f"**{command.words[0]}" in answer for command in router.commands if command.permission in permissions
    ]


def test_english_help_shows_english_arguments() -> None:
    shown = describe(router.commands, "en")
    assert any(command["usage"] for command in shown)
    for command in shown:
        assert f"{command['usage']}{command['summary']}".isascii()


@pytest.mark.parametrize("word", ["帮助", "help", "?"])
async def test_help_shows_an_admin_every_command_in_both_languages(core: CoreHarness, word: str) -> None:
    answer = await core.say(word)
    for command in router.commands:
        assert all(name in answer for name in command.words[:2])


async def test_help_shows_an_operator_what_operators_may_do(core: CoreHarness) -> None:
    answer = await core.say("帮助", sender=Person(id="user02"))
    assert all(names_in(answer, Permission.VIEW, Permission.OPERATE, Permission.IDENTIFY))
    assert not any(names_in(answer, Permission.ADMIN))


async def test_help_shows_a_viewer_what_viewers_may_do(core: CoreHarness) -> None:
    answer = await core.say("帮助", sender=Person(id="user03"))
    assert all(names_in(answer, Permission.VIEW, Permission.IDENTIFY))
    assert not any(names_in(answer, Permission.OPERATE, Permission.ADMIN))


async def test_help_says_elsewhere_how_to_ask_for_access(core: CoreHarness) -> None:
    answer = await core.say("帮助", conversation_id="cidUnknown")
    assert all(names_in(answer, Permission.IDENTIFY))
    assert not any(names_in(answer, Permission.VIEW, Permission.OPERATE, Permission.ADMIN))
    assert "我是谁" in answer


async def test_an_operator_of_one_schedule_is_shown_what_operators_may_do(core: CoreHarness) -> None:
    rule = AccessRule(role=Role.OPERATOR, people=("user03",), schedules=("备份*",))
    core.access_policy = AccessPolicy(rules=(rule,))
    core.build()
    assert all(names_in(await core.say("帮助", sender=Person(id="user03")), Permission.OPERATE))


@pytest.mark.parametrize(("who", "is_named"), [("user02", True), ("user03", False)])
async def test_a_greeting_gets_a_short_answer_with_what_the_person_may_do(
    core: CoreHarness, who: str, is_named: bool
) -> None:
    answer = await core.say("你好！", sender=Person(id=who, name="李雷"))
    assert answer.startswith("你好，李雷。")
    assert len(answer.splitlines()) == 1
    assert ("重跑" in answer) is is_named


async def test_help_offers_what_only_shows_something_as_buttons(core: CoreHarness) -> None:
    await core.say("帮助")
    assert set(core.messenger.answers[-1].suggestions) == OFFERED


async def test_help_offers_nothing_that_the_person_may_not_do(core: CoreHarness) -> None:
    await core.say("帮助", sender=Person(id="user09"), group=False, conversation_id="cidOto")
    assert core.messenger.answers[-1].suggestions == ("我是谁",)
