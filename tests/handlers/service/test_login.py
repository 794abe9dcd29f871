"""`登录` and `登出`."""

import re

import pytest

from bot.models import Person
from bot.reports.link_tokens import LinkPolicy
from tests.conftest import CoreHarness

PRIVATE = {"group": False, "conversation_id": "cidPrivate"}
LINK = re.compile(r"http://x/status/login/(\w+)")


@pytest.fixture
def pages(core: CoreHarness) -> CoreHarness:
    core.terms = LinkPolicy(public_url="http://x")
    core.build()
    return core


async def test_a_link_is_given_in_the_one_to_one_chat(pages: CoreHarness) -> None:
    found = LINK.search(await pages.say("登录", **PRIVATE))
    assert found is not None
    assert await pages.context.people.logins.find_person(found[1]) == Person(id="user01", name="李雷")


async def test_the_list_of_chats_shows_no_link(pages: CoreHarness) -> None:
    answer = await pages.say("登录", **PRIVATE)
    assert "http" not in answer.partition("\n")[0]  # the title of the message


async def test_a_group_gets_no_link(pages: CoreHarness) -> None:
    answer = await pages.say("登录")
    assert "单聊" in answer
    assert not LINK.search(answer)


async def test_somebody_without_a_role_gets_no_link(pages: CoreHarness) -> None:
    answer = await pages.say("登录", **PRIVATE, sender=Person(id="user09", name="韩梅梅"))
    assert "access" in answer
    assert not LINK.search(answer)


async def test_without_pages_it_says_what_is_missing(core: CoreHarness) -> None:
    assert "web.public_url" in await core.say("login", **PRIVATE)


async def test_logout_ends_every_login_of_the_person(pages: CoreHarness) -> None:
    token, _ = await pages.context.people.logins.open(Person(id="user01"))
    assert "1 个" in await pages.say("登出")
    assert await pages.context.people.logins.find_session(token) is None
    assert "没有" in await pages.say("logout")
