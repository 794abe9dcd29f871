"""Pings, as the clients of healthchecks.io send them."""

from datetime import timedelta

import pytest

from bot.external.models import ReportedStatus
from bot.models import RunStatus
from bot.wiring.stores import sqlite_stores
from tests.api.harness import PING, READER, TOKEN, ApiHarness, Client
from tests.conftest import GROUP, CoreHarness

URL = f"/ping/{PING}/backup-db"


async def test_a_ping_answers_as_healthchecks_does(client: Client) -> None:
    for method in ("HEAD", "GET", "POST"):
        answer = await client.request(method, URL)
        assert (answer.status, answer.headers["Ping-Body-Limit"]) == (200, "100000")
        assert await answer.text() == ("" if method == "HEAD" else "OK")


async def test_start_and_end_are_one_timed_run_and_one_card(api: ApiHarness, client: Client) -> None:
    await client.get(f"{URL}/start?rid=7")
    api.core.clock.turn(seconds=42)
    await client.post(f"{URL}?rid=7", data="3 files copied")
    await api.core.do_jobs()
    run = await api.run()
    assert run.end_time == run.start_time + timedelta(seconds=42)
    assert api.core.messenger.verbs() == ["card"]
    assert await api.records.runs.find_log(run.id) == "3 files copied"


@pytest.mark.parametrize(
    ("event", "status", "exit_code"),
    [
        ("", ReportedStatus.SUCCESS, None),
        ("/0", ReportedStatus.SUCCESS, 0),
        ("/fail", ReportedStatus.FAILED, None),
        ("/1", ReportedStatus.FAILED, 1),
        ("/255", ReportedStatus.FAILED, 255),
    ],
)
async def test_an_end_alone_is_a_run_of_zero_length(
    api: ApiHarness, client: Client, event: str, status: ReportedStatus, exit_code: int | None
) -> None:
    await client.get(URL + event)
    run = await api.run()
    external = await api.records.runs.find(run.id)
    assert external is not None
    assert (external.status, external.exit_code) == (status, exit_code)
    assert (run.status, run.end_time) == (RunStatus.FINISHED, run.start_time)


async def test_an_end_without_rid_closes_the_newest_open_run(api: ApiHarness, client: Client) -> None:
    await client.get(f"{URL}/start?rid=old")
    api.core.clock.turn(seconds=60)
    await client.get(f"{URL}/start")
    await client.get(URL)
    old, new = await api.runs()
    assert (old.status, new.status) == (RunStatus.RUNNING, RunStatus.FINISHED)


async def test_overlapping_runs_are_timed_each_by_itself(api: ApiHarness, client: Client) -> None:
    for path, seconds in (("/start?rid=a", 10), ("/start?rid=b", 20), ("?rid=a", 30), ("?rid=b", 0)):
        await client.get(URL + path)
        api.core.clock.turn(seconds=seconds)
    times = [(run.end_time or run.start_time) - run.start_time for run in await api.runs()]
    assert times == [timedelta(seconds=30), timedelta(seconds=50)]


async def test_pings_doubled_and_swapped_are_one_run_and_one_card(api: ApiHarness, client: Client) -> None:
    for path in ("?rid=1", "/start?rid=1", "/start?rid=1", "?rid=1"):
        assert (await client.get(URL + path)).status == 200
        api.core.clock.turn(seconds=1)
    await api.core.do_jobs()
    assert (await api.run()).well
    assert api.core.messenger.verbs() == ["card"]


async def test_the_first_end_wins_and_a_later_one_is_still_ok(api: ApiHarness, client: Client) -> None:
    await client.get(f"{URL}?rid=1")
    assert (await client.get(f"{URL}/3?rid=1")).status == 200
    assert (await api.run()).well


async def test_the_last_line_of_a_failure_is_its_reason(api: ApiHarness, client: Client) -> None:
    await client.post(f"{URL}/2", data="copying…\nno space left on device\n\n")
    await api.core.do_jobs()
    (card,) = api.core.messenger.cards.values()
    assert "退出码 2：no space left on device" in card.params["markdown"]


async def test_a_note_goes_to_the_newest_run_and_counts_once(api: ApiHarness, client: Client) -> None:
    assert (await client.post(f"{URL}/log", data="nobody runs")).status == 200
    assert await api.runs() == []
    await client.get(f"{URL}/start")
    for text in ("half\n", "half\n", "more\n"):
        await client.post(f"{URL}/log", data=text)
    assert await api.records.runs.find_log((await api.run()).id) == "half\nmore\n"


async def test_a_long_body_is_cut_and_never_refused(api: ApiHarness, client: Client) -> None:
    body = "x" * 300_000 + "the end"
    assert (await client.post(URL, data=body)).status == 200
    log = await api.records.runs.find_log((await api.run()).id)
    assert (len(log), log[-7:]) == (100_000, "the end")


@pytest.mark.parametrize(
    "path",
    [
        f"/ping/{PING}/other",  # not among its slugs
        f"/ping/{PING}/backup-unknown",
        f"/ping/{PING}/BACKUP",
        f"/ping/{PING}/backup-db/256",
        f"/ping/{PING}/backup-db/01",
        f"/ping/{PING}/backup-db/begin",
        "/ping/drp_somebody-elses-key/backup-db",
        f"/ping/{TOKEN}/backup-db",
    ],
)
async def test_what_is_unknown_is_one_plain_404(api: ApiHarness, client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, await answer.text()) == (404, "not found\n")
    assert await api.runs() == []


async def test_an_odd_rid_is_refused(client: Client) -> None:
    assert (await client.get(f"{URL}?rid=a%20b")).status == 400
    assert (await client.get(f"{URL}?rid={'x' * 65}")).status == 400


async def test_twenty_requests_at_once_are_taken_of_a_key(api: ApiHarness, client: Client) -> None:
    answers = [await client.get(URL) for _ in range(21)]
    assert [answer.status for answer in answers] == [200] * 20 + [429]
    assert answers[-1].headers["Retry-After"] == "4"


async def test_five_requests_a_second_are_taken_of_a_key(api: ApiHarness, client: Client) -> None:
    """Twice as many get through half of the time, and none of them is early for its `Retry-After`."""
    taken = 0
    for _ in range(400):
        taken += (await client.get(URL)).status == 200
        api.core.clock.turn(seconds=0.1)
    assert taken == 40 * 5


async def test_who_guesses_keys_is_not_listened_to(client: Client) -> None:
    for number in range(10):
        assert (await client.get(f"/ping/drp_guess-{number}/backup-db")).status == 404
    assert (await client.get(URL)).status == 429


async def test_a_key_never_stands_in_a_metric(api: ApiHarness, client: Client) -> None:
    await client.get(URL)
    text = api.metrics.show().decode()
    assert 'dingrun_api_requests_total{route="/ping/{key}/{slug}",status="200"} 1.0' in text
    assert PING not in text


async def test_an_unknown_slug_comes_into_being_where_that_is_allowed(core: CoreHarness) -> None:
    api = ApiHarness(core, sqlite_stores(core.store), create=True)
    async with api.client() as client:
        assert (await client.get(f"/ping/{PING}/backup-new?create=0")).status == 404
        assert (await client.get(f"/ping/{PING}/backup-new?create=1")).status == 200
    assert [each.slug for each in await api.records.schedules.all()] == ["backup-db", "backup-new"]


async def test_a_slug_beyond_the_limit_is_refused_and_told_once(core: CoreHarness) -> None:
    core.operators = (GROUP,)
    api = ApiHarness(core, sqlite_stores(core.store), create=True, limit=3)
    async with api.client() as client:
        statuses = []
        for number in range(8):
            api.core.clock.turn(seconds=1)
            statuses.append((await client.get(f"/ping/{PING}/backup-{number}?create=1")).status)
    assert statuses == [200] * 3 + [404] * 5
    assert len(await core.store.find_jobs(kind="notice")) == 1


async def test_a_reader_cannot_ping(client: Client) -> None:
    assert (await client.get(f"/ping/{READER}/backup-db")).status == 404
