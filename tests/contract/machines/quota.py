"""Usage and rate limiters of two bots. The model of a limiter is the list of all slots that were given."""

from collections import defaultdict
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.contract.machines.harness import BOTS, SPANS, Ground, Machine

LIMITERS = st.sampled_from([(0, 1, 1), (1, 3, 10), (2, 4, 60)])  # number, capacity, span in seconds
MONTHS = st.integers(0, 1)
USED = st.sampled_from(["api", "stream_webhook"])


class QuotaMachine(Machine):
    """Two bots that share the quota of a month and the slots of limiters."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.used: dict[str, dict[str, int]] = defaultdict(dict)
        self.given: dict[str, list[datetime]] = defaultdict(list)
        self.blocked: dict[str, datetime] = {}

    @rule(bot=BOTS, month=MONTHS, kind=USED, calls=st.integers(-3, 9))
    def add_usage(self, bot: int, month: int, kind: str, calls: int) -> None:
        used = self.used[self.named("month", month)]
        used[kind] = used.get(kind, 0) + calls
        total = self.run(self.bot(bot).quota.add_usage(self.named("month", month), kind, calls))
        assert total == used[kind]

    @invariant()
    def both_see_the_same(self) -> None:
        for number in (0, 1):
            self.usage(number, number)

    @rule(bot=BOTS, month=MONTHS)
    def usage(self, bot: int, month: int) -> None:
        name = self.named("month", month)
        assert self.run(self.bot(bot).quota.usage(name)) == self.used[name]

    @rule(bot=BOTS, limiter=LIMITERS)
    def acquire(self, bot: int, limiter: tuple[int, int, int]) -> None:
        number, capacity, seconds = limiter
        name, now, span = self.named("limiter", number), self.now(), timedelta(seconds=seconds)
        taken = [at for at in self.given[name] if at > now - span]
        free_at = sorted(taken)[0] + span if len(taken) >= capacity else now
        free_at = max(free_at, self.blocked.get(name, now))
        found = self.run(self.bot(bot).quota.acquire(name, capacity, now, span))
        assert found == (free_at if free_at > now else None)
        if found is None:
            self.given[name].append(now)

    @rule(bot=BOTS, limiter=LIMITERS, span=SPANS)
    def block(self, bot: int, limiter: tuple[int, int, int], span: timedelta) -> None:
        """Block a limiter. A shorter block after it changes nothing."""
        name, until = self.named("limiter", limiter[0]), self.now() + span
        for end in (until, until - span / 2):
            self.run(self.bot(bot).quota.block_until(name, end))
        self.blocked[name] = max(until, self.blocked.get(name, until))

    @rule(bot=BOTS, limiter=LIMITERS)
    def blocked_until(self, bot: int, limiter: tuple[int, int, int]) -> None:
        name = self.named("limiter", limiter[0])
        assert self.run(self.bot(bot).quota.blocked_until(name)) == self.blocked.get(name)
