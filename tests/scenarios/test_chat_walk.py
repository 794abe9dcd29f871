"""The chat as a newcomer, a viewer, two operators and an admin meet it, in both languages, in a browser."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml
from playwright.async_api import Browser, Locator, Page, expect

from bot.cli.demo.sample_sites import SampleSites
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.scenario import Person, Scenario, default_scenario
from tests.browser import IN_BROWSER, beside_page, browser
from tests.scenarios.conftest import Chat, Json, Service, service_on, settings, until

__all__ = ["browser"]  # fixture

pytestmark = IN_BROWSER

SOON = 30_000  # ms, on a busy machine
ADMIN, OPERATOR, VIEWER, OUTSIDER = "manager01", "user01", "user02", "outsider01"
SECOND, NEWCOMER = Person(id="user03", name="赵强"), Person(id="user04", name="孙悦")
WORDS: Mapping[str, Mapping[str, str]] = yaml.safe_load(
    Path(__file__).with_name("chat_walk.yaml").read_text(encoding="utf-8")
)
"""What is said and what is read, by language."""
LANGUAGES = ("zh-CN", "en")


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A group in which a service answers in one language."""

    lang: str
    url: str

    def __getitem__(self, name: str) -> str:
        return WORDS[name][self.lang]


@dataclass(frozen=True, kw_only=True)
class Screen:
    """The page of the group, and the people who speak on it."""

    page: Page

    def messages(self, kind: str) -> Locator:
        return self.page.locator(f"[data-testid=message][data-kind={kind}]")

    def card(self, schedule: str, text: str) -> Locator:
        return self.messages("card").filter(has_text=schedule).filter(has_text=text).last

    async def speak_as(self, user: str) -> None:
        await self.page.get_by_test_id("speak-as").select_option(user)

    async def say(self, user: str, text: str, read: str) -> str:
        """Say something in the group, and return the answer, which has what is to be read."""
        await self.speak_as(user)
        answers = await self.messages("markdown").count()
        await self.page.get_by_test_id("composer").fill(f"@DingRun {text}")
        await self.page.get_by_test_id("composer").press("Enter")
        await expect(self.messages("markdown")).to_have_count(answers + 1, timeout=SOON)
        await expect(self.messages("markdown").last).to_contain_text(read)
        return await self.messages("markdown").last.inner_text()


def scenario() -> Scenario:
    default = default_scenario()
    people = (*default.people, SECOND, NEWCOMER)
    group = replace(default.groups[0], members=tuple(person.id for person in people))
    return replace(default, people=people, groups=(group,))


def walked(sandbox: Sandbox, sites: SampleSites, lang: str) -> Json:
    """The settings of the service, with a role for all but the newcomer."""
    values = settings(sandbox, sites.targets)
    words = {name: texts[lang] for name, texts in WORDS.items()}
    (check,) = values["schedules"]
    check["name"] = words["check"]
    slow = check | {"name": words["slow"], "targets": ["192.0.2.0/24"], "export": False}
    release = check | {"name": words["release"], "targets": sites.targets[:1]}
    return values | {
        "lang": lang,
        "schedules": [check, release, slow],
        "access": {
            "admins": [ADMIN],
            "operators": [OPERATOR, SECOND.id],
            "viewers": [VIEWER],
            "protected": {words["release"]: "two_person"},
        },
        "notify": {"start_notice": {words["slow"]: "card"}},
    }


async def connected(service: Service, sandbox: Sandbox) -> None:
    await service.start()
    async with aiohttp.ClientSession() as session:
        await until(Chat(sandbox, session).connected)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=LANGUAGES)
async def walk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Walk]:
    """One service per language, for all tests of this file, which follow each other."""
    lang = str(request.param)
    async with Sandbox(scenario=scenario()) as sandbox, SampleSites() as sites:
        service = service_on(walked(sandbox, sites, lang), tmp_path_factory.mktemp("walk"))
        await connected(service, sandbox)
        yield Walk(lang=lang, url=sandbox.url)
        assert await service.end() == 0


@beside_page
async def screen(browser: Browser, walk: Walk) -> AsyncIterator[Screen]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale=walk.lang)
    page = await context.new_page()
    await page.goto(walk.url)
    await page.get_by_test_id("conversation").first.click()
    yield Screen(page=page)
    await context.close()


async def test_a_newcomer_reads_whom_to_ask_for_what(walk: Walk, screen: Screen) -> None:
    assert "access: {viewers: [user04]}" in await screen.say(
        NEWCOMER.id, walk["status"], walk["may not view"]
    )
    answer = await screen.say(NEWCOMER.id, walk["help"], walk["no role"])
    assert walk["rerun"] not in answer
    await screen.say(OUTSIDER, walk["help"], walk["outsider"])


async def test_a_viewer_looks_and_is_told_why_nothing_starts(walk: Walk, screen: Screen) -> None:
    assert walk["schedules"] in await screen.say(VIEWER, walk["status"], walk["nothing yet"])
    assert walk["rerun"] not in await screen.say(VIEWER, walk["help"], walk["schedules"])
    refusal = await screen.say(VIEWER, f"{walk['rerun']} {walk['check']}", walk["may not act"])
    assert "access: {operators: [user02]}" in refusal


async def test_an_unsure_question_is_asked_back_and_a_no_is_a_no(walk: Walk, screen: Screen) -> None:
    await screen.say(OPERATOR, walk["unsure"], walk["asked"])
    await screen.say(OPERATOR, "2", walk["cancelled"])
    await screen.say(OPERATOR, "7", walk["no number"])
    await screen.say(OPERATOR, walk["thanks"], walk["welcome"])


async def test_a_card_follows_and_tells_a_viewer_alone_what_is_missing(walk: Walk, screen: Screen) -> None:
    await screen.say(OPERATOR, walk["unsure"], walk["asked"])
    await screen.say(OPERATOR, "1", walk["started"])
    card = screen.card(walk["check"], walk["succeeded"])
    await expect(card).to_be_visible(timeout=SOON)
    for user, helped, missing in (
        (VIEWER, walk["schedules"], walk["may not act"]),
        (NEWCOMER.id, walk["no role"], "access.operators"),
    ):
        await screen.say(user, walk["help"], helped)  # only people who have spoken are known
        await card.locator("[data-testid=card-button][data-action=rerun]").click()
        await expect(card.get_by_test_id("private")).to_contain_text(missing, ignore_case=True)


async def test_a_second_operator_agrees(walk: Walk, screen: Screen) -> None:
    await screen.say(OPERATOR, f"{walk['rerun']} {walk['release']}", walk["second person"])
    await screen.say(OPERATOR, walk["agree"], walk["yourself"])
    await screen.say(SECOND.id, walk["agree"], walk["release"])
    await expect(screen.card(walk["release"], walk["agreed"])).to_be_visible(timeout=SOON)


async def test_a_run_is_stopped_and_its_card_says_by_whom(walk: Walk, screen: Screen) -> None:
    await screen.say(OPERATOR, f"{walk['rerun']} {walk['slow']}", walk["started"])
    running = screen.card(walk["slow"], walk["running"])
    await expect(running).to_contain_text(f"{walk['stop']} {walk['slow']}", timeout=SOON)
    await screen.say(OPERATOR, walk["stop"], walk["stop?"])
    await screen.say(OPERATOR, "1", walk["slow"])
    await expect(screen.card(walk["slow"], "李雷")).to_contain_text(walk["stopped"], timeout=SOON)


async def test_a_schedule_is_muted_by_a_number(walk: Walk, screen: Screen) -> None:
    await screen.say(OPERATOR, f"{walk['mute']} {walk['check']}", walk["how long"])
    await screen.say(OPERATOR, "1", walk["muted"])
    await screen.say(VIEWER, f"{walk['schedules']} {walk['check']}", walk["muted"])


async def test_an_admin_reads_who_was_refused_in_one_language(walk: Walk, screen: Screen) -> None:
    await screen.say(VIEWER, f"{walk['mute']} {walk['check']} 2h", walk["may not act"])
    await screen.say(VIEWER, walk["hello"], walk["greeted"])
    answer = await screen.say(ADMIN, walk["audit"], walk["refused"])
    (other,) = set(LANGUAGES) - {walk.lang}
    assert not [word for word in ("mute", "rerun", "help") if WORDS[word][other] in answer]
