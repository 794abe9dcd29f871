"""Detects which tasks belong to which trigger of a schedule, from ARL's documents alone. Pure.

ARL stores no link between them. One fork does (`task_schedule_run`), but not for all runs. At a trigger, the
scheduler increments `run_number` and inserts one task after the other:

- A recurrent task is named `周期任务-<name>-<run_number + 1>`, a future one `定时任务-<name>`.
- The number of tasks follows from the targets, so a run is known to be complete.
- Tasks that have not appeared after `SETTLE_TIME` are reported as missing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

from bot.engines.arl.documents import (
    FUTURE,
    MAX_NAME_LENGTH,
    NAME_PREFIXES,
    RECURRENT,
    RESTART_PREFIX,
    Document,
    TaskSpec,
    created_at,
    is_id,
    parse_epoch,
    parse_targets,
    task_spec,
    task_specs,
)
from bot.engines.arl.triggers import SETTLE_TIME, Trigger

DETECTION_LOOKBACK = timedelta(minutes=10)  # before the window, so that no run is cut at its start
MAX_ID_SKEW = timedelta(seconds=2)  # between the scheduler's time and that of an id
MAX_DIGITS = 9  # of the number in the name of a task


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A schedule of ARL with the tasks that a trigger of it creates."""

    id: str
    name: str
    kind: str
    tag: str
    policy: str
    specs: tuple[TaskSpec, ...]
    number: int  # run_number of its last trigger
    last_trigger: datetime | None  # of a future scan: the time it was planned for

    @cached_property
    def expected(self) -> frozenset[TaskSpec]:
        return frozenset(self.specs)

    @property
    def name_key(self) -> tuple[str, str, str]:
        """Plans with the same key create tasks with the same names."""
        return self.kind, self.name[:MAX_NAME_LENGTH], self.tag


@dataclass(frozen=True, kw_only=True)
class FoundRun:
    """A trigger with the tasks it created, in the order of the schedule, and the specs of missing ones."""

    schedule_id: str
    number: int
    task_ids: tuple[str, ...]
    missing: tuple[TaskSpec, ...]
    start: datetime
    newest: datetime | None = None  # creation time of its newest task by ARL's clock

    @property
    def last_sign(self) -> datetime:
        return self.newest or self.start

    @property
    def trigger(self) -> Trigger:
        return self.schedule_id, self.number


class Block:
    """Tasks that one trigger inserted, in their order. `expected` holds the specs of each possible plan."""

    def __init__(self, expected: Sequence[Collection[TaskSpec]]) -> None:
        self._expected = expected
        self.tasks: dict[TaskSpec, str] = {}
        self.policies: set[object] = set()

    @property
    def ids(self) -> list[str]:
        return list(self.tasks.values())

    @property
    def start(self) -> datetime:
        return created_at(next(iter(self.tasks.values())))

    @property
    def newest(self) -> datetime:
        return created_at(next(reversed(self.tasks.values())))

    def add(self, task: Document) -> bool:
        """Add a task if it continues the block. Returns True if it was added."""
        spec, id_ = task_spec(task), str(task["_id"])
        expected = [specs for specs in self._expected if spec in specs]
        if not expected or spec in self.tasks or not self._is_near(id_):
            return False
        self._expected = expected
        self.tasks[spec] = id_
        self.policies.add(task["options"]["policy_name"])
        return True

    def _is_near(self, id_: str) -> bool:
        if not self.tasks:
            return True
        last = next(reversed(self.tasks.values()))
        return _process(last) == _process(id_) and created_at(id_) - created_at(last) <= SETTLE_TIME


def parse_plan(schedule: Document) -> Plan:
    recurrent = schedule.get("schedule_type") == RECURRENT
    return Plan(
        id=schedule["_id"],
        name=str(schedule.get("name")),
        kind=RECURRENT if recurrent else FUTURE,
        tag=str(schedule.get("task_tag")),
        policy=str(schedule.get("policy_name")),
        specs=task_specs(parse_targets(schedule.get("target")), str(schedule.get("task_tag"))),
        number=int(schedule.get("run_number") or 0),
        last_trigger=parse_epoch(schedule.get("last_run_time" if recurrent else "start_time")),
    )


def parse_run_record(record: Document) -> FoundRun:
    """Parse the run record of a fork, which is complete from the start.

    Raises `ValueError` or `TypeError` if its task ids are not those of ARL.
    """
    ids = tuple(map(str, record.get("task_ids") or ()))
    if not all(map(is_id, ids)):
        raise ValueError("not ids of tasks")
    return FoundRun(
        schedule_id=str(record["schedule_id"]),
        number=int(record.get("run_number") or 0),
        task_ids=ids,
        missing=() if ids else (("none", frozenset()),),
        start=parse_epoch(record.get("start_time")) or created_at(record["_id"]),
    )


def detect_runs(
    plans: Sequence[Plan],
    tasks: Sequence[Document],
    *,
    since: datetime,
    raised: Mapping[Trigger, datetime] = MappingProxyType({}),
) -> list[FoundRun]:
    """Detect the triggers since a time, each with its missing tasks.

    `tasks` holds the scheduled tasks since `DETECTION_LOOKBACK` before that time. `raised` holds the times at
    which the numbers of triggers were observed to increase.
    """
    found = [_run(plan, number, block) for plan, number, block in _assign_blocks(plans, tasks)]
    seen = {run.trigger for run in found}
    found += [run for plan in plans for run in _untasked_triggers(plan, raised) if run.trigger not in seen]
    return [run for run in found if run.start >= since]


def _assign_blocks(plans: Sequence[Plan], tasks: Sequence[Document]) -> list[tuple[Plan, int, Block]]:
    """Assign blocks of tasks to plans: plan, number of the trigger, block."""
    named: dict[tuple[tuple[str, str, str], int], list[Document]] = defaultdict(list)
    for task in tasks:
        if key := _name_key_and_number(task):
            named[key].append(task)
    same_key: dict[tuple[str, str, str], list[Plan]] = defaultdict(list)
    for plan in plans:
        same_key[plan.name_key].append(plan)
    assigned: list[tuple[Plan, int, Block]] = []
    for (name_key, number), same_name in named.items():
        blocks = _blocks(same_name, [plan.expected for plan in same_key[name_key]])
        assigned += _share(same_key[name_key], number, blocks)
    return assigned


def _name_key_and_number(task: Document) -> tuple[tuple[str, str, str], int] | None:
    """Parse the name of a task. The number in it is one more than that of the trigger."""
    head, _, rest = str(task.get("name")).partition("-")
    tag = str(task.get("task_tag"))
    if head == NAME_PREFIXES[FUTURE]:
        return (FUTURE, rest, tag), 0
    name, _, number = rest.rpartition("-")
    if head == NAME_PREFIXES[RECURRENT] and number.isdecimal() and len(number) <= MAX_DIGITS:
        return (RECURRENT, name, tag), int(number) - 1
    return None


def _blocks(tasks: Sequence[Document], expected: Sequence[Collection[TaskSpec]]) -> list[Block]:
    """Group tasks of the same name: inserted by one process, close together, expected by one plan."""
    blocks: list[Block] = []
    for task in sorted(tasks, key=lambda task: (_process(task["_id"]), task["_id"])):
        if blocks and blocks[-1].add(task):
            continue
        block = Block(expected)
        if block.add(task):
            blocks.append(block)
    return sorted(blocks, key=lambda block: (block.start, -len(block.tasks), block.ids[0]))


def _process(id_: str) -> str:
    """Return the part of an id that names the process. Tasks that people copied have another one."""
    return id_[8:18]


def _share(plans: Sequence[Plan], number: int, blocks: Sequence[Block]) -> list[tuple[Plan, int, Block]]:
    """Assign each block to the closest plan.

    Numbers of a future scan count backwards from its last trigger.
    """
    shares: dict[str, list[Block]] = defaultdict(list)
    for block in blocks:
        free = [plan for plan in plans if plan.kind == FUTURE or plan.id not in shares]
        fitting = [plan for plan in free if _fits(plan, number, block)]
        if fitting:
            distances = {
                plan.id: _distance(plan, number, block, len(shares.get(plan.id, ()))) for plan in fitting
            }
            shares[min(distances, key=lambda id_: distances[id_])].append(block)
    return [
        (
            plan,
            number if plan.kind == RECURRENT else plan.number - len(shares.get(plan.id, ())) + place,
            block,
        )
        for plan in plans
        for place, block in enumerate(shares.get(plan.id, ()), 1)
    ]


def _fits(plan: Plan, number: int, block: Block) -> bool:
    """Tell if this trigger of the plan can have created the block."""
    if not block.tasks.keys() <= plan.expected:
        return False
    start = block.start
    if plan.kind == FUTURE:
        return plan.number > 0 and (plan.last_trigger is None or start + MAX_ID_SKEW >= plan.last_trigger)
    if number == plan.number:
        return plan.last_trigger is None or start + MAX_ID_SKEW >= plan.last_trigger
    return 0 < number < plan.number and (plan.last_trigger is None or start <= plan.last_trigger)


def _distance(plan: Plan, number: int, block: Block, assigned: int) -> tuple[Any, ...]:
    """Rate how badly a block fits: missing specs, other policy, earlier blocks, time since the trigger."""
    from_last = plan.last_trigger and number in {0, plan.number}
    delay = block.start - plan.last_trigger if plan.last_trigger and from_last else timedelta.max
    return len(plan.specs) - len(block.tasks), block.policies != {plan.policy}, assigned, delay, plan.id


def _run(plan: Plan, number: int, block: Block) -> FoundRun:
    created = block.tasks
    return FoundRun(
        schedule_id=plan.id,
        number=number,
        task_ids=tuple(created[spec] for spec in plan.specs if spec in created),
        missing=tuple(spec for spec in plan.specs if spec not in created),
        start=block.start,
        newest=block.newest,
    )


def _untasked_triggers(plan: Plan, raised: Mapping[Trigger, datetime]) -> Iterator[FoundRun]:
    """Yield the last trigger of a plan if it is known and has no task: refused as a whole, or deleted.

    The document of a future scan keeps the planned time even if it is late. Only an observed increase of its
    number tells more.
    """
    seen = raised.get((plan.id, plan.number)) if plan.kind == FUTURE else None
    known = plan.number > 0 if plan.kind == RECURRENT else plan.number == 1 or seen
    start = max(filter(None, (plan.last_trigger, seen)), default=None)
    if known and start:
        yield FoundRun(schedule_id=plan.id, number=plan.number, task_ids=(), missing=plan.specs, start=start)


@dataclass(frozen=True, kw_only=True)
class OrphanRun:
    """Tasks that belong together and to no trigger of an existing schedule. `name` may be cut."""

    key: str
    name: str
    targets: tuple[str, ...]
    task_ids: tuple[str, ...]
    start: datetime
    schedule_id: str = ""  # if the schedule still exists


def detect_orphan_runs(
    plans: Sequence[Plan], tasks: Sequence[Document], *, since: datetime, now: datetime
) -> list[OrphanRun]:
    """Detect triggers of schedules deleted before a poll, and tasks that people restarted in ARL.

    Only tasks older than `SETTLE_TIME` count. By then new schedules have been read, and restarts by DingRun
    are recorded as its runs.
    """
    name_keys = {plan.name_key for plan in plans}
    named: dict[tuple[bool, tuple[str, str, str], int], list[Document]] = defaultdict(list)
    for task in tasks:
        name = str(task.get("name"))
        again, key = (
            name.startswith(RESTART_PREFIX),
            _name_key_and_number({**task, "name": name.removeprefix(RESTART_PREFIX)}),
        )
        if key and (again or key[0] not in name_keys):
            named[again, *key].append(task)
    found = [
        _orphan(plans, key, block)
        for key, same_name in named.items()
        for block in _blocks(same_name, [{task_spec(task) for task in same_name}])
        if block.start >= since and now - block.newest >= SETTLE_TIME
    ]
    return sorted(found, key=lambda run: run.start)


def _orphan(plans: Sequence[Plan], key: tuple[bool, tuple[str, str, str], int], block: Block) -> OrphanRun:
    again, name_key, number = key
    kind, name, tag = name_key
    counted = kind == RECURRENT and not again
    same_key = (plan for plan in plans if again and plan.name_key == name_key)
    owners = (plan for plan in same_key if block.tasks.keys() <= plan.expected)
    return OrphanRun(
        key=f"{kind}-{tag}-{name}:{number}" if counted else f"{kind}-{tag}-{name}:{block.ids[0]}",
        name=name,
        targets=tuple(target for spec in block.tasks for target in sorted(spec[1])),
        task_ids=tuple(block.ids),
        start=block.start,
        schedule_id=next((plan.id for plan in owners), ""),
    )
