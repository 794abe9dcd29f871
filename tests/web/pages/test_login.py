"""Log in and out, over a real socket."""

from collections.abc import AsyncIterator

import pytest

from bot.models import Person
from bot.reports.link_tokens import LinkPolicy
from bot.web.guard import MAX_WRONG_TOKENS
from bot.web.pages.visitors import SECURE_SESSION_COOKIE, SESSION_COOKIE
from tests.conftest import CoreHarness
from tests.web.web_harness import PageHarness, page_client

WHO = Person(id="user01", name="李雷")
PAGES = (
    "/status",
    "/status/runs/r1",
    "/status/runs/r1/assets",
    "/status/runs/r1/report",
    "/status/schedules/s1",
    "/status/deliveries",
    "/status/quota",
    "/status/audit",
)


@pytest.fixture
async def site(core: CoreHarness) -> AsyncIterator[PageHarness]:
    async with page_client(core) as site:
        yield site


async def login_path(site: PageHarness, cause: str = "m1") -> str:
    return (await site.core.context.logins.issue_link(WHO, cause)).url


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_login_there_is_only_how_to_log_in(site: PageHarness, path: str) -> None:
    await site.core.finished_run()
    page = await site.get(path, status=401)
    assert "登录" in page
    assert "每日巡检" not in page


async def test_opening_a_link_uses_it_up_with_the_button_only(site: PageHarness) -> None:
    path = await login_path(site)
    for _ in range(2):
        assert "李雷" in await site.get(path)
    answer = await site.client.post(path)
    assert (answer.status, str(answer.url.path)) == (200, "/status")
    assert "每日巡检" in await answer.text()
    assert "已经用过" in await site.get(path, status=401)


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(site: PageHarness) -> None:
    answer = await site.client.post(await login_path(site), allow_redirects=False)
    cookie = answer.cookies[SESSION_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")


async def test_under_https_the_cookie_is_bound_to_the_host(core: CoreHarness) -> None:
    core.terms = LinkPolicy(public_url="https://run.example.com")
    core.build()
    path = (await core.context.logins.issue_link(WHO, "m1")).url.removeprefix("https://run.example.com")
    async with page_client(core) as site:
        answer = await site.client.post(path, allow_redirects=False)
    assert answer.cookies[SECURE_SESSION_COOKIE]["secure"]


async def test_a_login_is_in_the_audit_with_its_address(site: PageHarness) -> None:
    await site.client.post(await login_path(site))
    (entry,) = await site.core.context.audit.find()
    assert (entry.actor, entry.command, entry.channel, entry.address) == (WHO, "login", "web", "127.0.0.1")
    assert (await login_path(site))[-64:] not in entry.said


async def test_a_page_of_another_site_logs_nobody_in(site: PageHarness) -> None:
    path = await login_path(site)
    answer = await site.client.post(path, headers={"Origin": "https://evil.example"})
    assert answer.status == 401
    assert "李雷" in await site.get(path)


async def test_who_guesses_links_is_braked(site: PageHarness) -> None:
    for _ in range(MAX_WRONG_TOKENS):
        await site.get("/status/login/" + "0" * 64, status=401)
    await site.get("/status/login/" + "0" * 64, status=429)


async def test_a_person_logs_out(site: PageHarness) -> None:
    await site.log_in()
    form = (await site.get("/status")).partition('name="form" value="')[2].partition('"')[0]
    await site.client.post("/status/logout", data={"form": form})
    await site.get("/status", status=401)


async def test_a_person_who_loses_the_role_sees_nothing(site: PageHarness) -> None:
    await site.log_in("user09")
    assert "没有权限" in await site.get("/status", status=403)


async def test_the_language_is_chosen_and_remembered(site: PageHarness) -> None:
    assert "Log in to DingRun" in await site.get("/status?lang=en", status=401)
    await site.log_in()
    assert "Running now" in await site.get("/status?lang=en")
    assert "Running now" in await site.get("/status")
    assert "正在执行" in await site.get("/status?lang=zh-CN")
