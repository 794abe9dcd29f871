"""Test the command `审计` / `audit`."""

import pytest

from bot.chat.permissions import AccessPolicy
from bot.models import AuditChannel, AuditEntry, AuditOutcome, Person
from tests.conftest import CoreHarness
from tests.factories import make_audit_entry, make_schedule

HAN = Person(id="user02", name="韩梅梅")


async def test_the_newest_requests_are_listed_with_who_and_outcome(core: CoreHarness) -> None:
    await core.say("重跑", title="运维群")
    await core.say("凭据 r0", sender=HAN)
    lines = [line for line in (await core.say("审计")).splitlines() if line.startswith("- ")]
    assert "韩梅梅 说 凭据 r0：**没有执行**" in lines[0]
    assert "李雷（运维群）说 重跑，计划 每日巡检：**已受理**" in lines[1]


@pytest.mark.parametrize("name", ["韩梅梅", "user02"])
async def test_the_requests_of_a_person_are_listed(core: CoreHarness, name: str) -> None:
    await core.say("状态", sender=HAN)
    await core.say("额度")
    answer = await core.say(f"审计 {name}")
    assert "状态" in answer
    assert "额度" not in answer


@pytest.mark.parametrize("name", ["每日巡检", "巡检", "s1"])
async def test_the_requests_about_a_schedule_are_listed(core: CoreHarness, name: str) -> None:
    core.engine.known.append(make_schedule(id="s2", name="周扫描"))
    await core.say("重跑 每日巡检")
    await core.say("重跑 周扫描", sender=HAN)
    answer = await core.say(f"审计 {name}")
    assert "李雷" in answer
    assert "韩梅梅" not in answer


async def test_a_schedule_that_is_gone_is_found_by_its_whole_name(core: CoreHarness) -> None:
    await core.audit.record(make_audit_entry(schedule_id="s9", schedule_name="旧扫描", said="停止 旧扫描"))
    assert "停止 旧扫描" in await core.say("审计 旧扫描")


async def test_an_unknown_name_is_said_with_the_nearest(core: CoreHarness) -> None:
    assert "每日巡检" in await core.say("审计 每日训检")


async def test_a_number_shows_all_of_an_entry(core: CoreHarness) -> None:
    await core.say("重跑", title="运维群", corp_id="dingcorp")
    await core.say("审计")
    answer = await core.say("1")
    assert all(
        word in answer for word in ("user01", "dingcorp", "group:cidA", "理解为：重跑", "s1", "已受理")
    )


async def test_a_refused_download_says_what_was_refused(core: CoreHarness) -> None:
    await core.audit.record(
        AuditEntry(
            id="web:1",
            at=core.clock(),
            channel=AuditChannel.WEB,
            command="download",
            run_id="r1",
            allowed=False,
            rule="link expired",
            outcome=AuditOutcome.REFUSED,
        )
    )
    assert "网页 download，执行 r1：**不允许**" in await core.say("审计")


async def test_without_an_entry_it_says_so(core: CoreHarness) -> None:
    assert "还没有" in await core.say("审计")


async def test_only_admins_see_it(core: CoreHarness) -> None:
    core.access_policy = AccessPolicy(operators=("manager01",))
    core.build()
    await core.audit.record(make_audit_entry(said="停止 旧扫描"))
    assert "停止" not in await core.say("审计")


async def test_words_of_strangers_are_escaped(core: CoreHarness) -> None:
    hostile = "[点我](http://evil.example) @all **x**"
    await core.audit.record(make_audit_entry(said=hostile, actor=Person(id="", name=hostile)))
    answer = await core.say("审计")
    assert "](http" not in answer
    assert "@all" not in answer
