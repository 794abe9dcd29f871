"""Commands to ARL by its API: submit tasks, restart them, stop them."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from bot.engines.arl.client import ArlClient, RefusedError
from bot.engines.arl.documents import (
    FINAL_STATUSES,
    MAX_NAME_LENGTH,
    RESTART_PREFIX,
    Document,
    TaskSpec,
    created_at,
    document_id,
    format_targets,
    task_spec,
    task_specs,
)
from bot.engines.arl.reader import ArlReader
from bot.engines.arl.tasks import unsubmitted_id
from bot.errors import PermanentError, TemporaryError
from bot.models import Run
from bot.reasons import reason

log = logging.getLogger(__name__)

MAX_CLOCK_LAG = timedelta(seconds=60)  # how far ARL's clock may be behind ours
NAME_LOOKBACK = timedelta(days=1)  # likewise, where the name alone identifies a task
MAX_CONCURRENT_STOPS = 4
UNCACHED_PAGE_SIZE = 5_001  # items of a page; a fork caches answers of up to 5,000
UNKNOWN_TASK_CODE, ENDED_TASK_CODE = "103", "105"  # codes of a stop that is not needed


class ArlCommands:
    """Sends idempotent commands: what exists already is looked up first."""

    def __init__(self, client: ArlClient, reader: ArlReader) -> None:
        self._client = client
        self._reader = reader

    @property
    def url(self) -> str:
        """The address of ARL, without its API."""
        return self._client.url

    async def count_schedules(self) -> int:
        """Ask ARL for the number of its schedules. This shows that it answers and accepts the key."""
        return await self._client.count("/task_schedule/")

    async def schedule_ids(self) -> Sequence[str]:
        """Return the ids of ARL's schedules, by its API."""
        found = [each async for each in self._client.pages("/task_schedule/", size=UNCACHED_PAGE_SIZE)]
        return self._client.skipped.read_each("task_schedule", found, document_id)

    async def newest_task(self) -> str:
        """Return the id of the newest task, or ""."""
        found = await self._client.items("/task/", size=1, order="-_id")
        return next(iter(self._client.skipped.read_each("task", found, document_id)), "")

    def server_time(self) -> datetime | None:
        """Return ARL's time at its last answer."""
        return self._client.server_time

    async def submit(self, run: Run, targets: Sequence[str]) -> Sequence[str]:
        """Submit the tasks of a run with the current policy of its schedule. Returns their ids."""
        schedule = await self._schedule(run.schedule_id)
        tag = str(schedule.get("task_tag"))
        specs = task_specs(targets, tag)
        if not specs:
            raise PermanentError(reason("no_target"))
        name = f"重跑-{run.schedule_name[:MAX_NAME_LENGTH]}-{run.id}"
        created = await self._created_tasks(name, run.start_time)
        missing = [spec for spec in specs if spec not in created]
        if missing:
            body = {
                "name": name,
                "task_tag": tag,
                "policy_id": schedule.get("policy_id"),
                "target": " ".join(map(format_targets, missing)),
            }
            await self._client.post("/task/policy/", body)
            created = await self._created_tasks(name, run.start_time)
        if not created:
            raise TemporaryError("ARL accepted the tasks and does not show them yet", uncertain=True)
        return [created.get(spec) or unsubmitted_id(run.id, format_targets(spec)) for spec in specs]

    async def _schedule(self, schedule_id: str) -> Document:
        for schedule in await self._reader.schedules():
            if schedule["_id"] == schedule_id:
                return schedule
        raise PermanentError(reason("schedule_deleted"))

    async def _created_tasks(self, name: str, start: datetime) -> Mapping[TaskSpec, str]:
        """Find the tasks with a name, by their spec. Of equal ones the oldest counts."""
        found = await self._reader.tasks_named(name, start - NAME_LOOKBACK)
        return {task_spec(task): task["_id"] for task in reversed(found)}

    async def restart(self, run: Run, task_ids: Sequence[str]) -> Sequence[str]:
        """Restart ended tasks, each by ARL's own restart, and return the ids of the new tasks."""
        found = {task["_id"]: task for task in await self._reader.tasks(task_ids)}
        ids = [await self._restart_task(run, found[id_]) for id_ in task_ids if id_ in found]
        return [id_ for id_ in ids if id_]

    async def _restart_task(self, run: Run, task: Document) -> str:
        """Return the id of the task that repeats this one in the run, or "" if ARL refuses.

        Only a task that did not exist before the request is taken, as the clocks may differ.
        """
        before = await self._restarts(task)
        if ours := [id_ for id_ in before if created_at(id_) >= run.start_time - MAX_CLOCK_LAG]:
            return ours[0]
        if task.get("status") not in FINAL_STATUSES:  # ARL considers it running, and would refuse
            return ""
        try:
            await self._client.post("/task/restart/", {"task_id": [task["_id"]]})
        except RefusedError as error:  # it can still be submitted anew
            log.warning("task %s is not restarted: %s", task["_id"], error)
            return ""
        new = [id_ for id_ in await self._restarts(task) if id_ not in before]
        if not new:
            raise PermanentError("ARL accepted the restart and created no task")
        return new[0]

    async def _restarts(self, task: Document) -> Sequence[str]:
        """Return the ids of the restarts of this task. ARL gives all restarts one name."""
        name, spec = RESTART_PREFIX + str(task.get("name")).removeprefix(RESTART_PREFIX), task_spec(task)
        found = await self._reader.tasks_named(name, created_at(task["_id"]))
        return [each["_id"] for each in found if task_spec(each) == spec and each["_id"] != task["_id"]]

    async def stop(self, task_ids: Collection[str]) -> Mapping[str, str]:
        """Stop tasks. Returns the messages of ARL for those that it refuses to stop."""
        slots = asyncio.Semaphore(MAX_CONCURRENT_STOPS)

        async def stop_one(id_: str) -> str:
            async with slots:
                return await self._stop(id_)

        messages = await asyncio.gather(*map(stop_one, task_ids))
        return {id_: message for id_, message in zip(task_ids, messages, strict=True) if message}

    async def _stop(self, id_: str) -> str:
        try:
            await self._client.get(f"/task/stop/{id_}")
        except RefusedError as error:
            return "" if error.code in {UNKNOWN_TASK_CODE, ENDED_TASK_CODE} else error.message
        return ""
