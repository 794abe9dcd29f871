"""Runs of two schedules, their reports and values, as two bots add, change and delete them."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from bot.models import ExportStatus, PushStatus, Report, Run, RunStatus
from tests.contract.machines.harness import BOTS, LIMITS, SPANS, Ground, Machine
from tests.factories import make_report, make_run, make_schedule

RUNS = st.integers(0, 5)
SCHEDULES = st.integers(0, 1)
STATUSES = st.sampled_from(RunStatus)
CHANGES = st.sampled_from([
    {"push_status": PushStatus.SUCCESS},
    {"export_status": ExportStatus.ERROR, "export_error": "full"},
    {"task_ids": ("t1", "t2")},
    {"muted_before": 2},
])


class RunsMachine(Machine):
    """Two bots and the runs of one store."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.runs: dict[str, Run] = {}  # in the order of adding
        self.reports: dict[str, Report] = {}
        self.values: dict[str, str] = {}

    def newest(self, schedule: int) -> list[Run]:
        name = self.named("schedule", schedule)
        mine = [run for run in reversed(self.runs.values()) if run.schedule_id == name]
        return sorted(mine, key=lambda run: run.start_time, reverse=True)

    def last(self, schedule: int) -> Run | None:
        """Return the run of a schedule that was added last."""
        return max(self.newest(schedule), key=lambda run: run.ordinal, default=None)

    @initialize()
    def begin(self) -> None:
        for number in range(4):
            self.add(number % 2, number)

    @rule(bot=BOTS, number=RUNS)
    def add(self, bot: int, number: int) -> None:
        schedule = make_schedule(id=self.named("schedule", number % 2))
        started = self.now() if number % 3 else self.start
        run = make_run(id=self.named("run", number), schedule=schedule, start_time=started)
        new = run.id not in self.runs
        assert self.run(self.bot(bot).store.add_run(run)) is new
        if new:
            last = self.last(number % 2)
            self.runs[run.id] = replace(run, ordinal=last.ordinal + 1 if last else 1)

    @rule(bot=BOTS, number=RUNS, changes=CHANGES, when=st.none() | STATUSES)
    def update(self, bot: int, number: int, changes: dict[str, object], when: RunStatus | None) -> None:
        id_ = self.named("run", number)
        run = self.runs.get(id_)
        if run and when in {None, run.status}:
            self.runs[id_] = run = replace(run, **changes)  # type: ignore[arg-type]
        else:
            run = None
        assert self.run(self.bot(bot).store.update_run(id_, changes, when=when)) == run

    @rule(bot=BOTS, number=RUNS, status=st.sampled_from([RunStatus.FINISHED, RunStatus.ERROR]))
    def end(self, bot: int, number: int, status: RunStatus) -> None:
        """Of two bots that end a run, one does."""
        id_ = self.named("run", number)
        run, changes = self.runs.get(id_), {"status": status, "end_time": self.now()}
        ended = self.run(self.bot(bot).store.update_run(id_, changes, when=RunStatus.RUNNING))
        assert (ended is not None) is (run is not None and run.status is RunStatus.RUNNING)
        if ended and run:
            self.runs[id_] = replace(run, **changes)
            assert ended == self.runs[id_]

    @rule(bot=BOTS, number=RUNS, rows=st.integers(0, 9))
    def save_report(self, bot: int, number: int, rows: int) -> None:
        report = make_report(
            run_id=self.named("run", number),
            schedule_id=self.named("schedule", number % 2),
            made_at=self.now(),
            rows=rows,
        )
        self.run(self.bot(bot).store.save_report(report))
        self.reports[report.run_id] = report

    @rule(bot=BOTS, number=RUNS, value=st.sampled_from(["", "1", "二"]))
    def set_value(self, bot: int, number: int, value: str) -> None:
        self.run(self.bot(bot).store.set_value(self.named("key", number), value))
        self.values[self.named("key", number)] = value

    @rule(bot=BOTS, numbers=st.lists(RUNS, max_size=2), fresh=st.booleans())
    def delete_values(self, bot: int, numbers: list[int], fresh: bool) -> None:
        """Delete values, which may be `fresh`: just set by the other bot."""
        for number in numbers if fresh else ():
            self.set_value(1 - bot, number, "1")
        keys = [self.named("key", number) for number in numbers]
        self.run(self.bot(bot).retention.delete_values(keys))
        self.values = {key: value for key, value in self.values.items() if key not in keys}

    @rule(bot=BOTS, ending=st.lists(RUNS, max_size=3), back=st.just(timedelta()) | SPANS, limit=LIMITS)
    def delete_old(self, bot: int, ending: list[int], back: timedelta, limit: int) -> None:
        """Delete the oldest ended runs of a span with those of the same instant, but no last ones."""
        for number in ending:
            self.end(1 - bot, number, RunStatus.FINISHED)
        since, before = self.start - timedelta(days=1), self.now() - back
        ended = [run for run in self.runs.values() if run.status is not RunStatus.RUNNING]
        old = sorted((run for run in ended if run.start_time < before), key=lambda run: run.start_time)
        last = old[:limit][-1].start_time if old else before
        batch = [run for run in old if run.start_time <= last]
        assert list(self.run(self.bot(bot).retention.find_old_runs(since, before, limit=limit))) == batch
        last_ones = {newest.id for newest in map(self.last, (0, 1)) if newest}
        ids = [run.id for run in batch if run.id not in last_ones]
        self.run(self.bot(bot).retention.delete_runs(ids))
        self.runs = {id_: run for id_, run in self.runs.items() if id_ not in ids}
        self.reports = {id_: report for id_, report in self.reports.items() if id_ not in ids}

    @rule(bot=BOTS, schedule=SCHEDULES, status=st.none() | STATUSES, limit=st.integers(0, 3))
    def find(self, bot: int, schedule: int, status: RunStatus | None, limit: int) -> None:
        name = self.named("schedule", schedule)
        found = self.run(self.bot(bot).store.find_runs(status=status, schedule_id=name, limit=limit))
        fitting = [run for run in self.newest(schedule) if status in {None, run.status}]
        assert list(found) == (fitting[:limit] if limit else fitting)

    @rule(bot=BOTS, schedule=SCHEDULES, limit=LIMITS)
    def find_reports(self, bot: int, schedule: int, limit: int) -> None:
        name = self.named("schedule", schedule)
        found = self.run(self.bot(bot).store.find_reports(schedule_id=name, limit=limit))
        mine = [report for report in self.reports.values() if report.schedule_id == name]
        assert list(found) == sorted(mine, key=lambda report: report.made_at, reverse=True)[:limit]

    @invariant()
    def both_see_the_same(self) -> None:
        for number in (0, 1):
            found = self.run(
                self.bot(number).store.find_runs(schedule_id=self.named("schedule", number), limit=0)
            )
            assert list(found) == self.newest(number)

    def teardown(self) -> None:
        store = self.bot(1).store
        for number in range(6):
            id_, key = self.named("run", number), self.named("key", number)
            assert self.run(store.find_run(id_)) == self.runs.get(id_)
            report = self.reports.get(id_)
            assert list(self.run(store.find_reports(run_id=id_))) == ([report] if report else [])
            assert self.run(store.find_value(key)) == self.values.get(key)
