"""The fakes of the tests against a model, with the real parts: what a test sees of a fake is what they do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.machines.chats import CHATS, FakeChat
from tests.contract.machines.engines import EngineMachine, EngineStage
from tests.contract.machines.harness import finds_fault, run_machine
from tests.contract.machines.lies import Liar
from tests.contract.machines.messengers import ChatStage, MessengerMachine
from tests.contract.machines.worlds import WORLDS
from tests.fakes import FakeClock

ENGINE_METHODS = ("open_tasks", "restart", "schedules", "stop", "submit", "tasks")
MESSENGER_METHODS = ("conversation_id", "send_card", "send_file", "send_message", "update_card", "upload")


@pytest.fixture
async def engine_stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EngineStage]:
    clock = FakeClock()
    async with WORLDS[request.param](clock, tmp_path) as (engine, world):
        parts = tuple(engine.parts)
        yield EngineStage(
            loop=asyncio.get_running_loop(), clock=clock, engine=engine, world=world, parts=parts
        )


@pytest.mark.parametrize("engine_stage", WORLDS, indirect=True)
async def test_engines_and_the_fake_agree_with_a_model(engine_stage: EngineStage) -> None:
    await run_machine(EngineMachine, engine_stage, examples=40)


@pytest.mark.parametrize("engine_stage", ["fake"], indirect=True)
@pytest.mark.parametrize("method", ENGINE_METHODS)
async def test_a_fake_engine_that_lies_is_found_out(engine_stage: EngineStage, method: str) -> None:
    liar = Liar(engine_stage.engine, method, set())
    assert await finds_fault(EngineMachine, replace(engine_stage, engine=liar))


@pytest.fixture
async def chat_stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ChatStage]:
    file = tmp_path / "r.xlsx"
    file.write_bytes(b"PK\x03\x04 a workbook")
    async with CHATS[request.param]() as chat:
        yield ChatStage(loop=asyncio.get_running_loop(), chat=chat, file=file)


@pytest.mark.parametrize("chat_stage", CHATS, indirect=True)
async def test_the_app_robot_and_the_fake_agree_with_a_model(chat_stage: ChatStage) -> None:
    await run_machine(MessengerMachine, chat_stage, examples=100)


@pytest.mark.parametrize("chat_stage", ["fake"], indirect=True)
@pytest.mark.parametrize("method", MESSENGER_METHODS)
async def test_a_fake_messenger_that_lies_is_found_out(chat_stage: ChatStage, method: str) -> None:
    liar = FakeChat(lambda fake: Liar(fake, method, set()))
    assert await finds_fault(MessengerMachine, replace(chat_stage, chat=liar))
