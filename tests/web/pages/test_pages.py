"""What the pages show, to whom, over a real socket."""

import re
from collections.abc import AsyncIterator

import pytest

from bot.chat.permissions import AccessPolicy
from bot.delivery.policy.overrides import Overrides
from bot.errors import TemporaryError
from bot.models import Destination, JobState, Mute, Person, QuotaKind, Run, TaskStatus
from bot.quota.budget import month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.web.pages.rendering import HEADERS
from tests.conftest import GROUP, TEST_GROUPS, CoreHarness
from tests.factories import make_job, make_schedule
from tests.web.web_harness import PageHarness, page_client

HOSTILE = "<script>alert(1)</script>\"'\u202e&#60;{{ 7*7 }}"


@pytest.fixture
async def site(core: CoreHarness) -> AsyncIterator[PageHarness]:
    async with page_client(core) as site:
        await site.log_in()
        yield site


async def unconfirmed(core: CoreHarness) -> Run:
    core.messenger.trouble = [None, None, TemporaryError("answer lost", uncertain=True)]
    return await core.finished_run()


async def test_pages_load_nothing_from_elsewhere_and_are_kept_by_nobody(site: PageHarness) -> None:
    answer = await site.client.get("/status")
    assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    page = await answer.text()
    assert not re.search(r"""\s(?:style|on\w+)=|(?:src|href)=["'](?:https?:)?//""", page)


async def test_style_and_script_are_ours_and_cached(site: PageHarness) -> None:
    for path in re.findall(r'(?:src|href)="(/status/static/[^"]+)"', await site.get("/status")):
        answer = await site.client.get(path)
        assert (answer.status, "immutable" in answer.headers["Cache-Control"]) == (200, True)
    await site.get("/status/static/x/app.py", status=404)


async def test_the_first_page_shows_how_each_schedule_stands(site: PageHarness) -> None:
    assert "还没有执行过" in await site.get("/status")
    run = await site.core.finished_run()
    page = await site.get("/status")
    assert all(word in page for word in ("每日巡检", "成功", f"/status/runs/{run.id}", "现在没有正在执行的"))


async def test_the_first_page_shows_what_runs_and_how_far(site: PageHarness) -> None:
    run = await site.core.trigger()
    page = await site.get("/status")
    assert f'<progress max="{len(run.task_ids)}" value="0"' in page
    assert 'data-refresh="5"' in page


async def test_the_first_page_shows_mutes(site: PageHarness) -> None:
    mute = Mute(by=Person(id="user01"), at=site.core.clock())
    overrides: Overrides = site.core.context.overrides
    await overrides.change("s1", lambda each: type(each)(schedule_id="s1", version=each.version, mute=mute))
    assert "下次静默" in await site.get("/status")


async def test_the_first_page_works_while_the_engine_does_not(site: PageHarness) -> None:
    await site.core.trigger()
    site.core.engine.schedule_trouble = TemporaryError("no route to ARL")
    page = await site.get("/status")
    assert "no route to ARL" in page


async def test_a_run_shows_its_tasks_and_its_proof(site: PageHarness) -> None:
    run = await unconfirmed(site.core)
    page = await site.get(f"/status/runs/{run.id}")
    assert all(
        word in page for word in (run.id, "提交任务", "生成报告", "卡片", "message1", "未确认", "answer lost")
    )
    assert all(target in page for target in run.schedule.targets)


async def test_a_failed_run_shows_why(site: PageHarness) -> None:
    run = await site.core.trigger()
    await site.core.finish(status=TaskStatus.ERROR, reason="no answer")
    page = await site.get(f"/status/runs/{run.id}")
    assert all(word in page for word in ("no answer", "重跑失败的", "我来处理"))


async def test_a_run_that_does_not_exist_or_is_hidden_is_not_found(site: PageHarness) -> None:
    run = await site.core.finished_run()
    site.client.session.cookie_jar.clear()
    await site.log_in("user03")
    assert [(await site.client.get(f"/status/runs/{id_}")).status for id_ in ("r0", run.id)] == [403, 403]
    site.client.session.cookie_jar.clear()
    await site.log_in()
    await site.get("/status/runs/r0", status=404)


async def test_a_schedule_shows_its_history_and_settings(site: PageHarness) -> None:
    for _ in range(3):
        await site.core.finished_run()
        site.core.clock.turn(seconds=60)
    page = await site.get("/status/schedules/s1")
    assert page.count("<rect") == 3
    assert all(target in page for target in site.core.schedule.targets)
    await site.get("/status/schedules/s0", status=404)


async def test_deliveries_show_what_did_not_arrive(site: PageHarness) -> None:
    assert "都送到了" in await site.get("/status/deliveries")
    run = await unconfirmed(site.core)
    page = await site.get("/status/deliveries")
    assert all(word in page for word in (f"/status/runs/{run.id}", "answer lost", "重发"))


async def test_new_trouble_is_seen_behind_any_number_of_old_ones(site: PageHarness) -> None:
    for number in range(201):
        old = make_job(id=f"file:old{number}", kind="file", state=JobState.DEAD, payload={"destination": "x"})
        await site.core.store.add_job(old)
    site.core.clock.turn(seconds=60)
    run = await unconfirmed(site.core)
    page = await site.get("/status/deliveries")
    assert f"/status/runs/{run.id}" in page
    assert "还有更早的 2 条没有列出" in page


async def test_the_quota_is_shown_with_its_forecast(site: PageHarness) -> None:
    site.core.budget = type(site.core.budget)(limits={QuotaKind.API: 5000})
    site.core.build()
    await SqliteQuotaStore(site.core.store).add_usage(month_of(site.core.clock()), QuotaKind.API, 4_900)
    async with page_client(site.core) as again:
        await again.log_in()
        page = await again.get("/status/quota")
    assert all(word in page for word in ("4,900", "5,000", "98%", "照这样到月底", "只够用到"))


async def test_the_audit_is_for_admins(site: PageHarness) -> None:
    await site.core.say("状态")
    page = await site.get("/status/audit")
    assert all(word in page for word in ("李雷", "状态", "已受理"))
    assert "没有找到" in await site.get("/status/audit?q=nobody")
    assert "状态" in await site.get("/status/audit?q=user01")
    site.client.session.cookie_jar.clear()
    await site.log_in("user02")
    await site.get("/status/audit", status=403)
    assert "/status/audit" not in await site.get("/status")


async def test_viewers_see_no_buttons(core: CoreHarness) -> None:
    core.access_policy = AccessPolicy(viewers=("user03",), conversations=TEST_GROUPS)
    core.build()
    run = await core.finished_run()
    async with page_client(core) as site:
        await site.log_in("user03")
        for path in ("/status", f"/status/runs/{run.id}", "/status/schedules/s1"):
            assert "/status/act" not in await site.get(path)


async def test_recipients_see_their_schedule_only(core: CoreHarness) -> None:
    mine = make_schedule(id="s2", name="备份", send_to=(Destination.parse("user:user05"),))
    core.engine.known.append(mine)
    core.access_policy = AccessPolicy(named=("user05",), conversations=TEST_GROUPS)
    core.build()
    other = await core.finished_run()
    async with page_client(core) as site:
        await site.log_in("user05")
        page = await site.get("/status")
        assert ("备份" in page, "每日巡检" in page) == (True, False)
        await site.get(f"/status/runs/{other.id}", status=404)
        await site.get("/status/schedules/s1", status=404)


async def test_hostile_names_stay_inert_everywhere(core: CoreHarness) -> None:
    core.schedule = make_schedule(name=HOSTILE, targets=(HOSTILE,), notify_enable=True, send_to=(GROUP,))
    core.engine.known[:] = [core.schedule]
    run = await unconfirmed(core)
    await core.say(f"状态 {HOSTILE}")
    async with page_client(core) as site:
        await site.log_in(name=HOSTILE)
        for path in pages_of(run, core):
            page = await site.get(path)
            assert "<script>alert" not in page, path
            assert "49" not in re.sub(r"\d{4}-\d\d-\d\d[T ]?[\d:.+]*|[\w-]{12,}", "", page), path
            assert "\u202e" not in page, path


def pages_of(run: Run, core: CoreHarness) -> list[str]:
    return [
        "/status",
        f"/status/runs/{run.id}",
        f"/status/schedules/{core.schedule.id}",
        "/status/deliveries",
        "/status/audit",
    ]
