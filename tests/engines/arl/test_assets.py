"""What ARL found travels slim, sorted by its key, with flat memory; and nothing is ever written to ARL."""

import tracemalloc
from collections.abc import AsyncIterator

import pymongo.monitoring
import pytest

from bot.assets.kinds import key_from
from bot.engines.arl.assets import FINDINGS, select_fields, sorted_by_key
from bot.engines.arl.documents import Document
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.factories import NOW, make_run, make_schedule
from tests.fakes import FakeClock

SITE = {
    "title": "首页", "status": 200, "headers": "HTTP/1.1 200 OK" * 50, "screenshot": "/i.jpg",
    "finger": [{"name": "nginx", "icon": "n.png"}, {"name": "PHP"}],
    "favicon": {"hash": 7, "data": "AAAA" * 10_000, "url": "/favicon.ico"},
}  # fmt: skip


@pytest.fixture(params=["with its database", "by its API alone"])
async def beside(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[ArlFixture]:
    async with open_arl_fixture(clock, request.config if "database" in request.param else None) as beside:
        yield beside


async def two_tasks(beside: ArlFixture, kind: str, *documents: dict[str, object]) -> list[str]:
    """Two tasks that found the documents in turn."""
    ids = [beside.database.add_task(f"t{number}", "domain", f"{number}.example.com") for number in (1, 2)]
    for number, document in enumerate(documents):
        beside.database.add_results(ids[number % 2], kind, document)
    await beside.database.flush()
    return ids


async def test_sites_come_sorted_over_all_tasks_without_icons_and_headers(beside: ArlFixture) -> None:
    names = [
        "https://c.example.com",
        "https://a.example.com",
        "https://b.example.com",
        "https://a.example.com",
    ]
    ids = await two_tasks(beside, "site", *({**SITE, "site": name} for name in names))
    found = [site async for site in beside.engine.iter_assets(ids, "site")]
    assert [site["site"] for site in found] == sorted(names)
    assert found[0] == {
        "site": "https://a.example.com",
        "title": "首页",
        "status": 200,
        "finger": [{"name": "nginx"}, {"name": "PHP"}],
        "favicon": {"hash": 7},
    }


async def test_certificates_come_by_their_fingerprints(beside: ArlFixture) -> None:
    prints = ["cc", "aa", "bb"]
    certs = [{"ip": "1.1.1.1", "port": 443, "cert": {"fingerprint": {"sha256": each}}} for each in prints]
    ids = await two_tasks(beside, "cert", *certs, {"ip": "0.0.0.0", "port": 1, "cert": {}})  # noqa: S104
    found = [cert["cert"].get("fingerprint") async for cert in beside.engine.iter_assets(ids, "cert")]
    assert found == [None, {"sha256": "aa"}, {"sha256": "bb"}, {"sha256": "cc"}]


@pytest.mark.parametrize("kind", FINDINGS)
async def test_every_kind_that_arl_has_comes(beside: ArlFixture, kind: str) -> None:
    names = [field.partition(".")[0] for field in FINDINGS[kind].fields]
    ids = await two_tasks(beside, kind, {names[0]: "x", "more": "y"})
    assert [asset async for asset in beside.engine.iter_assets(ids, kind)] == [{names[0]: "x"}]


async def test_a_kind_that_arl_does_not_have_is_nothing(beside: ArlFixture) -> None:
    ids = await two_tasks(beside, "site")
    assert [asset async for asset in beside.engine.iter_assets(ids, "unheard of")] == []


def test_slimming_keeps_several_fields_of_one_document() -> None:
    document = {"cert": {"subject_dn": "CN=a", "issuer": {"o": 1}, "validity": {"end": "x"}}, "port": 1}
    slim = select_fields(document, ("cert.subject_dn", "cert.validity", "none.at.all"))
    assert slim == {"cert": {"subject_dn": "CN=a", "validity": {"end": "x"}}}


def test_slimming_goes_into_lists_keeps_their_text_and_leaves_out_what_is_neither() -> None:
    document = {"finger": [{"name": "nginx", "icon": "n.png", "version": "1"}, "PHP", 5], "favicon": "odd"}
    slim = select_fields(document, ("finger.name", "finger.version", "favicon.hash"))
    assert slim == {"finger": [{"name": "nginx", "version": "1"}, "PHP", None], "favicon": None}


async def many(number: int) -> AsyncIterator[dict[str, object]]:
    for each in range(number):
        yield {"url": f"https://{each * 7919 % number:07}.example.com", "title": "x" * 100}


async def test_more_documents_than_fit_into_memory_are_sorted_through_files() -> None:
    urls = [each["url"] async for each in sorted_by_key(many(1000), key_from("url"), chunk=64)]
    assert urls == sorted(urls)
    assert len(set(urls)) == 1000


async def peak(documents: AsyncIterator[Document]) -> int:
    """The most memory that is held while these documents pass."""
    tracemalloc.start()
    async for _ in documents:
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


async def test_memory_holds_a_piece_and_not_all_rows() -> None:
    all_at_once = await peak(sorted_by_key(many(30_000), key_from("url"), chunk=30_001))
    in_pieces = await peak(sorted_by_key(many(30_000), key_from("url"), chunk=2_000))
    assert in_pieces < all_at_once / 4


class Commands(pymongo.monitoring.CommandListener):
    """Hears every command that goes to any MongoDB, while it listens."""

    def __init__(self) -> None:
        self.listens = False
        self.heard: set[str] = set()

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if self.listens:
            self.heard.add(event.command_name)

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        """Its start was heard."""

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Its start was heard."""


COMMANDS = Commands()
READS = {"find", "getMore", "aggregate", "count", "killCursors", "endSessions"}


async def test_nothing_is_ever_written_into_arl_s_database(
    request: pytest.FixtureRequest, clock: FakeClock
) -> None:
    pymongo.monitoring.register(COMMANDS)
    async with open_arl_fixture(clock, request.config, fork=True) as beside:
        id_ = beside.database.add_schedule(target="1.1.1.1 a.example.com")
        beside.scheduler.run(id_)
        await beside.database.flush()
        beside.database.mirror = None  # from here on nobody else reaches the database
        COMMANDS.listens = True
        await use(beside, id_)
        COMMANDS.listens = False
    assert {"find"} <= COMMANDS.heard <= READS


async def use(beside: ArlFixture, schedule_id: str) -> None:
    """Everything that the engine can do with a run."""
    engine = beside.engine
    await engine.schedules()
    (started,) = await engine.external_runs(NOW)
    await engine.tasks(started.task_ids)
    await engine.stop(started.task_ids)
    await engine.diagnostics.pushing_schedules()
    for kind in FINDINGS:
        assert [asset async for asset in engine.iter_assets(started.task_ids, kind)] == []
    run = make_run(schedule=make_schedule(id=schedule_id, targets=("a.example.com",)))
    with pytest.raises(Exception, match="does not show"):
        await engine.submit(run)
