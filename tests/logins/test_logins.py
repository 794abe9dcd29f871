"""Login links and sessions, on SQLite and on MongoDB."""

import asyncio
from datetime import timedelta

import pytest

from bot.logins.logins import LINK_TTL, LOGIN_PATH, Logins
from bot.models import Person
from bot.wiring.stores import StoreSet
from tests.contract.conftest import both
from tests.fakes import FakeClock

__all__ = ["both"]

COLLECTIONS = ("web_logins", "web_sessions")
WHO = Person(id="user01", name="李雷")


@pytest.fixture
def bots(both: tuple[StoreSet, StoreSet], clock: FakeClock) -> tuple[Logins, Logins]:
    """Return the logins as two bots on one store see them."""
    one, other = (
        Logins(stores.documents, stores.links, clock=clock, public_url="http://x") for stores in both
    )
    return one, other


@pytest.fixture
def logins(bots: tuple[Logins, Logins]) -> Logins:
    return bots[0]


async def token_of(logins: Logins, cause: str = "m1") -> str:
    link = await logins.issue_link(WHO, cause)
    return link.url.removeprefix(f"http://x{LOGIN_PATH}")


async def test_a_link_opens_one_session_that_every_bot_knows(bots: tuple[Logins, Logins]) -> None:
    one, other = bots
    token = await token_of(one)
    assert await other.find_person(token) == WHO
    opened = await other.redeem(token)
    assert opened is not None
    session = await one.find_session(opened[0])
    assert session is not None
    assert (session.person, session.form_token) == (WHO, opened[1].form_token)


async def test_a_link_works_once_however_many_open_it_at_once(bots: tuple[Logins, Logins]) -> None:
    token = await token_of(bots[0])
    opened = await asyncio.gather(*(each.redeem(token) for each in (*bots, *bots)))
    assert sum(each is not None for each in opened) == 1
    assert await bots[0].redeem(token) is None
    assert await bots[0].find_person(token) is None


async def test_a_link_expires(logins: Logins, clock: FakeClock) -> None:
    token = await token_of(logins)
    clock.turn(seconds=LINK_TTL.total_seconds())
    assert await logins.redeem(token) is None


async def test_a_message_that_is_processed_again_gets_the_same_link(logins: Logins, clock: FakeClock) -> None:
    first = await logins.issue_link(WHO, "m1")
    clock.turn(seconds=10)
    assert await logins.issue_link(WHO, "m1") == first


async def test_a_session_ends_by_itself(logins: Logins, clock: FakeClock) -> None:
    token, _ = await logins.open(WHO)
    clock.turn(seconds=logins.ttl.total_seconds())
    assert await logins.find_session(token) is None


async def test_a_session_is_ended_by_its_person(logins: Logins) -> None:
    token, session = await logins.open(WHO)
    await logins.end(session)
    await logins.end(session)
    assert await logins.find_session(token) is None


async def test_all_sessions_and_links_of_a_person_end_at_once(logins: Logins) -> None:
    link, tokens = await token_of(logins), [(await logins.open(WHO))[0] for _ in range(2)]
    theirs, _ = await logins.open(Person(id="user02"))
    assert await logins.end_all(WHO) == 2
    assert [await logins.find_session(each) for each in tokens] == [None, None]
    assert await logins.redeem(link) is None
    assert await logins.find_session(theirs) is not None
    assert await logins.end_all(WHO) == 0


@pytest.mark.parametrize("token", ["", "forged", "forged.signature"])
async def test_what_nobody_issued_opens_nothing(logins: Logins, token: str) -> None:
    assert await logins.find_session(token) is None
    assert await logins.redeem(token) is None


async def test_the_store_has_no_token(both: tuple[StoreSet, StoreSet], logins: Logins) -> None:
    link, (token, _) = await token_of(logins), await logins.open(WHO)
    documents = both[0].documents
    stored = [str(each) for name in COLLECTIONS for each in await documents.find_documents(name)]
    assert len(stored) == 2
    assert not [each for each in stored if link in each or token in each]


async def test_what_has_expired_is_deleted(
    both: tuple[StoreSet, StoreSet], logins: Logins, clock: FakeClock
) -> None:
    await token_of(logins)
    await logins.open(WHO)
    clock.turn(seconds=(logins.ttl + timedelta(seconds=1)).total_seconds())
    await logins.purge_expired()
    assert [await both[0].documents.count_documents(each) for each in COLLECTIONS] == [0, 0]
