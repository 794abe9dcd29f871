"""Requests that wait for a second person, and other reservations of keys."""

from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from bot.models import Person, Reservation, Schedule, Trigger
from bot.runs.approvals import Act, ApprovalRequest, Approvals, ProtectionPolicy
from tests.contract.machines.harness import BOTS, SPANS, Ground, Machine
from tests.factories import make_schedule

SCHEDULES = st.integers(0, 1)
KEYS = st.integers(0, 1)
PEOPLE = st.sampled_from([Person(id="user01", name="李雷"), Person(id="user02", name="韩梅梅")])
TTL = timedelta(seconds=60)


class ApprovalsMachine(Machine):
    """Two bots through which people ask and agree."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.waiting: dict[str, tuple[ApprovalRequest, datetime]] = {}  # and until when
        self.reserved: dict[str, Reservation] = {}
        self.asked = 0

    def approvals(self, bot: int) -> Approvals:
        policy = ProtectionPolicy(ttl=TTL)
        return Approvals(self.bot(bot).reservations, policy, clock=self.clock)

    def schedule(self, number: int) -> Schedule:
        return make_schedule(id=self.named("schedule", number))

    def valid(self, schedule: int) -> ApprovalRequest | None:
        """Return the request of a schedule that waits now."""
        request, until = self.waiting.get(self.named("schedule", schedule), (None, self.start))
        return request if until > self.clock() else None

    @rule(bot=BOTS, schedule=SCHEDULES, who=PEOPLE, act=st.sampled_from(Act), again=st.booleans())
    def ask(self, bot: int, schedule: int, who: Person, act: Act, again: bool) -> None:
        self.asked += 0 if again else 1
        key = self.named(f"ask:{schedule}:{who.id}:{act}", self.asked)
        request = ApprovalRequest(act=act, key=key, person=who, trigger=Trigger.CHAT, run_id="r1")
        now = self.now()
        if self.valid(schedule) is None:
            self.waiting[self.named("schedule", schedule)] = (request, now + TTL)
        told = self.run(self.approvals(bot).ask(self.schedule(schedule), request))
        first, until = self.waiting[self.named("schedule", schedule)]
        assert (told.values["by"], told.values["act"]) == (str(first.person), first.act.value)
        assert told.values["until"] == until

    @rule(bot=BOTS, schedule=SCHEDULES)
    def find(self, bot: int, schedule: int) -> None:
        found = self.run(self.approvals(bot).find(self.schedule(schedule)))
        assert found == self.valid(schedule)

    @rule(bot=BOTS, schedule=SCHEDULES, who=PEOPLE)
    def agree(self, bot: int, schedule: int, who: Person) -> None:
        """Carry out what waits. The same request is not found a second time."""
        request = self.valid(schedule)
        if request is None:
            return
        for _ in range(2):
            self.run(self.approvals(bot).close(self.schedule(schedule), request, who))
        del self.waiting[self.named("schedule", schedule)]
        assert self.run(self.approvals(1 - bot).find(self.schedule(schedule))) is None

    @rule(bot=BOTS, number=KEYS, owner=st.integers(0, 1), span=SPANS)
    def reserve(self, bot: int, number: int, owner: int, span: timedelta) -> None:
        key, now = self.named("key", number), self.now()
        wanted = Reservation(
            key=key, owner=f"bot{owner}", since=now, until=now + span, details={"a.b": number}
        )
        known = self.reserved.get(key)
        if known is None or known.until <= now:
            self.reserved[key] = wanted
        assert self.run(self.bot(bot).reservations.reserve(wanted)) == self.reserved[key]

    @rule(bot=BOTS, number=KEYS, owner=st.integers(0, 1))
    def release(self, bot: int, number: int, owner: int) -> None:
        key = self.named("key", number)
        known = self.reserved.get(key)
        mine = known is not None and known.owner == f"bot{owner}"
        assert self.run(self.bot(bot).reservations.release(key, f"bot{owner}")) is mine
        if mine:
            del self.reserved[key]

    @invariant()
    def both_see_the_same(self) -> None:
        for number in (0, 1):
            self.find(number, number)
            self.find_reservation(number, number)

    @rule(bot=BOTS, number=KEYS)
    def find_reservation(self, bot: int, number: int) -> None:
        key, now = self.named("key", number), self.now()
        known = self.reserved.get(key)
        found = self.run(self.bot(bot).reservations.find_reservation(key, now))
        assert found == (known if known and known.until > now else None)
