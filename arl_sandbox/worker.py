"""ARL's workers: a task passes its stages, finds appear meanwhile, and its end is written in pieces."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from arl_sandbox.database import ArlDatabase
from arl_sandbox.documents import RISK
from arl_sandbox.results import found_in

DOMAIN_STAGES = (
    "domain_brute", "dns_query_plugin", "arl_search", "alt_dns", "search_engines", "port_scan", "ssl_cert",
    "find_site", "fetch_site", "site_identify", "site_capture", "site_spider", "file_leak", "nuclei_scan",
    "web_info_hunter", "findvhost", "npoc_service_detection", "poc_run", "weak_brute",
)  # fmt: skip
ALONE = {"domain_brute", "dns_query_plugin", "arl_search", "alt_dns", "search_engines", "findvhost"}
STAGES = {
    "domain": DOMAIN_STAGES,
    "ip": tuple(stage for stage in DOMAIN_STAGES if stage not in ALONE),
    RISK: ("fetch_site", "npoc_service_detection", "PoC", "weak_brute"),
}
ALWAYS = {"find_site", "fetch_site"}  # chosen: those without a switch of their own
LISTS = {"poc_run": "poc_config", "PoC": "poc_config", "weak_brute": "brute_config"}
PROGRESS = {"PoC": "poc", "weak_brute": "brute"}  # a risk task tells in its status how far it is
STEPS = 3  # of such a stage; ARL writes one each 5 s


@dataclass(frozen=True, kw_only=True)
class StagePace:
    """Seconds: of a stage, between the writes of an end, between two looks at an empty queue."""

    stage: float = 20.0
    gap: float = 0.2
    idle: float = 1.0


class Worker:
    """The workers of one container; each `place` is a process of a `Timeline`, ARL has two.

    `shaky` names targets whose tasks fail at every odd try. The last breath of a stopped task is written over
    `stop`: with `overwrites` the next stage, with `error_after_stop` `error`. Both happen at times.
    """

    def __init__(self, database: ArlDatabase, *, pace: StagePace | None = None) -> None:
        self._database = database
        self._tempo = pace or StagePace()
        self._life = 0
        self._tried: Counter[str] = Counter()
        self.flaky_targets: set[str] = set()
        self.overwrites = False
        self.error_after_stop = False

    def restart(self) -> None:
        """Killed hard, begun anew: what it worked on stands as it is for ever, no stop is remembered."""
        self._life += 1
        self._database.revoked.clear()

    def slot(self) -> Iterator[float]:
        """One task after the other, for ever."""
        while True:
            if not self._database.queue:
                yield self._tempo.idle
                continue
            life = self._life
            for pause in self.work(self._database.queue.popleft()):
                yield pause
                if life != self._life:
                    break

    def work(self, id_: str) -> Iterator[float]:
        """One task to its end. Only a risk task looks whether it is still to be done."""
        database, task = self._database, self._database.tables["task"].get(id_)
        if task is None or id_ in database.revoked or (task["type"] == RISK and task["status"] != "waiting"):
            return
        breaks_at = self._breaks_at(task)
        database.update("task", id_, start_time=database.now())
        for number, stage in enumerate(stages_of(task)):
            if id_ in database.revoked:
                yield from self._die(task, stage)
                return
            yield from self._pass(task, stage)
            if number == breaks_at:
                yield from self._fail(task)
                return
        yield from self._finish(id_)

    def _breaks_at(self, task: Mapping[str, Any]) -> int:
        """The number of the stage after which it fails, or -1."""
        if task["target"] not in self.flaky_targets:
            return -1
        self._tried[task["target"]] += 1
        return len(stages_of(task)) // 2 if self._tried[task["target"]] % 2 else -1

    def _pass(self, task: Mapping[str, Any], stage: str) -> Iterator[float]:
        """One stage: its name in the status, then what it found, then how long it took."""
        database, id_, seconds = self._database, task["_id"], self._tempo.stage
        database.update("task", id_, status=stage)
        counted = PROGRESS.get(stage) if task["type"] == RISK else None
        for step in range(1, STEPS + 1) if counted else ():
            yield seconds / (STEPS + 1)
            if id_ in database.revoked:
                return
            database.update("task", id_, status=f"{counted} {step}/{STEPS}")
        yield seconds / (STEPS + 1) if counted else seconds
        if id_ in database.revoked:
            return
        for kind, document in found_in(task, stage, database.now()):
            database.find(id_, kind, document)
        passed = [*task["service"], {"name": stage, "elapsed": round(seconds, 2)}]
        database.update("task", id_, service=passed)

    def _finish(self, id_: str) -> Iterator[float]:
        """What it found is counted, then it is done, and then comes the time of its end."""
        database = self._database
        for write in (
            lambda: {"statistic": database.statistic(id_)},
            lambda: {"status": "done"},
            lambda: {"end_time": database.now()},
        ):
            if id_ in database.revoked:
                return
            database.update("task", id_, **write())
            yield self._tempo.gap

    def _die(self, task: Mapping[str, Any], stage: str) -> Iterator[float]:
        """The last breath of a task that was stopped."""
        if self.overwrites:
            self._database.update("task", task["_id"], status=stage)
        if self.error_after_stop:
            yield from self._fail(task)

    def _fail(self, task: Mapping[str, Any]) -> Iterator[float]:
        """No statistic; and of a task of addresses never a time of its end."""
        self._database.update("task", task["_id"], status="error")
        if task["type"] != "ip":
            yield self._tempo.gap
            self._database.update("task", task["_id"], end_time=self._database.now())


def stages_of(task: Mapping[str, Any]) -> tuple[str, ...]:
    """The stages that its options turn on."""
    options = task["options"]

    def is_on(stage: str) -> bool:
        if stage in LISTS:
            return any(each.get("enable") for each in options.get(LISTS[stage], ()))
        return stage in ALWAYS or bool(options.get(stage))

    return tuple(stage for stage in STAGES.get(task["type"], ()) if is_on(stage))
