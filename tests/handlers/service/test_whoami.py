"""Test the command `我是谁` / `whoami`."""

from dataclasses import replace

import pytest
import yaml

from bot.chat.permissions import AccessPolicy, AccessRule, Role
from bot.models import Person
from tests.conftest import CoreHarness


@pytest.mark.parametrize("word", ["我是谁", "whoami", "Who am I?"])
async def test_it_tells_the_ids_and_the_role(core: CoreHarness, word: str) -> None:
    answer = await core.say(word, corp_id="dingours", sender_corp_id="dingours")
    assert all(text in answer for text in ("user01", "group:cidA", "dingours", "admin", "access.admins"))


@pytest.mark.parametrize(
    ("person", "conversation", "section"),
    [
        ("user01", "cidA", {"admins": ["user01"]}),
        ("user02", "cidA", {"operators": ["user02"]}),
        ("user03", "cidA", {"operators": ["user03"]}),
        ("user03", "cidNew==", {"operators": ["user03"], "conversations": ["cidNew=="]}),
    ],
)
async def test_its_last_line_can_be_pasted(
    core: CoreHarness, person: str, conversation: str, section: object
) -> None:
    answer = await core.say("我是谁", sender=Person(id=person), conversation_id=conversation)
    assert yaml.safe_load(answer.splitlines()[-1]) == {"access": section}


@pytest.mark.parametrize(
    ("person", "conversation", "hint"),
    [
        ("user02", "cidNew==", "这个会话还没有开通"),
        ("user09", "cidA", "只查看就把 operators 换成 viewers"),
        ("user03", "cidA", "要让你能操作，"),
        ("user02", "cidA", "是这样写的"),
    ],
)
async def test_it_says_what_its_last_line_is_for(
    core: CoreHarness, person: str, conversation: str, hint: str
) -> None:
    core.access_policy = replace(core.access_policy, viewers=("user03",))
    core.build()
    assert hint in await core.say("我是谁", sender=Person(id=person), conversation_id=conversation)


async def test_it_works_in_a_chat_of_a_member_whom_nobody_named(core: CoreHarness) -> None:
    answer = await core.say("我是谁", sender=Person(id="user09"), conversation_id="cidOto", group=False)
    assert "没有权限" in answer
    assert "user:user09" in answer


async def test_it_tells_for_which_schedules_a_role_counts(core: CoreHarness) -> None:
    rule = AccessRule(role=Role.OPERATOR, people=("user03",), schedules=("备份*",))
    core.access_policy = AccessPolicy(rules=(rule,))
    core.build()
    answer = await core.say("我是谁", sender=Person(id="user03"))
    assert "access.rules［0］，只限 备份＊" in answer


async def test_it_tells_outsiders_nothing(core: CoreHarness) -> None:
    assert "cidA" not in await core.say("我是谁", sender=Person(id="", name="外人"))
