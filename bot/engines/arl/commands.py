"""What the engine lets ARL do, by its API: begin tasks, begin them again, stop them."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from bot.engines.arl.client import ArlClient, Refused
from bot.engines.arl.documents import (
    AGAIN,
    ENDINGS,
    NAME_LETTERS,
    Document,
    TaskSpec,
    created_at,
    document_id,
    task_spec,
    task_specs,
    written,
)
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.tasks import unsubmitted
from bot.engines.reasons import reason
from bot.errors import PermanentError, TemporaryError
from bot.models import Run

log = logging.getLogger(__name__)

CLOCKS = timedelta(seconds=60)  # so much ARL's clock may be behind ours
A_DAY = timedelta(days=1)  # likewise, where the name alone is enough
AT_ONCE = 4
ALL = 5_001  # items of a page: more than what a fork keeps for a minute
NO_TASK, IS_DONE = "103", "105"  # codes of a stop that is not needed


class ArlCommands:
    """Acts that can be asked for twice: what is there already is looked up first."""

    def __init__(self, wire: ArlClient, reads: ArlReader) -> None:
        self._wire = wire
        self._reads = reads

    @property
    def url(self) -> str:
        """The address of ARL, without its API."""
        return self._wire.url

    async def count_schedules(self) -> int:
        """Ask ARL for the number of its schedules. This shows that it answers and accepts the key."""
        return await self._wire.total("/task_schedule/")

    async def schedule_ids(self) -> Sequence[str]:
        """The ids of ARL's schedules, by its API."""
        found = [each async for each in self._wire.pages("/task_schedule/", size=ALL)]
        return self._wire.skipped.read_each("task_schedule", found, document_id)

    async def newest_task(self) -> str:
        """The id of the task that was made last, or ""."""
        found = await self._wire.items("/task/", size=1, order="-_id")
        return next(iter(self._wire.skipped.read_each("task", found, document_id)), "")

    def said_at(self) -> datetime | None:
        """Return ARL's time at its last answer."""
        return self._wire.said_at

    async def submit(self, run: Run, targets: Sequence[str]) -> Sequence[str]:
        """Begin the tasks of a run, in ARL's order, with the policy that its schedule has today."""
        schedule = await self._schedule(run.schedule_id)
        tag = str(schedule.get("task_tag"))
        aims = task_specs(targets, tag)
        if not aims:
            raise PermanentError(reason("no_target"))
        name = f"重跑-{run.schedule_name[:NAME_LETTERS]}-{run.id}"
        made = await self._made(name, run.start_time)
        missing = [aim for aim in aims if aim not in made]
        if missing:
            body = {
                "name": name,
                "task_tag": tag,
                "policy_id": schedule.get("policy_id"),
                "target": " ".join(map(written, missing)),
            }
            await self._wire.post("/task/policy/", body)
            made = await self._made(name, run.start_time)
        if not made:
            raise TemporaryError("ARL took the tasks and does not show them yet", uncertain=True)
        return [made.get(aim) or unsubmitted(run.id, written(aim)) for aim in aims]

    async def _schedule(self, schedule_id: str) -> Document:
        for schedule in await self._reads.schedules():
            if schedule["_id"] == schedule_id:
                return schedule
        raise PermanentError(reason("no_schedule"))

    async def _made(self, name: str, start: datetime) -> Mapping[TaskSpec, str]:
        """The tasks that carry a name, by what they are for; the oldest counts."""
        found = await self._reads.named(name, start - A_DAY)
        return {task_spec(task): task["_id"] for task in reversed(found)}

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        """Begin ended tasks again, each by ARL's own restart; its answer names the old one, so we look."""
        found = {task["_id"]: task for task in await self._reads.tasks(task_ids)}
        ids = [await self._again(run, found[id_]) for id_ in task_ids if id_ in found]
        return [id_ for id_ in ids if id_]

    async def _again(self, run: Run, task: Document) -> str:
        """The task that repeats this one in the run, or "" when ARL would not.

        Of what ARL makes only what is new is ours: its clock may differ from ours, and it is asked once.
        """
        before = await self._restarts(task)
        if ours := [id_ for id_ in before if created_at(id_) >= run.start_time - CLOCKS]:
            return ours[0]
        if task.get("status") not in ENDINGS:  # ARL takes it for running, and would refuse all
            return ""
        try:
            await self._wire.post("/task/restart/", {"task_id": [task["_id"]]})
        except Refused as error:  # it may be submitted anew all the same
            log.warning("task %s is not begun again: %s", task["_id"], error)
            return ""
        new = [id_ for id_ in await self._restarts(task) if id_ not in before]
        if not new:
            raise PermanentError("ARL took the restart and made no task")
        return new[0]

    async def _restarts(self, task: Document) -> Sequence[str]:
        """The tasks that repeat this one, or one before it; ARL gives all of them one name."""
        name, aim = AGAIN + str(task.get("name")).removeprefix(AGAIN), task_spec(task)
        found = await self._reads.named(name, created_at(task["_id"]))
        return [each["_id"] for each in found if task_spec(each) == aim and each["_id"] != task["_id"]]

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, str]:
        """Ask for each to be stopped; what ARL said of those that it would not stop."""
        places = asyncio.Semaphore(AT_ONCE)

        async def ask(id_: str) -> str:
            async with places:
                return await self._stop(id_)

        said = await asyncio.gather(*map(ask, task_ids))
        return {id_: words for id_, words in zip(task_ids, said, strict=True) if words}

    async def _stop(self, id_: str) -> str:
        try:
            await self._wire.get(f"/task/stop/{id_}")
        except Refused as error:
            return "" if error.code in {NO_TASK, IS_DONE} else error.words
        return ""
