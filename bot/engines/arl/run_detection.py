"""Which tasks belong to which trigger of a schedule, from ARL's documents alone. Pure.

ARL itself keeps no link; one fork does (`task_schedule_run`), and what it lacks is found here as well. What
is known: the scheduler raises `run_number`, then inserts one task after the other, named
`周期任务-<name>-<run_number + 1>` or `定时任务-<name>`; which tasks those are follows from the targets. So
a run can be counted, and what never came is told after a time of grace.
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

DETECTION_LOOKBACK = timedelta(minutes=10)  # a run whose first tasks are older is not seen whole
MAX_ID_SKEW = timedelta(seconds=2)  # the scheduler's second and the id's
MAX_DIGITS = 9  # of the number in a name


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a schedule of ARL lets one expect of a trigger."""

    id: str
    name: str
    kind: str
    tag: str
    policy: str
    specs: tuple[TaskSpec, ...]
    number: int  # of its last trigger
    last_trigger: datetime | None  # when that was; of a future scan: when it was meant to be

    @cached_property
    def expected(self) -> frozenset[TaskSpec]:
        return frozenset(self.specs)

    @property
    def name_key(self) -> tuple[str, str, str]:
        """Plans with one stem make tasks with the same names."""
        return self.kind, self.name[:MAX_NAME_LENGTH], self.tag


@dataclass(frozen=True, kw_only=True)
class FoundRun:
    """One trigger: the tasks it made, in the order of the schedule, and what it lacks."""

    schedule_id: str
    number: int
    task_ids: tuple[str, ...]
    missing: tuple[TaskSpec, ...]
    start: datetime
    newest: datetime | None = None  # its last sign by ARL's clock, where that is not its start

    @property
    def last_sign(self) -> datetime:
        return self.newest or self.start

    @property
    def trigger(self) -> Trigger:
        return self.schedule_id, self.number


class Block:
    """Tasks that one trigger inserted, in their order; `expected` are the aims of each plan."""

    def __init__(self, expected: Sequence[Collection[TaskSpec]]) -> None:
        self._expected = expected
        self.made: dict[TaskSpec, str] = {}
        self.policies: set[object] = set()

    @property
    def ids(self) -> list[str]:
        return list(self.made.values())

    @property
    def start(self) -> datetime:
        return created_at(next(iter(self.made.values())))

    @property
    def newest(self) -> datetime:
        return created_at(next(reversed(self.made.values())))

    def takes(self, task: Document) -> bool:
        """Take a task in, if it goes on what is there."""
        aim, id_ = task_spec(task), str(task["_id"])
        expected = [aims for aims in self._expected if aim in aims]
        if not expected or aim in self.made or not self._is_near(id_):
            return False
        self._expected = expected
        self.made[aim] = id_
        self.policies.add(task["options"]["policy_name"])
        return True

    def _is_near(self, id_: str) -> bool:
        if not self.made:
            return True
        last = next(reversed(self.made.values()))
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
    """What the fork has written down: a record is complete as soon as it is there.

    Raises `ValueError` or `TypeError` where it names no tasks as ARL does.
    """
    ids = tuple(map(str, record.get("task_ids") or ()))
    if not all(map(is_id, ids)):
        raise ValueError("no ids of tasks")
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
    """The triggers since a time, with what each still lacks.

    `tasks` are those with names of scheduled tasks, from a little (`EARLIER`) before that time on; `raised`
    says when the numbers of triggers were seen to go up.
    """
    found = [_run(plan, number, block) for plan, number, block in _owned(plans, tasks)]
    seen = {run.trigger for run in found}
    found += [run for plan in plans for run in _vanished(plan, raised) if run.trigger not in seen]
    return [run for run in found if run.start >= since]


def _owned(plans: Sequence[Plan], tasks: Sequence[Document]) -> list[tuple[Plan, int, Block]]:
    """Each plan with the number and the tasks of a trigger of its."""
    named: dict[tuple[tuple[str, str, str], int], list[Document]] = defaultdict(list)
    for task in tasks:
        if key := _stem_and_number(task):
            named[key].append(task)
    twins: dict[tuple[str, str, str], list[Plan]] = defaultdict(list)
    for plan in plans:
        twins[plan.name_key].append(plan)
    owned: list[tuple[Plan, int, Block]] = []
    for (stem, number), alike in named.items():
        blocks = _blocks(alike, [plan.expected for plan in twins[stem]])
        owned += _shared_out(twins[stem], number, blocks)
    return owned


def _stem_and_number(task: Document) -> tuple[tuple[str, str, str], int] | None:
    """Whose trigger, by name, a task is of; the number in its name is one more than the trigger's."""
    head, _, rest = str(task.get("name")).partition("-")
    tag = str(task.get("task_tag"))
    if head == NAME_PREFIXES[FUTURE]:
        return (FUTURE, rest, tag), 0
    name, _, number = rest.rpartition("-")
    if head == NAME_PREFIXES[RECURRENT] and number.isdecimal() and len(number) <= MAX_DIGITS:
        return (RECURRENT, name, tag), int(number) - 1
    return None


def _blocks(tasks: Sequence[Document], expected: Sequence[Collection[TaskSpec]]) -> list[Block]:
    """Tasks of the same name as they were inserted: one process, close together, what one plan expects."""
    blocks: list[Block] = []
    for task in sorted(tasks, key=lambda task: (_process(task["_id"]), task["_id"])):
        if blocks and blocks[-1].takes(task):
            continue
        block = Block(expected)
        if block.takes(task):
            blocks.append(block)
    return sorted(blocks, key=lambda block: (block.start, -len(block.made), block.ids[0]))


def _process(id_: str) -> str:
    """The part of an id that tells the process: the scheduler's tasks from those that people copied."""
    return id_[8:18]


def _shared_out(plans: Sequence[Plan], number: int, blocks: Sequence[Block]) -> list[tuple[Plan, int, Block]]:
    """Whose each block is; of a future scan the number is counted from its last trigger backwards."""
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
    """Whether this trigger of the plan can have made the block."""
    if not block.made.keys() <= plan.expected:
        return False
    start = block.start
    if plan.kind == FUTURE:
        return plan.number > 0 and (plan.last_trigger is None or start + MAX_ID_SKEW >= plan.last_trigger)
    if number == plan.number:
        return plan.last_trigger is None or start + MAX_ID_SKEW >= plan.last_trigger
    return 0 < number < plan.number and (plan.last_trigger is None or start <= plan.last_trigger)


def _distance(plan: Plan, number: int, block: Block, has: int) -> tuple[Any, ...]:
    """How well a block suits a plan: all aims, the same policy, nothing yet, the nearest trigger."""
    near = (
        block.start - plan.last_trigger if plan.last_trigger and number in {0, plan.number} else timedelta.max
    )
    return len(plan.specs) - len(block.made), block.policies != {plan.policy}, has, near, plan.id


def _run(plan: Plan, number: int, block: Block) -> FoundRun:
    made = block.made
    return FoundRun(
        schedule_id=plan.id,
        number=number,
        task_ids=tuple(made[aim] for aim in plan.specs if aim in made),
        missing=tuple(aim for aim in plan.specs if aim not in made),
        start=block.start,
        newest=block.newest,
    )


def _vanished(plan: Plan, raised: Mapping[Trigger, datetime]) -> Iterator[FoundRun]:
    """A last trigger that left no task: refused as a whole, or deleted. Of earlier ones nothing is known.

    A scan in the future keeps the time it was meant for, however late it is; only who looked knows more.
    """
    seen = raised.get((plan.id, plan.number)) if plan.kind == FUTURE else None
    known = plan.number > 0 if plan.kind == RECURRENT else plan.number == 1 or seen
    start = max(filter(None, (plan.last_trigger, seen)), default=None)
    if known and start:
        yield FoundRun(schedule_id=plan.id, number=plan.number, task_ids=(), missing=plan.specs, start=start)


@dataclass(frozen=True, kw_only=True)
class OrphanRun:
    """Tasks that belong together and to no trigger of a schedule that is there; `name` may be cut."""

    key: str
    name: str
    targets: tuple[str, ...]
    task_ids: tuple[str, ...]
    start: datetime
    schedule_id: str = ""  # where it is still there


def detect_orphan_runs(
    plans: Sequence[Plan], tasks: Sequence[Document], *, since: datetime, now: datetime
) -> list[OrphanRun]:
    """The triggers of schedules that were deleted before anybody looked, and what people began again in ARL.

    Only what is older than the time of grace: by then a new schedule is among those that were read, and what
    DingRun itself has begun again is among its runs.
    """
    stems = {plan.name_key for plan in plans}
    named: dict[tuple[bool, tuple[str, str, str], int], list[Document]] = defaultdict(list)
    for task in tasks:
        name = str(task.get("name"))
        again, key = (
            name.startswith(RESTART_PREFIX),
            _stem_and_number({**task, "name": name.removeprefix(RESTART_PREFIX)}),
        )
        if key and (again or key[0] not in stems):
            named[again, *key].append(task)
    found = [
        _loose(plans, key, block)
        for key, alike in named.items()
        for block in _blocks(alike, [{task_spec(task) for task in alike}])
        if block.start >= since and now - block.newest >= SETTLE_TIME
    ]
    return sorted(found, key=lambda run: run.start)


def _loose(plans: Sequence[Plan], key: tuple[bool, tuple[str, str, str], int], block: Block) -> OrphanRun:
    again, stem, number = key
    kind, name, tag = stem
    counted = kind == RECURRENT and not again
    mine = (plan for plan in plans if again and plan.name_key == stem and block.made.keys() <= plan.expected)
    return OrphanRun(
        key=f"{kind}-{tag}-{name}:{number}" if counted else f"{kind}-{tag}-{name}:{block.ids[0]}",
        name=name,
        targets=tuple(target for aim in block.made for target in sorted(aim[1])),
        task_ids=tuple(block.ids),
        start=block.start,
        schedule_id=next((plan.id for plan in mine), ""),
    )
