"""Tasks and assets of a run as its engine has them."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import pytest

from bot.models import TaskStatus
from bot.web.pages.run_details import MAX_CELL_CHARACTERS, PAGE_SIZE, AssetQuery, RunDetails, as_text
from tests.conftest import CoreHarness
from tests.fakes import FakeEngine

Assets = list[Mapping[str, Any]]


class EngineWithAssets(FakeEngine):
    """An engine whose runs found these sites."""

    def __init__(self, sites: Assets) -> None:
        super().__init__()
        self.sites, self.read = sites, 0

    async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
        for site in self.sites if kind == "site" else []:
            self.read += 1
            yield site


def sites(number: int) -> Assets:
    titles = ("Portal", "旧版")
    return [{"_id": n, "site": f"https://a{n:05}.example", "title": titles[n % 2]} for n in range(number)]


def details(core: CoreHarness, engine: FakeEngine, times: list[float] | None = None) -> RunDetails:
    ticks = iter(times or [])
    return RunDetails(engine, core.services.external.runs, now=lambda: next(ticks, 0.0))


async def test_tasks_are_in_the_order_of_their_submission(core: CoreHarness) -> None:
    run = await core.trigger()
    tasks = await details(core, core.engine).tasks(run)
    assert [task.target for task in tasks] == list(run.schedule.targets)


async def test_a_run_without_tasks_asks_nobody(core: CoreHarness) -> None:
    run = await core.trigger()
    asked = core.engine.questions
    assert await details(core, core.engine).tasks(type(run)(**{**vars(run), "task_ids": ()})) == []
    assert core.engine.questions == asked


async def test_the_kinds_that_were_found_are_listed_the_important_first(core: CoreHarness) -> None:
    run = await core.trigger()
    await core.finish(status=TaskStatus.DONE, found={"ip": 1, "site": 2, "vuln": 1, "cert": 0})
    reader = details(core, core.engine)
    assert await reader.kinds(run, await reader.tasks(run)) == ["vuln", "site", "ip"]


async def test_assets_come_in_pages(core: CoreHarness) -> None:
    reader, run = details(core, EngineWithAssets(sites(PAGE_SIZE + 1))), await core.trigger()
    first = await reader.assets(run, AssetQuery(kind="site"))
    last = await reader.assets(run, AssetQuery(kind="site", page=2))
    assert (len(first.rows), first.has_more, len(last.rows), last.has_more) == (PAGE_SIZE, True, 1, False)
    assert first.columns == ["site", "title"]
    assert last.rows[0][0] == f"https://a{PAGE_SIZE:05}.example"


async def test_a_page_reads_no_further_than_it_must(core: CoreHarness) -> None:
    engine, run = EngineWithAssets(sites(10_000)), await core.trigger()
    await details(core, engine).assets(run, AssetQuery(kind="site"))
    assert engine.read == PAGE_SIZE + 1


async def test_every_word_must_occur_in_any_letter_case(core: CoreHarness) -> None:
    reader, run = details(core, EngineWithAssets(sites(30))), await core.trigger()
    found = await reader.assets(run, AssetQuery(kind="site", words="PORTAL  a00004"))
    assert [row[0] for row in found.rows] == ["https://a00004.example"]
    assert not (await reader.assets(run, AssetQuery(kind="site", words="nothing"))).rows


async def test_a_search_that_takes_too_long_ends_and_says_so(core: CoreHarness) -> None:
    engine, run = EngineWithAssets(sites(100)), await core.trigger()
    reader = details(core, engine, [0.0, 1.0, 2.0, 9.0])
    found = await reader.assets(run, AssetQuery(kind="site", words="a00002"))
    assert (found.is_partial, engine.read, len(found.rows)) == (True, 3, 1)


async def test_unknown_kinds_keep_all_their_fields(core: CoreHarness) -> None:
    class Other(EngineWithAssets):
        async def iter_assets(self, task_ids: Collection[str], kind: str) -> AsyncIterator[Mapping[str, Any]]:
            yield {"_id": 1, "package": "openssl", "cve": ["CVE-1", "CVE-2"]}

    found = await details(core, Other([])).assets(await core.trigger(), AssetQuery(kind="cves"))
    assert (found.columns, found.rows) == (["package", "cve"], [["openssl", "CVE-1, CVE-2"]])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (200, "200"),
        ([{"name": "nginx"}, "php"], "nginx, php"),
        ({"port": 80, "service": "http", "empty": ""}, "port: 80, service: http"),
        ("x" * 10_000, "x" * MAX_CELL_CHARACTERS),
    ],
)
def test_any_value_is_one_line_of_text(value: object, shown: str) -> None:
    assert as_text(value) == shown
