"""Log in and out, over a real socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.permissions import AccessPolicy
from bot.errors import TemporaryError
from bot.models import Person
from bot.reports.link_tokens import LinkPolicy
from bot.web.guard import MAX_WRONG_TOKENS
from bot.web.pages.visitors import SECURE_SESSION_COOKIE, SESSION_COOKIE
from tests.conftest import TEST_GROUPS, CoreHarness
from tests.web.web_harness import FakeIdentities, PageHarness, page_client

WHO = Person(id="user01", name="李雷")
PAGES = (
    "/status",
    "/status/latest",
    "/status/runs/r1",
    "/status/runs/r1/assets",
    "/status/runs/r1/report",
    "/status/schedules/s1",
    "/status/deliveries",
    "/status/quota",
    "/status/audit",
)


class SilentIdentities(FakeIdentities):
    """DingTalk while it does not answer."""

    async def identify(self, code: str) -> Person:
        raise TemporaryError("DingTalk does not answer")


@pytest.fixture
async def site(core: CoreHarness) -> AsyncIterator[PageHarness]:
    async with page_client(core) as site:
        yield site


async def login_path(site: PageHarness, cause: str = "m1") -> str:
    return (await site.core.context.people.logins.issue_link(WHO, cause)).url


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
    path = (await core.context.people.logins.issue_link(WHO, "m1")).url.removeprefix(
        "https://run.example.com"
    )
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
    form = await site.form_token()
    await site.client.post("/status/logout", data={"form": form})
    await site.get("/status", status=401)
    (entry,) = await site.core.context.audit.find()
    assert (entry.command, entry.actor.id, entry.address) == ("logout", "user01", "127.0.0.1")


async def test_a_person_without_a_role_sees_nothing(site: PageHarness) -> None:
    await site.log_in("user09")
    assert "没有权限" in await site.get("/status", status=403)


async def test_a_session_has_the_role_of_today(core: CoreHarness) -> None:
    token, _ = await core.context.people.logins.open(WHO)
    core.access_policy = AccessPolicy(admins=("user02",), viewers=("user02",), conversations=TEST_GROUPS)
    core.build()
    async with page_client(core) as site:
        site.client.session.cookie_jar.update_cookies({SESSION_COOKIE: token})
        assert "没有权限" in await site.get("/status", status=403)


async def test_the_language_is_chosen_and_remembered(site: PageHarness) -> None:
    assert "Log in to DingRun" in await site.get("/status?lang=en", status=401)
    await site.log_in()
    assert "Running now" in await site.get("/status?lang=en")
    assert "Running now" in await site.get("/status")
    assert "正在执行" in await site.get("/status?lang=zh-CN")


async def test_inside_dingtalk_a_code_logs_in(core: CoreHarness) -> None:
    async with page_client(core, FakeIdentities({"code1": WHO})) as site:
        answer = await site.client.post("/status/dingtalk", data={"code": "code1"})
        assert (answer.status, answer.url.path) == (200, "/status")
        assert "李雷" in await site.get("/status")
    assert (await core.context.audit.find())[0].actor == WHO


@pytest.mark.parametrize(
    ("code", "origin", "status"),
    [("guess", None, 401), ("", None, 403), ("code1", "https://evil.example", 403)],
)
async def test_other_codes_and_other_sites_log_nobody_in(
    core: CoreHarness, code: str, origin: str | None, status: int
) -> None:
    async with page_client(core, FakeIdentities({"code1": WHO})) as site:
        headers = {"Origin": origin} if origin else {}
        answer = await site.client.post("/status/dingtalk", data={"code": code}, headers=headers)
        assert answer.status == status
        await site.get("/status", status=401)


async def test_guessed_codes_are_braked_before_dingtalk_is_asked(core: CoreHarness) -> None:
    identities = FakeIdentities({})
    async with page_client(core, identities) as site:
        for _ in range(MAX_WRONG_TOKENS + 5):
            answer = await site.client.post("/status/dingtalk", data={"code": "guess"})
    assert (answer.status, identities.asked) == (429, MAX_WRONG_TOKENS)


async def test_while_dingtalk_does_not_answer_links_work(core: CoreHarness) -> None:
    async with page_client(core, SilentIdentities({})) as site:
        for _ in range(MAX_WRONG_TOKENS + 1):
            answer = await site.client.post("/status/dingtalk", data={"code": "code1"})
        assert answer.status == 429
        assert "李雷" in await site.get(await login_path(site))


async def test_without_an_app_no_code_counts(site: PageHarness) -> None:
    assert (await site.client.post("/status/dingtalk", data={"code": "x"})).status == 403
    assert "data-client" not in await site.get("/status", status=401)


async def test_the_script_of_dingtalk_is_served_by_us(core: CoreHarness, tmp_path: Path) -> None:
    copy = tmp_path / "dingtalk.open.js"
    copy.write_text("window.dd = {};")
    await core.say("帮助", corp_id="dingcorp")
    async with page_client(core, FakeIdentities({}), jsapi=str(copy)) as site:
        page = await site.get("/status", status=401)
        expected = ("/status/jsapi.js", 'data-corp="dingcorp"', 'data-client="dingkey"')
        assert all(word in page for word in expected)
        assert await site.get("/status/jsapi.js") == "window.dd = {};"
        copy.unlink()
        await site.get("/status/jsapi.js", status=404)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/status?page=2&lang=zh-CN", "/status?page=2&amp;lang=en"),
        ("/status/audit?q=%E6%9D%8E+%26", "/status/audit?q=%E6%9D%8E+%26&amp;lang=en"),
        ("/status/quota", "/status/quota?lang=en"),
    ],
)
async def test_another_language_shows_the_same_page(site: PageHarness, path: str, other: str) -> None:
    await site.log_in()
    assert f'href="{other}"' in await site.get(path)


async def test_after_a_form_another_language_shows_the_first_page(site: PageHarness) -> None:
    await site.log_in()
    assert 'href="/status?lang=en"' in await site.say_on_page("/status", "rerun")
    assert "每日巡检" in await site.get("/status/act")
