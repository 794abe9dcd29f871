"""Links as people get them: one per cause, until they are over or called back."""

from datetime import timedelta

import pytest

from bot.reports.downloads import MAX_AGENT_CHARACTERS, RESUME_WINDOW, DownloadLog, HttpClient
from bot.reports.link_tokens import LinkPolicy, read_token, rejection_reason
from bot.reports.links import InvalidLinkError, ReportLinks
from bot.stores.sqlite.links import SqliteLinks
from bot.stores.sqlite.store import SqliteStore
from tests.factories import make_link, make_report
from tests.fakes import FakeClock

TERMS = LinkPolicy(public_url="https://run.example.com", ttl=timedelta(hours=1), max_downloads=2)
REPORT = make_report()
CURL = HttpClient.from_headers("192.0.2.7", "curl/8.5.0")


@pytest.fixture
def links(store: SqliteStore, clock: FakeClock) -> ReportLinks:
    return ReportLinks(SqliteLinks(store), TERMS, clock=clock)


@pytest.fixture
def audit(store: SqliteStore, clock: FakeClock) -> DownloadLog:
    return DownloadLog(SqliteLinks(store), clock=clock)


async def url(links: ReportLinks, cause: str = "job1") -> str:
    link = await links.issue(REPORT, cause=cause)
    assert link is not None
    return link.url


def token(url: str) -> str:
    return url.rpartition("/")[2]


async def test_a_link_leads_to_its_report(links: ReportLinks, clock: FakeClock) -> None:
    link = await links.issue(REPORT, cause="job1")
    assert link is not None
    assert link.url.startswith("https://run.example.com/reports/l")
    assert (link.expires_at, link.max_downloads) == (clock() + timedelta(hours=1), 2)
    grant = await links.find(token(link.url))
    assert (grant.run_id, grant.sha256) == (REPORT.run_id, REPORT.sha256)


async def test_the_same_cause_gets_the_same_link(links: ReportLinks, clock: FakeClock) -> None:
    first = await url(links)
    clock.turn(seconds=60)
    assert await url(links) == first
    assert await url(links, "job2") != first


async def test_an_invalid_link_is_replaced_by_a_new_one(links: ReportLinks, clock: FakeClock) -> None:
    first = await url(links)
    clock.turn(seconds=3600)
    assert await url(links) != first
    assert rejection_reason(await links.find(token(first)), clock()) == "expired"


async def test_a_new_report_has_a_link_of_its_own(links: ReportLinks) -> None:
    first = await url(links)
    link = await links.issue(make_report(sha256="1" * 64), cause="job1")
    assert link is not None
    assert link.url != first


async def test_a_revoked_link_does_not_come_back_by_a_repeat(links: ReportLinks, clock: FakeClock) -> None:
    first = await url(links)
    assert await links.has_valid_link(REPORT.run_id)
    assert await links.revoke(REPORT.run_id) == 1
    assert not await links.has_valid_link(REPORT.run_id)
    assert await links.issue(REPORT, cause="job1") is None
    assert rejection_reason(await links.find(token(first)), clock()) == "revoked"
    assert await links.issue(REPORT, cause="job2")


async def test_without_a_public_address_there_are_no_links(store: SqliteStore, clock: FakeClock) -> None:
    links = ReportLinks(SqliteLinks(store), LinkPolicy(), clock=clock)
    assert not links.enabled
    assert await links.issue(REPORT, cause="job1") is None


async def test_two_bots_know_each_others_links(store: SqliteStore, clock: FakeClock) -> None:
    one, two = (ReportLinks(SqliteLinks(store), TERMS, clock=clock) for _ in range(2))
    assert (await two.find(token(await url(one)))).idempotency_key == "job1"


async def test_links_are_signed_with_a_key_of_the_store(links: ReportLinks, store: SqliteStore) -> None:
    await SqliteLinks(store).signing_key("the first one")
    issued = token(await url(links))
    assert read_token(issued, "the first one") is not None
    assert read_token(issued, "") is None


async def test_a_link_tells_why_it_is_invalid(links: ReportLinks, clock: FakeClock) -> None:
    link = await links.find(token(await url(links)))
    assert links.rejection_reason(link) == ""
    clock.turn(seconds=3600)
    assert links.rejection_reason(link) == "expired"


async def test_the_link_of_a_cause_is_found_among_many(
    links: ReportLinks, store: SqliteStore, clock: FakeClock
) -> None:
    """The default of a search is 100, and a report in a busy group has more links than that."""
    first = await url(links)
    for number in range(101):
        later = clock() + timedelta(seconds=number + 1)
        await SqliteLinks(store).add_link(
            make_link(id=f"l{number}", made_at=later, expires_at=later, revoked_at=later)
        )
    clock.turn(seconds=200)
    assert await url(links) == first
    assert await links.has_valid_link(REPORT.run_id)


async def test_a_key_of_the_settings_wins(store: SqliteStore, clock: FakeClock) -> None:
    own = ReportLinks(SqliteLinks(store), TERMS, clock=clock, key="a key of the settings")
    other = ReportLinks(SqliteLinks(store), TERMS, clock=clock)
    with pytest.raises(InvalidLinkError, match=r": forged$"):
        await other.find(token(await url(own)))


async def test_a_link_that_the_store_does_not_know_is_invalid(links: ReportLinks, store: SqliteStore) -> None:
    first = await url(links)
    await store.rows("delete from links")
    with pytest.raises(InvalidLinkError, match=r": unknown$"):
        await links.find(token(first))


async def test_only_the_client_that_began_may_resume_and_for_an_hour(
    links: ReportLinks, audit: DownloadLog, clock: FakeClock
) -> None:
    grant = await links.find(token(await url(links)))
    assert not await audit.resume(grant, CURL)
    begun = await audit.start(grant, CURL)
    assert await audit.resume(grant, CURL) == begun
    assert not await audit.resume(grant, HttpClient.from_headers("192.0.2.8", "curl/8.5.0"))
    assert not await audit.resume(make_link(), CURL)
    clock.turn(seconds=RESUME_WINDOW.total_seconds() + 1)
    assert not await audit.resume(grant, CURL)


async def test_an_end_that_cannot_be_stored_is_no_failure(
    links: ReportLinks, audit: DownloadLog, store: SqliteStore
) -> None:
    grant = await links.find(token(await url(links)))
    begun = await audit.start(grant, CURL)
    await store.close()
    await audit.finish(grant, begun)


async def test_downloads_are_listed_oldest_first(links: ReportLinks, audit: DownloadLog) -> None:
    grant = await links.find(token(await url(links)))
    began = [await audit.start(grant, HttpClient.from_headers(f"192.0.2.{n}", "wget")) for n in range(3)]
    assert [bool(each) for each in began] == [True, True, False]
    assert [each.address for each in await audit.for_run(REPORT.run_id)] == ["192.0.2.0", "192.0.2.1"]


@pytest.mark.parametrize("agent", ["a\nb\x00\u202ec\u2028", "x" * 5_000, "", "Mozilla/5.0 (钉钉)"])
def test_client_headers_become_one_short_visible_line(agent: str) -> None:
    shown = HttpClient.from_headers("192.0.2.7", agent).agent
    assert len(shown) <= MAX_AGENT_CHARACTERS
    assert shown.isprintable()
