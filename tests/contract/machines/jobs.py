"""Jobs that two bots add, claim, end, lose, replace and clean up."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from bot.models import UNDELIVERED_STATES, Job, JobState
from tests.contract.machines.harness import BOTS, LIMITS, SPANS, Ground, Machine
from tests.factories import make_job

SLOTS = st.integers(0, 4)
DELAYS = st.sampled_from([-5, 0, 5, 60]).map(lambda number: timedelta(seconds=number))
KINDS = st.lists(st.integers(0, 1), min_size=1, max_size=2, unique=True)
RUNS = st.integers(0, 2)  # 0 = of no run
STATES = st.lists(st.sampled_from(JobState), max_size=3, unique=True)
OUTCOMES = st.sampled_from(["mark", "extend", "postpone", "done", "dead", "unconfirmed"])


class JobsMachine(Machine):
    """Two bots and the jobs of one store."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.jobs: dict[str, Job] = {}  # in the order of adding
        self.claims: list[Job] = []  # as each bot remembers them

    def kinds(self, numbers: Iterable[int]) -> list[str]:
        return [self.named("kind", number) for number in numbers]

    def of(self, kinds: Collection[str]) -> list[Job]:
        """Return the jobs of these kinds, oldest first."""
        return sorted(
            (job for job in self.jobs.values() if job.kind in kinds), key=lambda job: job.created_at
        )

    @initialize(delays=st.lists(DELAYS, min_size=3, max_size=3))
    def begin(self, delays: list[timedelta]) -> None:
        for slot, delay in enumerate(delays):
            self.add(0, slot, slot % 2, slot, delay)

    @rule(bot=BOTS, slot=SLOTS, kind=st.integers(0, 1), run=RUNS, delay=DELAYS)
    def add(self, bot: int, slot: int, kind: int, run: int, delay: timedelta) -> None:
        job = make_job(
            id=self.named("job", slot),
            kind=self.named("kind", kind),
            run_id=self.named("run", run) if run else "",
            payload={"slot": slot},
            created_at=self.now() if slot % 2 else self.start,
            due_at=self.now() + delay,
        )
        assert self.run(self.bot(bot).store.add_job(job)) is (job.id not in self.jobs)
        self.jobs.setdefault(job.id, job)

    @rule(bot=BOTS, kinds=KINDS, lease=SPANS)
    def claim(self, bot: int, kinds: list[int], lease: timedelta) -> None:
        wanted, now, owner = self.kinds(kinds), self.now(), f"bot{bot}"
        due = {job.id: since(job) for job in self.of(wanted) if not job.state.ended and since(job) <= now}
        claimed = self.run(self.bot(bot).store.claim_job(wanted, owner, now, now + lease))
        if claimed is None:
            assert not due
            return
        assert due[claimed.id] == min(due.values())
        before = self.jobs[claimed.id]
        self.jobs[claimed.id] = replace(
            before,
            state=JobState.DOING,
            owner=owner,
            lease_until=now + lease,
            attempts=before.attempts + 1,
        )
        assert claimed == self.jobs[claimed.id]
        self.claims.append(claimed)

    @precondition(lambda self: self.claims)
    @rule(bot=BOTS, number=st.integers(0, 2), outcome=OUTCOMES, span=SPANS)
    def save(self, bot: int, number: int, outcome: str, span: timedelta) -> None:
        """Save what a bot made of one of the last claims, which may be lost."""
        place = max(0, len(self.claims) - 1 - number)  # mostly one of the last
        claim, now = self.claims[place], self.now()
        changes: dict[str, dict[str, object]] = {
            "mark": {"send_attempted": True},
            "extend": {"lease_until": now + span},
            "postpone": {"state": JobState.TODO, "due_at": now + span, "lease_until": None, "failures": 1},
        }
        ended = {"ended_at": now, "lease_until": None, "result": {"n": place}, "error": outcome}
        saved = replace(claim, **changes.get(outcome) or ended | {"state": JobState(outcome)})
        kept = self.jobs.get(claim.id)
        same = kept is not None and (kept.owner, kept.attempts) == (claim.owner, claim.attempts)
        valid = kept is not None and same and kept.state is JobState.DOING
        assert self.run(self.bot(bot).store.save_job(saved)) is valid
        if valid:
            self.jobs[claim.id] = self.claims[place] = saved

    @rule(bot=BOTS, kinds=KINDS, lease=SPANS, outcome=OUTCOMES)
    def work(self, bot: int, kinds: list[int], lease: timedelta, outcome: str) -> None:
        """Claim a job and save what became of it."""
        before = len(self.claims)
        self.claim(bot, kinds, lease)
        if len(self.claims) > before:
            self.save(bot, 0, outcome, lease)

    @rule(bot=BOTS, slots=st.lists(SLOTS, max_size=3))
    def make_due(self, bot: int, slots: list[int]) -> None:
        ids, now = [self.named("job", slot) for slot in slots], self.now()
        self.run(self.bot(bot).store.make_jobs_due(ids, now))
        for id_, job in self.jobs.items():
            if id_ in ids and job.state is JobState.TODO and job.due_at > now:
                self.jobs[id_] = replace(job, due_at=now)

    @rule(bot=BOTS, ahead=SPANS)
    def free_future(self, bot: int, ahead: timedelta) -> None:
        now, freed = self.now(), 0
        for id_, job in self.jobs.items():
            if not job.state.ended and since(job) > now + ahead:
                field = "due_at" if job.state is JobState.TODO else "lease_until"
                self.jobs[id_] = replace(job, **{field: now})
                freed += 1
        assert self.run(self.bot(bot).store.free_future(now, now + ahead)) == freed

    @rule(bot=BOTS, slot=SLOTS, by=SLOTS)
    def replace_job(self, bot: int, slot: int, by: int) -> None:
        """Give up what is due, if anything is, and replace one that was given up."""
        self.work(bot, [0, 1], timedelta(seconds=1), "dead")
        open_ = [job.id for job in self.jobs.values() if job.state in UNDELIVERED_STATES]
        id_, later = [*open_, self.named("job", slot)][slot % (len(open_) + 1)], self.named("later", by)
        for name in (later, f"{later} again"):
            self.run(self.bot(bot).store.mark_replaced(id_, name))
        job = self.jobs.get(id_)
        if job and job.state in UNDELIVERED_STATES and not job.replaced_by:
            self.jobs[id_] = replace(job, replaced_by=later)

    @rule(bot=BOTS, kinds=KINDS, back=SPANS, limit=LIMITS)
    def clear_payloads(self, bot: int, kinds: list[int], back: timedelta, limit: int) -> None:
        wanted, before = self.kinds(kinds), self.now() - timedelta(seconds=2)
        full = [job for job in by_end(self.of(wanted)) if job.payload and job.ended_at]
        spanned = [job for job in full if job.ended_at and before - back <= job.ended_at < before][:limit]
        cleared = self.run(self.bot(bot).store.clear_payloads(wanted, before - back, before, limit=limit))
        assert cleared == len(spanned)
        self.jobs |= {job.id: replace(job, payload={}) for job in spanned}

    @rule(bot=BOTS, back=SPANS, limit=LIMITS)
    def purge(self, bot: int, back: timedelta, limit: int) -> None:
        before = self.now() - back
        old = [job for job in self.of(self.kinds([0, 1])) if not job.run_id and job.state.ended]
        gone = [job for job in old if job.created_at < before]
        purged = self.run(self.bot(bot).retention.purge_jobs(before, limit=len(gone) or limit))
        assert purged == len(gone)  # of those of the same instant, none is the first
        for job in gone:
            del self.jobs[job.id]

    @rule(bot=BOTS, run=st.integers(1, 2), really=st.booleans())
    def delete_run(self, bot: int, run: int, really: bool) -> None:
        if not really:
            return
        self.run(self.bot(bot).retention.delete_runs([self.named("run", run)]))
        self.jobs = {id_: job for id_, job in self.jobs.items() if job.run_id != self.named("run", run)}

    @rule(bot=BOTS, kind=st.integers(0, 1), run=RUNS, states=STATES, limit=LIMITS)
    def find(self, bot: int, kind: int, run: int, states: list[JobState], limit: int) -> None:
        name, of_run = self.named("kind", kind), self.named("run", run) if run else ""
        found = self.run(self.bot(bot).store.find_jobs(run_id=of_run, kind=name, states=states, limit=limit))
        fitting = [job for job in self.of([name]) if not states or job.state in states]
        assert list(found) == [job for job in fitting if not of_run or job.run_id == of_run][:limit]

    @rule(bot=BOTS, kinds=KINDS, back=SPANS, states=STATES)
    def find_ended(self, bot: int, kinds: list[int], back: timedelta, states: list[JobState]) -> None:
        wanted, after = self.kinds(kinds), self.now() - back
        ended = [job for job in by_end(self.of(wanted)) if job.ended_at and job.ended_at >= after]
        found = self.run(self.bot(bot).store.find_ended(wanted, after, states))
        assert list(found) == [job for job in ended if not states or job.state in states]

    @rule(bot=BOTS, kinds=KINDS, run=RUNS, limit=LIMITS)
    def find_undelivered(self, bot: int, kinds: list[int], run: int, limit: int) -> None:
        """Find what was given up, after giving up what is due."""
        self.work(bot, kinds, timedelta(seconds=1), "dead")
        wanted, of_run, store = self.kinds(kinds), self.named("run", run) if run else "", self.bot(bot).store
        open_ = [job for job in self.of(wanted) if job.state in UNDELIVERED_STATES and not job.replaced_by]
        found = self.run(store.find_undelivered(wanted, run_id=of_run, limit=limit))
        assert list(found) == [job for job in open_ if not of_run or job.run_id == of_run][-limit:]
        counts = {state: sum(job.state is state for job in open_) for state in UNDELIVERED_STATES}
        assert self.run(store.count_undelivered(wanted)) == counts

    @invariant()
    def both_see_the_same(self) -> None:
        kinds = self.kinds([0, 1])
        due = min((since(job) for job in self.of(kinds) if not job.state.ended), default=None)
        assert self.run(self.bot(0).store.next_due(kinds)) == due
        for bot, kind in enumerate(kinds):
            assert list(self.run(self.bot(bot).store.find_jobs(kind=kind))) == self.of([kind])

    def teardown(self) -> None:
        """Compare all jobs, and leave none that another example would count."""
        store, retention = self.bot(1).store, self.bot(1).retention
        for kind in self.kinds([0, 1]):
            assert list(self.run(store.find_jobs(kind=kind))) == self.of([kind])
        for number in range(5):
            id_ = self.named("job", number)
            assert self.run(store.find_job(id_)) == self.jobs.get(id_)
        self.run(retention.delete_runs([self.named("run", run) for run in (1, 2)]))
        end = self.now() + timedelta(hours=1)
        while job := self.run(store.claim_job(self.kinds([0, 1]), "end", end, end + timedelta(hours=1))):
            self.run(store.save_job(replace(job, state=JobState.DONE, ended_at=end, lease_until=None)))
        self.run(retention.purge_jobs(end, limit=100))


def since(job: Job) -> datetime:
    """Return when an open job can be claimed."""
    return job.lease_until or job.due_at


def by_end(jobs: list[Job]) -> list[Job]:
    """Return ended jobs in the order of their ends, which are never the same."""
    return sorted((job for job in jobs if job.ended_at), key=lambda job: job.ended_at or job.created_at)
