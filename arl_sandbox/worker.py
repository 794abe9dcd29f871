"""ARL's workers: a task runs through its stages, and its end is written in several steps."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from arl_sandbox.database import ArlDatabase
from arl_sandbox.documents import RISK_CRUISING
from arl_sandbox.results import stage_results

DOMAIN_STAGES = (
    "domain_brute", "dns_query_plugin", "arl_search", "alt_dns", "search_engines", "port_scan", "ssl_cert",
    "find_site", "fetch_site", "site_identify", "site_capture", "site_spider", "file_leak", "nuclei_scan",
    "web_info_hunter", "findvhost", "npoc_service_detection", "poc_run", "weak_brute",
)  # fmt: skip
DOMAIN_ONLY_STAGES = {
    "domain_brute",
    "dns_query_plugin",
    "arl_search",
    "alt_dns",
    "search_engines",
    "findvhost",
}
STAGES = {
    "domain": DOMAIN_STAGES,
    "ip": tuple(stage for stage in DOMAIN_STAGES if stage not in DOMAIN_ONLY_STAGES),
    RISK_CRUISING: ("fetch_site", "npoc_service_detection", "PoC", "weak_brute"),
}
UNCONDITIONAL_STAGES = {"find_site", "fetch_site"}  # assumed: stages without an option
STAGE_PLUGIN_OPTIONS = {"poc_run": "poc_config", "PoC": "poc_config", "weak_brute": "brute_config"}
PROGRESS_NAMES = {"PoC": "poc", "weak_brute": "brute"}  # the status of a risk task shows its progress
PROGRESS_STEPS = 3  # per stage; ARL writes one every 5 s


@dataclass(frozen=True, kw_only=True)
class StagePace:
    """Durations in seconds: of a stage, between the writes of an end, and between polls of an empty queue."""

    stage: float = 20.0
    gap: float = 0.2
    idle: float = 1.0


class Worker:
    """The workers of one container. Each `slot` is a process of a `Timeline`. ARL has two.

    Attributes:
        flaky_targets: Targets whose tasks fail at every odd attempt.
        overwrite_stop_with_stage: The next stage overwrites the status of a stopped task.
        overwrite_stop_with_error: `error` overwrites the status of a stopped task.
    """

    def __init__(self, database: ArlDatabase, *, pace: StagePace | None = None) -> None:
        self._database = database
        self._pace = pace or StagePace()
        self._generation = 0
        self._attempts: Counter[str] = Counter()
        self.flaky_targets: set[str] = set()
        self.overwrite_stop_with_stage = False
        self.overwrite_stop_with_error = False

    def restart(self) -> None:
        """Kill and restart the workers. Running tasks stay unfinished, and pending stops are forgotten."""
        self._generation += 1
        self._database.revoked.clear()

    def slot(self) -> Iterator[float]:
        """Run queued tasks one after the other, forever."""
        while True:
            if not self._database.queue:
                yield self._pace.idle
                continue
            life = self._generation
            for pause in self.run_task(self._database.queue.popleft()):
                yield pause
                if life != self._generation:
                    break

    def run_task(self, id_: str) -> Iterator[float]:
        """Run one task to its end. Only a risk task checks that it is still waiting."""
        database, task = self._database, self._database.tables["task"].get(id_)
        if (
            task is None
            or id_ in database.revoked
            or (task["type"] == RISK_CRUISING and task["status"] != "waiting")
        ):
            return
        breaks_at = self._failing_stage(task)
        database.update("task", id_, start_time=database.now())
        for number, stage in enumerate(enabled_stages(task)):
            if id_ in database.revoked:
                yield from self._end_stopped(task, stage)
                return
            yield from self._run_stage(task, stage)
            if number == breaks_at:
                yield from self._fail(task)
                return
        yield from self._finish(id_)

    def _failing_stage(self, task: Mapping[str, Any]) -> int:
        """Return the index of the stage after which the task fails, or -1."""
        if task["target"] not in self.flaky_targets:
            return -1
        self._attempts[task["target"]] += 1
        return len(enabled_stages(task)) // 2 if self._attempts[task["target"]] % 2 else -1

    def _run_stage(self, task: Mapping[str, Any], stage: str) -> Iterator[float]:
        """Run a stage: write its name to the status, then its results, then its duration."""
        database, id_, seconds = self._database, task["_id"], self._pace.stage
        database.update("task", id_, status=stage)
        counted = PROGRESS_NAMES.get(stage) if task["type"] == RISK_CRUISING else None
        for step in range(1, PROGRESS_STEPS + 1) if counted else ():
            yield seconds / (PROGRESS_STEPS + 1)
            if id_ in database.revoked:
                return
            database.update("task", id_, status=f"{counted} {step}/{PROGRESS_STEPS}")
        yield seconds / (PROGRESS_STEPS + 1) if counted else seconds
        if id_ in database.revoked:
            return
        for kind, document in stage_results(task, stage, database.now()):
            database.add_results(id_, kind, document)
        passed = [*task["service"], {"name": stage, "elapsed": round(seconds, 2)}]
        database.update("task", id_, service=passed)

    def _finish(self, id_: str) -> Iterator[float]:
        """Write the statistic, then `done`, then the end time."""
        database = self._database
        for write in (
            lambda: {"statistic": database.count_results(id_)},
            lambda: {"status": "done"},
            lambda: {"end_time": database.now()},
        ):
            if id_ in database.revoked:
                return
            database.update("task", id_, **write())
            yield self._pace.gap

    def _end_stopped(self, task: Mapping[str, Any], stage: str) -> Iterator[float]:
        """Write what a worker may still write to a stopped task."""
        if self.overwrite_stop_with_stage:
            self._database.update("task", task["_id"], status=stage)
        if self.overwrite_stop_with_error:
            yield from self._fail(task)

    def _fail(self, task: Mapping[str, Any]) -> Iterator[float]:
        """Fail a task. It gets no statistic, and a task of addresses gets no end time."""
        self._database.update("task", task["_id"], status="error")
        if task["type"] != "ip":
            yield self._pace.gap
            self._database.update("task", task["_id"], end_time=self._database.now())


def enabled_stages(task: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the stages that the options of a task enable."""
    options = task["options"]

    def is_on(stage: str) -> bool:
        if stage in STAGE_PLUGIN_OPTIONS:
            return any(each.get("enable") for each in options.get(STAGE_PLUGIN_OPTIONS[stage], ()))
        return stage in UNCONDITIONAL_STAGES or bool(options.get(stage))

    return tuple(stage for stage in STAGES.get(task["type"], ()) if is_on(stage))
