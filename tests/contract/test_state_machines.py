"""Each store against a model: whatever two bots do in whatever order, both see what a dict would say.

The suite goes through a sample that is always the same. `CAMPAIGN=full` goes through many, chosen anew.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import StoreSet
from tests.contract.machines.approvals import ApprovalsMachine
from tests.contract.machines.harness import FULL, Ground, finds_fault, run_machine
from tests.contract.machines.jobs import JobsMachine
from tests.contract.machines.lapses import LapsesMachine
from tests.contract.machines.lies import with_lie
from tests.contract.machines.links import LinksMachine
from tests.contract.machines.mutes import MutesMachine
from tests.contract.machines.quota import QuotaMachine
from tests.contract.machines.runs import RunsMachine

MACHINES = {  # with a method whose lie is found late
    ApprovalsMachine: "release",
    JobsMachine: "find_undelivered",
    LapsesMachine: "reset_start",
    LinksMachine: "revoke_links",
    MutesMachine: "find_overrides",
    QuotaMachine: "blocked_until",
    RunsMachine: "delete_runs",
}


async def hurry(both: tuple[StoreSet, StoreSet]) -> None:
    """Let SQLite wait for no disk, as nothing is killed here."""
    for each in both:
        if isinstance(each.store, SqliteStore):
            await each.store.rows("pragma synchronous=off")


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
async def test_two_bots_on_a_store_agree_with_a_model(
    both: tuple[StoreSet, StoreSet], machine: Callable[[Ground], RuleBasedStateMachine]
) -> None:
    await hurry(both)
    examples = 15 if isinstance(both[0].store, SqliteStore) else 6  # the other one is slower
    await run_machine(machine, Ground(bots=both, loop=asyncio.get_running_loop()), examples=examples)


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("machine", "method"), MACHINES.items(), ids=lambda each: getattr(each, "__name__", each)
)
async def test_a_method_that_lies_is_found_out(
    both: tuple[StoreSet, StoreSet], machine: Callable[[Ground], RuleBasedStateMachine], method: str
) -> None:
    """The suite tries one method for each machine. `CAMPAIGN=full` tries all that a machine uses."""
    await hurry(both)
    called, ground = set[str](), Ground(bots=both, loop=asyncio.get_running_loop())

    async def is_found_out(liar: str) -> bool:
        first, second = (with_lie(each, liar, called) for each in both)
        return await finds_fault(machine, replace(ground, bots=(first, second)))

    if FULL:
        assert not await is_found_out("")  # which notes what is called
    assert [liar for liar in sorted(called) or [method] if not await is_found_out(liar)] == []
