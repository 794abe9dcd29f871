"""What a running ARL holds: documents as it writes them, in memory and, where asked, in a MongoDB too."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from itertools import count
from typing import Any, Protocol

from bot.sandbox.arl.documents import split, written

SCHEDULER, WEB, WEB_TOO = "5c4ed01e50", "3eb0000001", "3eb0000002"  # the process part of ids
STATISTIC = (
    "site", "domain", "ip", "cert", "service", "fileleak", "url", "vuln", "npoc_service", "cip",
    "nuclei_result", "stat_finger", "wih",
)  # fmt: skip


class Refusal(Exception):
    """ARL's answer in code and words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


class Mirror(Protocol):
    """A database that shows what the world holds. Ids are the 24 hex digits of MongoDB's own kind."""

    async def put(self, table: str, document: Mapping[str, Any]) -> None:
        """Keep it over the one with its `_id`."""

    async def delete(self, table: str, id_: str) -> None:
        """Keep it no longer."""


class World:
    """Tables of documents by id. `mirror` is where they are written to by `flush`."""

    def __init__(self, clock: Callable[[], datetime], mirror: Mirror | None = None) -> None:
        self.clock = clock
        self.mirror = mirror
        self.tables: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.black: set[str] = set()  # addresses that ARL will not scan
        self.publish_left = 1_000_000  # tasks that the broker still takes
        self._changed: set[tuple[str, str]] = set()
        self._numbers = count(1)
        self.policy = self.insert("policy", {"name": "默认策略"})

    def now(self) -> str:
        return written(self.clock())

    def insert(self, table: str, document: dict[str, Any], *, process: str = WEB, id_: str = "") -> str:
        """Keep a document; its id is made of the time, the process and a counter, as MongoDB's are."""
        id_ = id_ or f"{int(self.clock().timestamp()):08x}{process}{next(self._numbers):06x}"
        self.tables[table][id_] = {"_id": id_, **document}
        self._changed.add((table, id_))
        return id_

    def change(self, table: str, id_: str, **fields: Any) -> None:
        self.tables[table][id_] |= fields
        self._changed.add((table, id_))

    def delete(self, table: str, id_: str) -> None:
        del self.tables[table][id_]
        self._changed.add((table, id_))

    async def flush(self) -> None:
        """Write into the mirror what has changed since."""
        changed, self._changed = sorted(self._changed), set()
        if self.mirror is None:
            return
        for table, id_ in changed:
            document = self.tables[table].get(id_)
            if document is None:
                await self.mirror.delete(table, id_)
            else:
                await self.mirror.put(table, deepcopy(document))

    def schedule(
        self, name: str = "每日扫描", target: str = "1.1.1.1 a.example", *, id_: str = "", **changes: Any
    ) -> str:
        """A schedule, recurrent by default; as after `POST /task_schedule/`."""
        return self.insert(
            "task_schedule",
            {
                "name": name,
                "target": target,
                "task_tag": "task",
                "schedule_type": "recurrent_scan",
                "policy_id": self.policy,
                "policy_name": "默认策略",
                "cron": "0 3 * * *",
                "start_date": "",
                "start_time": 0,
                "status": "scheduled",
                "run_number": 0,
                "last_run_time": 0,
                "last_run_date": "-",
                "next_run_date": "2026-11-24 03:00:00",
            }
            | changes,
            id_=id_,
        )

    def task(self, name: str, kind: str, target: str, *, process: str = WEB, **changes: Any) -> str:
        """One task, as ARL inserts it."""
        document = {
            "name": name,
            "target": target,
            "type": kind,
            "task_tag": "task",
            "status": "waiting",
            "start_time": "-",
            "end_time": "-",
            "options": {"policy_name": "默认策略", "poc_config": [{"plugin_name": "x", "enable": True}] * 3},
            "service": [],
            "celery_id": "",
        }
        return self.insert("task", document | changes, process=process)

    def submit(self, name: str, target: str, tag: str, *, process: str = WEB) -> Iterator[str]:
        """The tasks of a target, one after the other; raises what ARL refuses before any is made."""
        addresses, domains = split(target)
        words = [*addresses, *domains]
        self._check(words)
        parts = [("ip", " ".join(reversed(addresses)))] if addresses else []
        parts += [("domain", domain) for domain in reversed(domains)]  # a set has any order
        if tag == "risk_cruising":
            parts = [("risk_cruising", f"目标：{len(words)}， PoC：0")]
        for kind, line in parts:
            more = {"cruising_target": list(words)} if tag == "risk_cruising" else {}
            id_ = self.task(name, kind, line, process=process, task_tag=tag, **more)
            self._publish(id_)
            yield id_

    def _check(self, words: list[str]) -> None:
        if not words:
            raise Refusal(706, "任务目标为空")
        if black := self.black & set(words):
            raise Refusal(500, f"系统异常 error:{black.pop()} 在黑名单IP中")

    def _publish(self, id_: str) -> None:
        if self.publish_left <= 0:
            self.delete("task", id_)
            raise Refusal(500, "系统异常 error:[Errno 111] Connection refused")
        self.publish_left -= 1
        self.change("task", id_, celery_id=f"celery-{id_}")

    def begin(self, id_: str, stage: str = "port_scan") -> None:
        self.change("task", id_, status=stage, start_time=self.now())

    def find(self, id_: str, kind: str, *documents: dict[str, Any]) -> None:
        """What a task finds."""
        for document in documents:
            self.insert(kind, {**document, "task_id": id_})

    def end(self, id_: str, status: str = "done") -> None:
        """The end of a task; only one that is done has a statistic."""
        more: dict[str, Any] = {"statistic": self.statistic(id_)} if status == "done" else {}
        self.change("task", id_, status=status, end_time=self.now(), **more)

    def statistic(self, id_: str) -> dict[str, int]:
        def number(kind: str) -> int:
            return sum(each["task_id"] == id_ for each in self.tables[kind].values())

        return {f"{kind}_cnt": number(kind) for kind in STATISTIC}

    def tasks(self, name: str = "") -> list[dict[str, Any]]:
        return [task for task in self.tables["task"].values() if name in task["name"]]
