"""Expectations: starts of two schedules, and what was expected of them and did not happen."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from bot.models import Lapse, LapseState, Watch
from tests.contract.machines.harness import BOTS, SECONDS, Ground, Machine
from tests.factories import make_lapse, make_schedule

SCHEDULES = st.integers(0, 1)
LAPSES = st.integers(0, 3)
PLANS = st.sampled_from(["0 3 * * *", "every 60 s"])
STATES = st.sampled_from(LapseState)


class LapsesMachine(Machine):
    """Two bots and the lapses of one store."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.watches: dict[str, Watch] = {}
        self.lapses: dict[str, Lapse] = {}

    @initialize(plan=PLANS)
    def begin(self, plan: str) -> None:
        self.watch(0, 0, plan)
        for number, state in enumerate(LapseState):
            self.add(0, number, state)

    @rule(bot=BOTS, schedule=SCHEDULES, plan=PLANS)
    def watch(self, bot: int, schedule: int, plan: str) -> None:
        name, now = self.named("schedule", schedule), self.now()
        self.run(self.bot(bot).lapses.watch(name, plan, now))
        known = self.watches.get(name) or Watch(schedule_id=name, since=now)
        if known.plan != plan:
            self.watches[name] = replace(known, plan=plan, since=now)

    @rule(bot=BOTS, schedule=SCHEDULES, ahead=SECONDS)
    def record_start(self, bot: int, schedule: int, ahead: timedelta) -> None:
        name, at = self.named("schedule", schedule), self.now() + ahead
        self.run(self.bot(bot).lapses.record_start(name, at))
        known = self.watches.get(name) or Watch(schedule_id=name, since=at)
        self.watches[name] = replace(known, last_start=max(known.last_start or at, at))

    @rule(bot=BOTS, schedule=SCHEDULES, ahead=SECONDS)
    def reset_start(self, bot: int, schedule: int, ahead: timedelta) -> None:
        name, at = self.named("schedule", schedule), self.now() + ahead
        self.run(self.bot(bot).lapses.reset_start(name, at))
        known = self.watches.get(name)
        if known and known.last_start and known.last_start > at:
            self.watches[name] = replace(known, last_start=at)

    @rule(bot=BOTS, number=LAPSES, state=STATES)
    def add(self, bot: int, number: int, state: LapseState) -> None:
        lapse = make_lapse(
            id=self.named("missed", number),
            schedule=make_schedule(id=self.named("schedule", number % 2)),
            state=state,
            found_at=self.now(),
        )
        assert self.run(self.bot(bot).lapses.add_lapse(lapse)) is (lapse.id not in self.lapses)
        self.lapses.setdefault(lapse.id, lapse)

    @rule(bot=BOTS, number=LAPSES, when=STATES, state=STATES, missed=st.none() | st.integers(1, 3))
    def change(self, bot: int, number: int, when: LapseState, state: LapseState, missed: int | None) -> None:
        id_ = self.named("missed", number)
        changes: dict[str, Any] = {"state": state}
        changes |= {"missed": missed, "over_at": self.now()} if missed else {}
        lapse = self.lapses.get(id_)
        valid = lapse is not None and lapse.state is when
        assert self.run(self.bot(bot).lapses.change_lapse(id_, changes, when=when)) is valid
        if lapse and valid:
            self.lapses[id_] = replace(lapse, **changes)

    @rule(bot=BOTS)
    def purge(self, bot: int) -> None:
        """Delete the settled ones. What another example has left is gone already."""
        before = self.now()
        settled = [lapse for lapse in self.lapses.values() if lapse.state is LapseState.SETTLED]
        assert self.run(self.bot(bot).retention.purge_lapses(before, limit=9)) == len(settled)
        for lapse in settled:
            del self.lapses[lapse.id]

    @rule(bot=BOTS, states=st.lists(STATES, min_size=1, unique=True))
    def find(self, bot: int, states: list[LapseState]) -> None:
        found = [each for each in self.run(self.bot(bot).lapses.find_lapses(states)) if self.is_mine(each.id)]
        fitting = [lapse for lapse in self.lapses.values() if lapse.state in states]
        assert found == sorted(fitting, key=lambda lapse: lapse.found_at)

    def is_mine(self, id_: str) -> bool:
        return id_.startswith(f"{self.tag}:")

    @invariant()
    def both_see_the_same(self) -> None:
        self.find(0, list(LapseState))
        watches = self.run(self.bot(1).lapses.find_watches())
        assert {each.schedule_id: each for each in watches if self.is_mine(each.schedule_id)} == self.watches

    def teardown(self) -> None:
        for number in range(4):
            id_ = self.named("missed", number)
            lapse = self.run(self.bot(1).lapses.find_lapse(id_))
            assert lapse == self.lapses.get(id_)
            if lapse:
                settled = {"state": LapseState.SETTLED}
                self.run(self.bot(1).lapses.change_lapse(id_, settled, when=lapse.state))
        self.run(self.bot(1).retention.purge_lapses(self.now() + timedelta(hours=1), limit=9))
