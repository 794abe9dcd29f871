"""DingTalk dead for an hour, slow, mute, forgetful; a clock that is off: everything is told in the end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.cli.demo.sample_sites import SampleSites
from bot.delivery.plan import card_id
from bot.messengers.dingtalk import http
from bot.models import CardTap, JobState, Person
from dingtalk_sandbox import Sandbox
from tests.factories import make_message
from tests.scenarios.conftest import Chat, Service, service_on, settings, until
from tests.scenarios.fault_injection import GROUP, PLACES, World, world
from tests.scenarios.faults import Fault

LONGEST_PAUSE = 600 * 1.25  # seconds between two tries at most


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, Fault()) as case:
        yield case


async def ended_run(case: World) -> str:
    """A run that has ended; nothing of it has been told yet."""
    core = case.bots[0].core
    run = await core.trigger(core.engine.known[0])
    core.engine.end_all()
    await core.watcher.tick()
    return run.id


async def work_for(case: World, seconds: float, *, step: float = 20) -> float:
    """Do what is due for so long, or until nothing is left; how long it took."""
    core, start = case.bots[0].core, case.bots[0].core.clock()
    end = start + timedelta(seconds=seconds)
    while core.clock() < end:
        await core.do_jobs()
        if all(job.state.ended for job in await case.jobs()):
            break
        core.clock.turn(seconds=step)
    return (core.clock() - start).total_seconds()


async def test_an_hour_without_dingtalk_delays_and_loses_nothing(case: World) -> None:
    run = await ended_run(case)
    case.fault.dead = True
    await work_for(case, 3_600)
    assert case.shown(GROUP, "card", run) == 0
    case.fault.dead = False
    assert await work_for(case, 2 * LONGEST_PAUSE) <= LONGEST_PAUSE + 20
    assert {job.state for job in await case.jobs()} == {JobState.DONE}
    assert (case.shown(GROUP, "card", run), case.shown(GROUP, "file", run)) == (1, 1)


async def test_an_hour_without_dingtalk_costs_no_call(case: World) -> None:
    await ended_run(case)
    case.fault.dead = True
    await work_for(case, 3_600)
    balance = await case.bots[0].core.governor.balance()
    assert sum(balance.booked.values()) == 0


async def test_a_dingtalk_slower_than_our_patience_shows_everything_once(
    case: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", aiohttp.ClientTimeout(total=0.15))
    run = await ended_run(case)
    case.sandbox.state.faults.replace([{"match": "", "kind": "latency", "ms": 400, "times": 6}])
    await work_for(case, 3_600)
    assert await case.verdict() == []
    assert case.shown(GROUP, "card", run) == 1


async def test_while_dingtalk_is_slow_presses_are_answered_in_time(case: World) -> None:
    await case.live()
    (run,) = await case.runs()
    core = case.bots[0].core
    case.sandbox.state.faults.replace([{"match": "", "kind": "latency", "ms": 3_000}])
    await core.rerun(run)
    slow = asyncio.create_task(core.do_jobs())
    place = card_id(run.id, PLACES[0])
    tap = CardTap(card_id=place, action="report", user=Person(id="user01"), conversation_id=GROUP)
    async with asyncio.timeout(1.2):
        assert await core.intake.receive_tap(tap)
    slow.cancel()


async def test_a_token_that_dies_in_the_middle_is_replaced(case: World) -> None:
    run = await ended_run(case)
    core = case.bots[0].core
    await core.jobs.run_due(["export", "card"])
    case.sandbox.state.tokens.clear()
    await work_for(case, 600)
    assert {job.state for job in await case.jobs()} == {JobState.DONE}
    assert case.shown(GROUP, "file", run) == 1


async def test_a_session_that_is_over_is_answered_by_a_message_of_its_own(case: World) -> None:
    hook, _ = case.sandbox.state.open_session(GROUP, case.sandbox.state.scenario.apps[0])
    core = case.bots[0].core
    await core.intake.receive_message(make_message("帮助", conversation_id=GROUP, session_webhook=hook))
    core.clock.turn(seconds=7_200)
    await core.do_jobs()
    (answer,) = case.sandbox.state.conversations.messages(GROUP)
    assert "可以这样跟我说" in str(answer.content)


async def test_a_clock_two_hours_off_is_said_in_plain_words_and_mended_by_setting_it(case: World) -> None:
    run = await ended_run(case)
    case.sandbox.state.clock.advance(7_200)
    await work_for(case, 600)
    job = await case.store.find_job(f"note:{run}:webhook:default")
    assert "clock says" in job.error
    assert "NTP" in job.error
    case.sandbox.state.clock.advance(-7_200)
    await work_for(case, 1_200)
    assert (await case.store.find_job(job.id)).state is JobState.DONE


@pytest.fixture
async def soon(
    sandbox: Sandbox, chat: Chat, neighbours: SampleSites, tmp_path: Path
) -> AsyncIterator[Service]:
    """A service whose schedule fires after its start, also on a busy machine."""
    values = settings(sandbox, neighbours.targets[:1])
    at = datetime.now(UTC) + timedelta(seconds=20)
    del values["schedules"][0]["cron"]
    values["schedules"][0]["at"] = at.isoformat()
    service = service_on(values, tmp_path)
    await service.start()
    await until(chat.connected)
    yield service
    await service.end()


async def test_while_the_stream_is_dead_pushes_still_go_out(soon: Service, chat: Chat) -> None:
    await chat.post("stream", {"action": "mute"})
    (card,) = await chat.wait("card", 1)
    await chat.wait("file", 1)
    assert card["variables"]["title"].startswith("✅")
