"""Promises of every Links."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.ports import DownloadLinkStore
from bot.wiring.stores import StoreSet
from tests.factories import NOW, make_download, make_link

Pair = tuple[DownloadLinkStore, DownloadLinkStore]


@pytest.fixture
def two(both: tuple[StoreSet, StoreSet]) -> Pair:
    """Two bots on one store."""
    return both[0].links, both[1].links


@pytest.fixture
def links(two: Pair) -> DownloadLinkStore:
    return two[0]


async def test_the_first_key_is_every_bots(two: Pair) -> None:
    keys = await asyncio.gather(*(two[n % 2].signing_key(f"key{n}") for n in range(10)))
    assert len(set(keys)) == 1
    assert await two[0].signing_key("late") == keys[0]


async def test_a_link_comes_back_as_it_was(links: DownloadLinkStore) -> None:
    link = make_link()
    assert await links.add_link(link)
    assert await links.find_link(link.id) == link


async def test_a_link_is_kept_once(links: DownloadLinkStore) -> None:
    link = make_link()
    await links.add_link(link)
    assert not await links.add_link(replace(link, max_downloads=99))
    assert await links.find_link(link.id) == link


async def test_the_links_of_a_run_come_newest_first(links: DownloadLinkStore) -> None:
    for minute in (1, 0, 2):
        await links.add_link(make_link(id=f"l{minute}", made_at=NOW + timedelta(minutes=minute)))
    await links.add_link(make_link(run_id="r2"))
    assert [link.id for link in await links.find_links("r1")] == ["l2", "l1", "l0"]
    assert [link.id for link in await links.find_links("r1", limit=1)] == ["l2"]
    assert await links.find_links("r3") == []


async def test_downloads_are_counted_until_the_link_is_used_up(links: DownloadLinkStore) -> None:
    link = make_link(max_downloads=2)
    await links.add_link(link)
    taken = [await links.add_download(make_download(link)) for _ in range(3)]
    assert taken == [True, True, False]
    found = await links.find_link(link.id)
    assert found == replace(link, downloads=2)
    assert [each.downloads for each in await links.find_links("r1")] == [2]


async def test_a_one_time_link_is_used_once_whoever_asks_at_once(two: Pair) -> None:
    link = make_link(max_downloads=1)
    await two[0].add_link(link)
    downloads = [two[n % 2].add_download(make_download(link, agent=f"a{n}")) for n in range(10)]
    assert sorted(await asyncio.gather(*downloads)) == [False] * 9 + [True]
    assert len(await two[1].find_downloads("r1")) == 1


async def test_a_link_that_is_over_counts_nothing(links: DownloadLinkStore) -> None:
    link = make_link()
    await links.add_link(link)
    assert not await links.add_download(make_download(link, at=link.expires_at))
    assert not await links.add_download(make_download(make_link(id="unknown")))
    assert await links.add_download(make_download(link, at=link.expires_at - timedelta(seconds=1)))


async def test_revoked_links_lead_nowhere(two: Pair) -> None:
    grants = [make_link(), make_link(), make_link(run_id="r2")]
    for link in [*grants, make_link(expires_at=NOW)]:
        await two[0].add_link(link)
    assert await two[1].revoke_links("r1", NOW) == 2
    assert await two[0].revoke_links("r1", NOW + timedelta(seconds=9)) == 0
    assert not await two[0].add_download(make_download(grants[0]))
    assert await two[0].add_download(make_download(grants[2]))
    assert await two[0].find_link(grants[0].id) == replace(grants[0], revoked_at=NOW)


async def test_revoking_counts_those_that_led_somewhere(links: DownloadLinkStore) -> None:
    link = make_link(max_downloads=1)
    await links.add_link(link)
    await links.add_download(make_download(link))
    assert await links.revoke_links("r1", NOW) == 0


async def test_downloads_are_told_with_who_made_them_newest_first(links: DownloadLinkStore) -> None:
    link, other = make_link(), make_link(run_id="r2")
    downloads = [make_download(link, address=f"192.0.2.{number}") for number in range(3)]
    for each in (link, other):
        await links.add_link(each)
    for download in [*downloads, make_download(other)]:
        await links.add_download(download)
    assert await links.find_downloads("r1") == downloads[::-1]
    assert await links.find_downloads("r1", limit=1) == downloads[-1:]


async def test_an_unfinished_download_is_resumed_by_the_same_client(links: DownloadLinkStore) -> None:
    link = make_link()
    await links.add_link(link)
    for download in (make_download(link, id="d1"), make_download(link, id="d2", agent="other")):
        await links.add_download(download)
    assert await links.resume_download(make_download(link), since=NOW, max_resumes=3) == "d1"
    (_, first) = await links.find_downloads("r1")
    assert (first.resumes, first.finished) == (1, False)


async def test_what_cannot_be_resumed(links: DownloadLinkStore) -> None:
    link = make_link()
    await links.add_link(link)
    await links.add_download(make_download(link, id="d1"))
    for stranger in ({"agent": "other"}, {"address": "192.0.2.9"}, {"link_id": "unknown"}):
        assert not await links.resume_download(make_download(link, **stranger), since=NOW, max_resumes=3)
    assert not await links.resume_download(
        make_download(link), since=NOW + timedelta(microseconds=1), max_resumes=3
    )
    await links.finish_download(link.id, "d1")
    assert not await links.resume_download(make_download(link), since=NOW, max_resumes=3)
    assert [each.finished for each in await links.find_downloads("r1")] == [True]


async def test_resumes_at_once_are_all_counted(two: Pair) -> None:
    link = make_link()
    await two[0].add_link(link)
    await two[0].add_download(make_download(link, id="d1"))
    asked = [two[n % 2].resume_download(make_download(link), since=NOW, max_resumes=4) for n in range(10)]
    assert sorted(await asyncio.gather(*asked)) == [""] * 6 + ["d1"] * 4


async def test_a_download_of_an_older_release_is_not_resumed(links: DownloadLinkStore) -> None:
    link = make_link()
    await links.add_link(link)
    await links.add_download(make_download(link, id=""))
    assert not await links.resume_download(make_download(link), since=NOW, max_resumes=4)
