"""What the pages show, to whom, over a real socket."""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import timedelta
from typing import Any

import pytest

from bot.chat.permissions import AccessPolicy
from bot.delivery.policy.overrides import Overrides
from bot.errors import TemporaryError
from bot.models import Destination, JobState, Mute, Person, QuotaKind, Run, TaskStatus
from bot.quota.budget import month_of
from bot.reports.link_tokens import LinkPolicy
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.stores.sqlite.retention import SqliteRetention
from bot.web.pages.rendering import HEADERS, answer_html
from tests.conftest import GROUP, TEST_GROUPS, CoreHarness
from tests.factories import make_job, make_schedule
from tests.fakes import FakeEngine
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
    overrides: Overrides = site.core.context.delivery.overrides
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


async def test_a_history_says_where_its_past_ends(site: PageHarness) -> None:
    first = await site.core.finished_run()
    site.core.clock.turn(seconds=60)
    await site.core.finished_run()
    assert "更早的执行过了保留期" not in await site.get("/status/schedules/s1")
    await SqliteRetention(site.core.store).delete_runs([first.id])
    assert "更早的执行过了保留期" in await site.get("/status/schedules/s1")


async def test_the_assets_of_a_run_say_that_they_have_been_deleted(site: PageHarness) -> None:
    run = await site.core.trigger()
    await site.core.finish(found={"site": 1})
    await site.core.store.update_run(run.id, {"assets_deleted": True})
    assert "资产过了保留期" in await site.get(f"/status/runs/{run.id}/assets?kind=site")


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


class EngineWithSites(FakeEngine):
    """An engine whose runs found many sites."""

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        for number in range(120 if kind == "site" else 0):
            yield {"site": f"https://a{number:03}.example", "title": HOSTILE}


@pytest.fixture
async def scanned(core: CoreHarness) -> AsyncIterator[tuple[PageHarness, str]]:
    """A run with sites, and its path."""
    core.engine = EngineWithSites(core.schedule)
    core.build()
    run = await core.trigger()
    await core.finish(found={"site": 120})
    async with page_client(core) as site:
        await site.log_in()
        yield site, f"/status/runs/{run.id}"


async def test_assets_are_searched_and_paged(scanned: tuple[PageHarness, str]) -> None:
    site, path = scanned
    first = await site.get(f"{path}/assets?kind=site")
    assert ("a049.example" in first, "a050.example" in first, "下一页" in first) == (True, False, True)
    assert "a119.example" in await site.get(f"{path}/assets?kind=site&page=3")
    found = await site.get(f"{path}/assets?kind=site&q=A077")
    assert found.count("<tr><td>") == 1
    assert "没有找到" in await site.get(f"{path}/assets?kind=site&q=nothing")


async def test_hostile_assets_and_searches_stay_inert(scanned: tuple[PageHarness, str]) -> None:
    site, path = scanned
    page = await site.get(f"{path}/assets?kind=site&q=%3Cscript%3Ealert")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("query", ["kind=nope", "kind=<script>"])
async def test_kinds_that_were_not_found_have_no_page(scanned: tuple[PageHarness, str], query: str) -> None:
    site, path = scanned
    await site.get(f"{path}/assets?{query}", status=404)


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "٣"])
async def test_odd_page_numbers_are_the_first_page_or_an_empty_one(
    scanned: tuple[PageHarness, str], page: str
) -> None:
    site, path = scanned
    assert "a000.example" in await site.get(f"{path}/assets?kind=site&page={page}")


async def test_a_report_is_downloaded_by_a_link_of_the_session(core: CoreHarness) -> None:
    core.terms = LinkPolicy(public_url="http://x")
    core.build()
    run = await core.finished_run()
    async with page_client(core) as site:
        await site.log_in()
        assert f"/status/runs/{run.id}/report" in await site.get(f"/status/runs/{run.id}")
        answers = [
            await site.client.get(f"/status/runs/{run.id}/report", allow_redirects=False) for _ in range(2)
        ]
    assert {answer.status for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert answers[0].headers["Location"].startswith("http://x/reports/")


async def test_the_latest_report_leads_to_its_run(site: PageHarness) -> None:
    run = await site.core.finished_run()
    answer = await site.client.get("/status/latest", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, f"/status/runs/{run.id}")


async def test_without_a_report_there_is_no_latest_one(site: PageHarness) -> None:
    await site.core.trigger()
    assert "没有报告" in await site.get("/status/latest", status=404)


async def test_without_a_report_there_is_nothing_to_download(site: PageHarness) -> None:
    run = await site.core.trigger()
    assert "没有报告" in await site.get(f"/status/runs/{run.id}/report", status=404)


async def test_a_run_shows_the_end_of_its_log(site: PageHarness) -> None:
    run, expires = await site.core.trigger(), site.core.clock() + timedelta(days=1)
    await site.core.services.external.runs.append_log(
        run.id, f"line 1\n{HOSTILE}", max_bytes=1_000, expires=expires
    )
    page = await site.get(f"/status/runs/{run.id}")
    assert ("line 1" in page, "<script>alert" in page) == (True, False)


async def test_a_long_log_is_shown_from_its_end(site: PageHarness) -> None:
    run, expires = await site.core.trigger(), site.core.clock() + timedelta(days=1)
    log = "the first line\n" + "copied\n" * 5_000 + "the last line"
    await site.core.services.external.runs.append_log(run.id, log, max_bytes=100_000, expires=expires)
    page = await site.get(f"/status/runs/{run.id}")
    assert ("the first line" in page, "the last line" in page) == (False, True)


async def test_a_run_is_shown_while_its_engine_does_not_answer(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await core.finished_run()

    class Away(FakeEngine):
        async def tasks(self, task_ids: Collection[str]) -> Mapping[str, Any]:
            raise TemporaryError("no route to ARL")

    core.engine = Away(core.schedule)
    core.build()
    async with page_client(core) as site:
        await site.log_in()
        page = await site.get(f"/status/runs/{run.id}")
    assert all(word in page for word in ("no route to ARL", "投递与凭据"))


def test_answers_keep_their_lists_and_nothing_else() -> None:
    text = "**重跑** 了\n\n- 一 <b>\n- 二\n\n> 完"
    html = "<p><strong>重跑</strong> 了</p>\n<ul>\n<li>一 &lt;b&gt;</li>\n<li>二</li>\n</ul>\n<p>完</p>"
    assert answer_html(text) == html
    assert answer_html("- 一") == "<ul>\n<li>一</li>\n</ul>"
