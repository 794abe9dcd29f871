"""Two bots on one store: whoever asks for a run at the same moment, and however, there is one run."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bot.chat.users import UserDirectory
from bot.delivery.plan import card_id
from bot.models import CardTap, Destination, Person, Trigger
from bot.runs.approvals import Protection
from bot.runs.lifecycle import TriggerRequest
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import StoreSet
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message
from tests.fakes import FakeClock

OTHER_GROUP = Destination.parse("group:cidB")
LI = Person(id="user01", name="李雷")
ZHANG = Person(id="user02", name="张三")


@pytest.fixture
async def bots(both: tuple[StoreSet, StoreSet], tmp_path: Path) -> tuple[CoreHarness, CoreHarness]:
    """Two bots that share engine and messenger with the world, and nothing but the store with each other."""
    clock = FakeClock()
    for member in (LI, ZHANG):
        await UserDirectory(both[0].store).record(member)
    stores = [cast(SqliteStore, each.store) for each in both]  # or MongoDB's
    one = CoreHarness(store=stores[0], stores=both[0], clock=clock, folder=tmp_path)
    other = CoreHarness(
        store=stores[1],
        stores=both[1],
        clock=clock,
        folder=tmp_path,
        engine=one.engine,
        messenger=one.messenger,
    )
    other.engine.known.pop()  # each core brings the same schedule
    return one, other


async def settle(bots: Sequence[CoreHarness], *asked: Awaitable[object]) -> list[object]:
    answers = await asyncio.gather(*asked)
    await asyncio.gather(*(bot.do_jobs() for bot in bots))
    return list(answers)


def tap(run_id: str, user: Person, place: Destination = GROUP) -> CardTap:
    return CardTap(card_id=card_id(run_id, place), action="rerun", user=user, conversation_id=place.id)


def answers(bot: CoreHarness) -> str:
    return "\n".join(text for verb, _, text in bot.messenger.sent if verb == "reply")


async def test_two_messages_at_once_start_one_run(bots: tuple[CoreHarness, CoreHarness]) -> None:
    one, other = bots
    first, second = make_message("重跑", sender=LI), make_message("重跑 每日巡检", sender=ZHANG)
    await settle(bots, one.intake.receive_message(first), other.intake.receive_message(second))
    (run,) = await one.store.find_runs()
    assert run.asked_by in {LI, ZHANG}
    assert f"已由 {run.asked_by} 于 今天 11:00 重跑" in answers(one)


async def test_a_message_and_a_card_at_once_start_one_run(bots: tuple[CoreHarness, CoreHarness]) -> None:
    one, other = bots
    run = await one.finished_run()
    message = make_message("重跑", sender=LI)
    await settle(bots, one.intake.receive_message(message), other.intake.receive_tap(tap(run.id, ZHANG)))
    assert len(await one.store.find_runs()) == 2


async def test_two_cards_in_two_groups_at_once_start_one_run(bots: tuple[CoreHarness, CoreHarness]) -> None:
    one, other = bots
    one.schedule = replace(one.schedule, send_to=(GROUP, OTHER_GROUP))
    one.engine.known[:] = [one.schedule]
    run = await one.finished_run()
    told = await settle(
        bots,
        one.intake.receive_tap(tap(run.id, LI)),
        other.intake.receive_tap(tap(run.id, ZHANG, OTHER_GROUP)),
    )
    assert len(await one.store.find_runs()) == 2
    assert sorted("已由" in str(answer) for answer in told) == [False, True]


async def test_after_a_crash_between_reservation_and_run_the_same_request_goes_on(
    bots: tuple[CoreHarness, CoreHarness],
) -> None:
    one, other = bots
    run = await one.finished_run()
    await one.intake.receive_tap(tap(run.id, LI))  # reserved and stored, and then the bot dies
    await other.hear(make_message("重跑", sender=ZHANG))
    assert "已由 李雷" in answers(other)
    fresh, _ = await one.store.find_runs()
    assert fresh.asked_by == LI


async def test_an_abandoned_reservation_expires(bots: tuple[CoreHarness, CoreHarness]) -> None:
    one, other = bots
    abandoned = TriggerRequest(idempotency_key="submit:lost", trigger=Trigger.CARD, asked_by=LI)
    async with one.context.guards.starts.reserved(one.schedule, abandoned):
        pass
    await other.hear(make_message("重跑", sender=ZHANG))
    assert "正在提交" in answers(other)
    one.clock.turn(seconds=30)
    await other.hear(make_message("重跑", sender=ZHANG))
    assert [run.asked_by for run in await one.store.find_runs()] == [ZHANG]


async def test_who_started_a_run_may_start_another_when_it_has_ended(
    bots: tuple[CoreHarness, CoreHarness],
) -> None:
    one, other = bots
    await one.hear(make_message("重跑", sender=LI))
    await one.finish()
    await other.hear(make_message("重跑", sender=ZHANG))
    assert "第 1 次执行，编号" in answers(other)
    await other.hear(make_message("重跑", sender=LI))
    assert len(await one.store.find_runs()) == 2


async def test_of_two_who_agree_at_once_one_starts_the_run(bots: tuple[CoreHarness, CoreHarness]) -> None:
    for bot in bots:
        bot.protected = {"*": Protection.TWO_PERSON}
        bot.build()
    one, other = bots
    await one.hear(make_message("重跑", sender=LI))
    agreed = [
        make_message("同意 每日巡检", sender=each) for each in (ZHANG, Person(id="user03", name="王五"))
    ]
    await settle(bots, one.intake.receive_message(agreed[0]), other.intake.receive_message(agreed[1]))
    (run,) = await one.store.find_runs()
    assert run.asked_by == LI
    assert run.approved_by in {message.sender for message in agreed}
