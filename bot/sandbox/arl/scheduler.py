"""ARL's scheduler: one process that fires up to a minute before the time, and then writes step by step."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from cronsim import CronSim

from bot.sandbox.arl.documents import ZONE
from bot.sandbox.arl.world import SCHEDULER, Refusal, World

CYCLE = 58  # seconds, and whatever the work takes
JUST_RAN = 180  # seconds after a trigger in which a schedule does not fire again


class ArlScheduler:
    """Each step it yields is one write that a reader may see; `fork` also keeps records of its runs."""

    def __init__(self, world: World, *, fork: bool = False, process: str = SCHEDULER) -> None:
        self._world = world
        self._fork = fork
        self._process = process

    def fire(self, schedule_id: str) -> Iterator[str]:
        """One trigger: the schedule is written first, its tasks one by one, the fork's record last."""
        world = self._world
        schedule = world.tables["task_schedule"][schedule_id]
        recurrent = schedule["schedule_type"] == "recurrent_scan"
        number = schedule["run_number"] + 1
        times = {"last_run_time": int(world.clock().timestamp()), "last_run_date": world.now()}
        world.change("task_schedule", schedule_id, run_number=number, **(times if recurrent else {}))
        if not recurrent:
            world.change("task_schedule", schedule_id, status="done")
        yield "run_number"
        if schedule["policy_id"] not in world.tables["policy"]:
            world.change("task_schedule", schedule_id, status="error")
            return
        short = schedule["name"][:15]
        name = f"周期任务-{short}-{number + 1}" if recurrent else f"定时任务-{short}"
        ids = []
        with suppress(Refusal):
            for id_ in world.submit(name, schedule["target"], schedule["task_tag"], process=self._process):
                world.tables["task"][id_]["options"]["policy_name"] = schedule["policy_name"]
                ids.append(id_)
                yield id_
            self._record(schedule, ids)
            yield "record"

    def _record(self, schedule: dict[str, Any], ids: list[str]) -> None:
        if self._fork:
            self._world.insert(
                "task_schedule_run",
                {
                    "schedule_id": schedule["_id"],
                    "schedule_name": schedule["name"],
                    "schedule_type": schedule["schedule_type"],
                    "task_tag": schedule["task_tag"],
                    "run_number": schedule["run_number"],
                    "task_ids": ids,
                    "status": "running",
                    "push_status": "pending",
                    "start_time": int(self._world.clock().timestamp()),
                    "end_time": 0,
                },
                process=self._process,
            )

    def run(self, schedule_id: str) -> list[str]:
        """A whole trigger at once; the ids of its tasks."""
        return [step for step in self.fire(schedule_id) if step not in {"run_number", "record"}]

    def tick(self) -> list[str]:
        """One pass of its loop; the schedules that fired."""
        schedules = list(self._world.tables["task_schedule"].values())
        due = [each["_id"] for each in schedules if each["status"] == "scheduled" and self._due(each)]
        for id_ in due:
            self.run(id_)
        return due

    def _due(self, schedule: dict[str, Any]) -> bool:
        now = self._world.clock()
        if schedule["schedule_type"] != "recurrent_scan":
            return bool(0 < schedule["start_time"] <= now.timestamp())
        soon = next(CronSim(schedule["cron"], now.astimezone(ZONE))) - now < timedelta(seconds=60)
        return soon and abs(now.timestamp() - schedule["last_run_time"]) > JUST_RAN
