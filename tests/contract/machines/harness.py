"""Ground of the state machines: two bots on one store, a clock that a machine turns, and a model as a dict.

All examples of a test share one store, engine or messenger. Each has names and a month of its own, so that
none meets another.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any, Generic, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from bot.wiring.stores import StoreSet
from tests.factories import NOW
from tests.fakes import FakeClock

Result = TypeVar("Result")

FULL = os.environ.get("CAMPAIGN") == "full"
MONTH = timedelta(days=30)
ANSWER_SECONDS = 60.0
SAMPLE = settings(
    derandomize=True,
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    report_multiple_bugs=False,
)
WHOLE = settings(SAMPLE, derandomize=False, max_examples=100, stateful_step_count=50, print_blob=True)

BOTS = st.integers(0, 1)
SECONDS = st.integers(-5, 60).map(lambda number: timedelta(seconds=number))
SPANS = st.sampled_from([1, 10, 60, 600]).map(lambda number: timedelta(seconds=number))
LIMITS = st.integers(1, 4)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The loop in which the tested part runs, and its clock."""

    loop: asyncio.AbstractEventLoop
    clock: FakeClock = field(default_factory=FakeClock)
    examples: Iterator[int] = field(default_factory=count)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop of the part, from the thread of the machine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(ANSWER_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Ground(Stage):
    """A store as two bots see it."""

    bots: tuple[StoreSet, StoreSet]


Place = TypeVar("Place", bound=Stage)


class StagedMachine(RuleBasedStateMachine, Generic[Place]):
    """A machine with a clock that only goes on, by a millisecond at each look."""

    def __init__(self, ground: Place) -> None:
        super().__init__()
        number = next(ground.examples)
        self.ground = ground
        self.tag = f"m{number}"
        self.start = NOW + number * MONTH
        self.clock = ground.clock
        self.clock.now = self.start

    def now(self) -> Any:
        """Return the time, which is later than the last one."""
        self.clock.turn(seconds=0.001)
        return self.clock()

    def named(self, kind: str, number: int) -> str:
        """Return an id of this example."""
        return f"{self.tag}:{kind}{number}"

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self.ground.run(coroutine)

    @rule(span=st.sampled_from([1, 11, 90]))
    def time_passes(self, span: int) -> None:
        self.clock.turn(seconds=span)


class Machine(StagedMachine[Ground]):
    """A machine of two bots on a store."""

    def bot(self, number: int) -> StoreSet:
        return self.ground.bots[number]


async def run_machine(
    machine: Callable[[Place], RuleBasedStateMachine], ground: Place, *, examples: int
) -> None:
    """Run a machine in a thread, beside the loop of the part. `examples`: size of the sample."""
    await _run(machine, ground, WHOLE if FULL else settings(SAMPLE, max_examples=examples))


async def finds_fault(machine: Callable[[Place], RuleBasedStateMachine], ground: Place) -> bool:
    """Return whether the sample of a machine disagrees with a store."""
    try:
        await _run(
            machine, ground, settings(SAMPLE, phases=[Phase.generate])
        )  # the shortest is not asked for
    except (AssertionError, AttributeError):  # None has no attributes of an answer
        return True
    return False


async def _run(machine: Callable[[Place], RuleBasedStateMachine], ground: Place, sample: settings) -> None:
    factory: Any = partial(machine, ground)  # typed as a class, and called as a function
    await asyncio.to_thread(run_state_machine_as_test, factory, settings=sample)
