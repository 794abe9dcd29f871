"""Mutes and other changes of people to two schedules: by version, and by functions that are applied again."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from bot.delivery.policy.effective import active_mute, end_mute, use_up_mute
from bot.delivery.policy.overrides import Overrides
from bot.models import Acknowledgement, Mute, Person, ScheduleOverride
from tests.contract.machines.harness import BOTS, SPANS, Ground, Machine

SCHEDULES = st.integers(0, 1)
PEOPLE = st.sampled_from([Person(id="user01", name="李雷"), Person(id="user02", name="韩梅梅")])


def with_mute(override: ScheduleOverride, mute: Mute) -> ScheduleOverride:
    return replace(override, mute=mute)


class MutesMachine(Machine):
    """Two bots through which people mute schedules."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.stored: dict[str, ScheduleOverride] = {}
        self.read: list[ScheduleOverride] = []  # as somebody saw one, some time ago

    def known(self, schedule: int) -> ScheduleOverride:
        name = self.named("schedule", schedule)
        return self.stored.get(name) or ScheduleOverride(schedule_id=name)

    def keep(self, changed: ScheduleOverride) -> None:
        """Store a change in the model, if it is one."""
        before = self.stored.get(changed.schedule_id) or ScheduleOverride(schedule_id=changed.schedule_id)
        if changed != before:
            self.stored[changed.schedule_id] = replace(changed, version=before.version + 1)

    @rule(bot=BOTS, schedule=SCHEDULES, who=PEOPLE, span=st.none() | SPANS)
    def mute(self, bot: int, schedule: int, who: Person, span: timedelta | None) -> None:
        now = self.now()
        mute = Mute(by=who, at=now, until=now + span if span else None)
        change = partial(with_mute, mute=mute)
        self.run(Overrides(self.bot(bot).overrides).change(self.named("schedule", schedule), change))
        self.keep(replace(self.known(schedule), mute=mute))

    @rule(bot=BOTS, schedule=SCHEDULES)
    def unmute(self, bot: int, schedule: int) -> None:
        name, now = self.named("schedule", schedule), self.now()
        self.run(Overrides(self.bot(bot).overrides).change(name, partial(end_mute, cause="said", now=now)))
        mute = self.known(schedule).mute
        if mute and not mute.ended_by:
            ended = replace(mute, until=min(mute.until or now, now), ended_by="said")
            self.keep(replace(self.known(schedule), mute=ended))

    @rule(bot=BOTS, schedule=SCHEDULES, number=st.integers(0, 2))
    def use_up(self, bot: int, schedule: int, number: int) -> None:
        """A run ends, and uses up a mute of the next run."""
        name, run = self.named("schedule", schedule), self.named("run", number)
        self.run(Overrides(self.bot(bot).overrides).change(name, partial(use_up_mute, run_id=run)))
        mute = self.known(schedule).mute
        if mute and mute.until is None and not mute.run_id:
            self.keep(replace(self.known(schedule), mute=replace(mute, run_id=run)))

    @rule(bot=BOTS, schedule=SCHEDULES)
    def look(self, bot: int, schedule: int) -> None:
        found = self.run(self.bot(bot).overrides.find_override(self.named("schedule", schedule)))
        assert found == self.stored.get(self.named("schedule", schedule))
        mute, now = self.known(schedule).mute, self.clock()
        forced = mute and (mute.at <= now < mute.until if mute.until else not mute.run_id)
        assert active_mute(found, now) == (mute if forced else None)

    @rule(bot=BOTS, number=st.integers(0, 9), who=PEOPLE, span=SPANS)
    def save_what_was_read(self, bot: int, number: int, who: Person, span: timedelta) -> None:
        """A change of an earlier version is refused, whoever makes it."""
        if not self.read:
            return
        now, seen = self.now(), self.read[-1 - number % len(self.read)]
        stated = Acknowledgement(by=who, at=now, until=now + span, run_id="r1")
        changed = replace(seen, acknowledgement=stated)
        known = self.stored.get(seen.schedule_id)
        valid = seen.version == (known.version if known else 0)
        assert self.run(self.bot(bot).overrides.save_override(changed)) is valid
        if valid:
            self.keep(changed)

    @invariant()
    def both_see_the_same(self) -> None:
        for number in (0, 1):
            found = self.run(self.bot(number).overrides.find_override(self.named("schedule", number)))
            assert found == self.stored.get(self.named("schedule", number))
            self.read.append(found or self.known(number))

    def teardown(self) -> None:
        found = self.run(self.bot(1).overrides.find_overrides())
        mine = {each.schedule_id: each for each in found if each.schedule_id.startswith(f"{self.tag}:")}
        assert mine == self.stored
