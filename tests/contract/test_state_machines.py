"""Each store against a model: whatever two bots do in whatever order, both see what a dict would say.

The suite goes through a sample that is always the same. `CAMPAIGN=full` goes through many, chosen anew.
"""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import StoreSet
from tests.contract.machines.approvals import ApprovalsMachine
from tests.contract.machines.harness import Ground, run_machine
from tests.contract.machines.jobs import JobsMachine
from tests.contract.machines.lapses import LapsesMachine
from tests.contract.machines.links import LinksMachine
from tests.contract.machines.mutes import MutesMachine
from tests.contract.machines.quota import QuotaMachine
from tests.contract.machines.runs import RunsMachine

MACHINES = [
    ApprovalsMachine,
    JobsMachine,
    LapsesMachine,
    LinksMachine,
    MutesMachine,
    QuotaMachine,
    RunsMachine,
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
async def test_two_bots_on_a_store_agree_with_a_model(
    both: tuple[StoreSet, StoreSet], machine: Callable[[Ground], RuleBasedStateMachine]
) -> None:
    for each in both:
        if isinstance(each.store, SqliteStore):
            await each.store.rows("pragma synchronous=off")  # nothing is killed here
    is_local = isinstance(both[0].store, SqliteStore)
    await run_machine(machine, Ground(bots=both, loop=asyncio.get_running_loop()), slow=not is_local)
