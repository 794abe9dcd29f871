"""What makes a repeat harmless, row by row (the table of docs/architecture.md), over real sockets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.delivery.plan import card_id
from bot.models import CardTap, Destination, JobState, Person
from tests.factories import make_message, make_schedule
from tests.scenarios.fault_injection import GROUP, PERSON, PLACES, ROBOT_GROUP, World, world
from tests.scenarios.faults import Fault, Killed, Said

LOSE = {"kind": "lose_answer", "times": 1}


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, Fault()) as case:
        yield case


async def live(case: World, *faults: dict[str, object]) -> str:
    """One run through these faults; its id."""
    case.sandbox.state.faults.replace(list(faults))
    await case.live()
    (run,) = await case.runs()
    return run.id


def calls(case: World, endpoint: str) -> int:
    counted = case.sandbox.state.call_counts.items()
    return sum(number for name, number in counted if endpoint in name)


async def state(case: World, kind: str, place: str) -> JobState:
    (run,) = await case.runs()
    job = await case.store.find_job(f"{kind}:{run.id}:{place}")
    return JobState(job.state)


async def test_card_its_track_id_says_run_and_destination_and_exists_already_is_done(case: World) -> None:
    run = await live(case, {"match": "createAndDeliver", **LOSE})
    assert calls(case, "createAndDeliver") == 2
    assert case.shown(GROUP, "card", run) == 1
    assert await state(case, "card", f"group:{GROUP}") is JobState.DONE
    assert card_id(run, PLACES[0]) in case.sandbox.state.cards


@dataclass
class DeliveryFails:
    """A session on which the first card is created and not delivered; the process may die of it."""

    session: Any
    dies: bool
    pending: bool = True

    @asynccontextmanager
    async def request(self, method: str, url: str, **options: Any) -> AsyncIterator[Any]:
        fails = self.pending and url.endswith("createAndDeliver")
        created = url.removesuffix("/createAndDeliver") if fails else url
        async with self.session.request(method, created, **options) as answer:
            if not fails:
                yield answer
                return
        self.pending = False
        if self.dies:
            raise Killed("before the answer was stored")
        yield Said(200, json.dumps({"success": True, "result": {"deliverResults": [NOT_SHOWN]}}).encode())


NOT_SHOWN = {"success": False, "errorMsg": "SYSTEM_ERROR"}


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("bots", [1, 2])
async def test_card_that_was_created_and_not_delivered_is_delivered_by_whoever_tries_next(
    tmp_path: Path, dies: bool, bots: int
) -> None:
    async with world(tmp_path, Fault(), bots=bots) as case:
        for bot in case.bots:
            bot.session = DeliveryFails(bot.session, dies)
            bot.start()
        run = await live(case)
        assert case.shown(GROUP, "card", run) == 1
        assert await state(case, "card", f"group:{GROUP}") is JobState.DONE
        assert calls(case, "instances/deliver") >= 1
        assert await case.verdict() == []


async def test_webhook_message_its_uuid_says_run_and_destination(case: World) -> None:
    run = await live(case, {"match": "/robot/send", **LOSE})
    assert calls(case, "/robot/send") == 2
    assert case.shown(ROBOT_GROUP, "markdown", run) == 1
    assert await state(case, "note", "webhook:default") is JobState.DONE


async def test_work_notification_the_same_text_is_dropped_and_the_verdict_is_asked(case: World) -> None:
    run = await live(case, {"match": "asyncsend_v2", **LOSE})
    notices = [each for each in case.sandbox.state.conversations.messages(PERSON) if run in str(each.content)]
    assert len(notices) == 1
    assert calls(case, "getsendresult") >= 1
    assert await state(case, "note", "work:user01") is JobState.DONE


async def test_upload_is_repeated_and_one_file_goes(case: World) -> None:
    run = await live(case, {"match": "media/upload", **LOSE})
    assert calls(case, "media/upload") == 2
    assert case.shown(GROUP, "file", run) == 1


async def test_update_is_repeated(case: World) -> None:
    run = await live(case)
    core = case.bots[0].core
    case.sandbox.state.faults.replace([{"match": "PUT /v1.0/card/instances", **LOSE}])
    await core.rerun(await core.run(run))
    for _ in range(3):
        await core.do_jobs()
        core.clock.turn(seconds=61)
    assert "李雷" in case.sandbox.state.cards[card_id(run, PLACES[0])].public["tips"]


async def test_a_file_whose_answer_is_lost_is_not_repeated_but_shown_as_unconfirmed(case: World) -> None:
    run = await live(case, {"match": "groupMessages/send", **LOSE})
    assert case.shown(GROUP, "file", run) == 1
    assert await state(case, "file", f"group:{GROUP}") is JobState.UNCONFIRMED
    card = case.sandbox.state.cards[card_id(run, PLACES[0])]
    assert "resend" in card.public["sys_full_json_obj"]
    assert [job.kind for job in await case.bots[0].core.context.delivery.resender.undelivered()] == ["file"]


async def test_a_file_that_surely_did_not_leave_is_repeated(case: World) -> None:
    busy = {"match": "groupMessages/send", "kind": "error", "code": "system.busy", "status": 500, "times": 1}
    run = await live(case, busy)
    assert case.shown(GROUP, "file", run) == 1
    assert await state(case, "file", f"group:{GROUP}") is JobState.DONE


async def test_submit_what_the_engine_has_is_not_submitted_again(tmp_path: Path) -> None:
    async with world(tmp_path / "calm", Fault()) as calm:
        await calm.live()
        points = calm.fault.points
    done = points.index("after update_run") - 1
    async with world(tmp_path / "case", Fault(at=done)) as case:
        await case.live()
        (run,) = await case.runs()
        assert case.fault.deaths == 1
        assert len(case.bots[0].core.engine.all_tasks) == len(run.task_ids)


async def test_chat_command_the_same_message_is_answered_once(case: World) -> None:
    await live(case)
    hook, _ = case.sandbox.state.open_session(GROUP, case.sandbox.state.scenario.apps[0])
    message = make_message("重跑 计划0", conversation_id=GROUP, session_webhook=hook)
    for _ in range(3):
        await case.bots[0].core.hear(message)
    assert len(await case.runs()) == 2


async def test_button_the_second_press_is_answered_and_not_executed(case: World) -> None:
    run = await live(case)
    core = case.bots[0].core
    tap = CardTap(
        card_id=card_id(run, PLACES[0]), action="rerun", user=Person(id="user01"), conversation_id=GROUP
    )
    first, second = await core.intake.receive_tap(tap), await core.intake.receive_tap(tap)
    await core.do_jobs()
    assert first != second
    assert len(await case.runs()) == 2


async def test_a_group_without_the_robot_costs_one_call(case: World) -> None:
    core = case.bots[0].core
    place = Destination.parse(f"group:{ROBOT_GROUP}")
    core.engine.known[:] = [make_schedule(id="s0", name="计划0", notify_enable=True, send_to=(place,))]
    run = await live(case)
    assert (calls(case, "createAndDeliver"), case.shown(GROUP, "card", run)) == (
        2,
        1,
    )  # and where it was asked
    assert (calls(case, "groupMessages/send"), calls(case, "media/upload")) == (1, 1)
    assert await state(case, "note", str(place)) is JobState.DEAD
