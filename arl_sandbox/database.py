"""ARL's database: documents as ARL writes them, in memory and optionally mirrored to a real database."""

from asyncio import Lock
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime
from itertools import count
from typing import Any, Protocol

from arl_sandbox.documents import NO_TIME, RECURRENT_SCAN, format_time
from arl_sandbox.policies import new_policy

SCHEDULER_PROCESS, WEB_PROCESS, SECOND_WEB_PROCESS = (
    "5c4ed01e50",
    "3eb0000001",
    "3eb0000002",
)  # the process part of an id
RESULT_TABLES = (
    "site", "domain", "ip", "cert", "service", "fileleak", "url", "vuln", "npoc_service", "cip",
    "nuclei_result", "stat_finger", "wih",
)  # fmt: skip


class DocumentMirror(Protocol):
    """A real database that mirrors the documents. Ids are MongoDB ObjectIds of 24 hex digits."""

    async def put(self, table: str, document: Mapping[str, Any]) -> None:
        """Insert or replace a document by its `_id`."""

    async def delete(self, table: str, id_: str) -> None:
        """Delete a document."""


class ArlDatabase:
    """Tables of documents by id. `flush` writes the changes to `mirror`."""

    def __init__(self, clock: Callable[[], datetime], mirror: DocumentMirror | None = None) -> None:
        self.clock = clock
        self.mirror = mirror
        self.tables: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.blocked_addresses: set[str] = set()  # addresses that ARL refuses to scan
        self.forbidden_domains: set[str] = set()  # domains that ARL refuses to scan
        self.broker_capacity = 1_000_000  # tasks that the broker still accepts
        self.queue: deque[str] = deque()  # ids of published tasks
        self.revoked: set[str] = set()  # ids of tasks that the workers must stop, forgotten by a restart
        self.database_down = False  # ARL cannot reach its database; the mirror may still be up
        self.writes: Counter[str] = Counter()  # number of writes by table
        self._changed: set[tuple[str, str]] = set()
        self._numbers = count(1)
        self._flushing = Lock()
        self.policy = self.insert("policy", new_policy("默认策略"))

    def now(self) -> str:
        return format_time(self.clock())

    def epoch(self) -> int:
        return int(self.clock().timestamp())

    def insert(
        self, table: str, document: dict[str, Any], *, process: str = WEB_PROCESS, id_: str = ""
    ) -> str:
        """Insert a document. Its id consists of time, process and counter, as in MongoDB."""
        id_ = id_ or f"{self.epoch():08x}{process}{next(self._numbers):06x}"
        self.tables[table][id_] = {"_id": id_, **document}
        self._record_write(table, id_)
        return id_

    def change(self, table: str, id_: str, **fields: Any) -> None:
        self.tables[table][id_] |= fields
        self._record_write(table, id_)

    def update(self, table: str, id_: str, **fields: Any) -> None:
        """Update fields. Nothing happens if the document does not exist."""
        if id_ in self.tables[table]:
            self.change(table, id_, **fields)

    def replace(self, table: str, id_: str, document: Mapping[str, Any]) -> None:
        """Replace a document. Nothing happens if it does not exist."""
        if id_ in self.tables[table]:
            self.tables[table][id_] = {**document, "_id": id_}
            self._record_write(table, id_)

    def delete(self, table: str, id_: str) -> None:
        del self.tables[table][id_]
        self._record_write(table, id_)

    def _record_write(self, table: str, id_: str) -> None:
        self.writes[table] += 1
        self._changed.add((table, id_))

    async def flush(self) -> None:
        """Write the changes since the last flush to the mirror, one after the other."""
        async with self._flushing:
            changed, self._changed = sorted(self._changed), set()
            for table, id_ in changed if self.mirror else ():
                await self._write(table, id_)

    async def _write(self, table: str, id_: str) -> None:
        document = self.tables[table].get(id_)
        if self.mirror and document is None:
            await self.mirror.delete(table, id_)
        elif self.mirror and document is not None:
            await self.mirror.put(table, deepcopy(document))

    def add_schedule(
        self, name: str = "每日扫描", target: str = "1.1.1.1 a.example.com", *, id_: str = "", **changes: Any
    ) -> str:
        """Insert a schedule, recurrent by default, as `POST /task_schedule/` does. Returns its id."""
        policy_id = changes.get("policy_id", self.policy)
        policy_name = self.tables["policy"].get(policy_id, {}).get("name", "")
        return self.insert(
            "task_schedule",
            {
                "name": name,
                "target": target,
                "task_tag": "task",
                "schedule_type": RECURRENT_SCAN,
                "policy_id": policy_id,
                "policy_name": policy_name,
                "cron": "0 3 * * *",
                "start_date": "",
                "start_time": 0,
                "status": "scheduled",
                "run_number": 0,
                "last_run_time": 0,
                "last_run_date": NO_TIME,
                "next_run_date": "2026-11-24 03:00:00",
            }
            | changes,
            id_=id_,
        )

    def add_task(
        self, name: str, kind: str, target: str, *, process: str = WEB_PROCESS, **changes: Any
    ) -> str:
        """Insert a task as ARL does. Returns its id."""
        document = {
            "name": name,
            "target": target,
            "type": kind,
            "task_tag": "task",
            "status": "waiting",
            "start_time": NO_TIME,
            "end_time": NO_TIME,
            "options": {"policy_name": "默认策略", "poc_config": [{"plugin_name": "x", "enable": True}] * 3},
            "service": [],
            "celery_id": "",
        }
        return self.insert("task", document | changes, process=process)

    def begin_task(self, id_: str, stage: str = "port_scan") -> None:
        self.change("task", id_, status=stage, start_time=self.now())

    def add_results(self, id_: str, kind: str, *documents: dict[str, Any]) -> None:
        """Insert results of a task."""
        for document in documents:
            self.insert(kind, {**document, "task_id": id_})

    def end_task(self, id_: str, status: str = "done") -> None:
        """End a task in one write. Only a `done` task gets a statistic."""
        more: dict[str, Any] = {"statistic": self.count_results(id_)} if status == "done" else {}
        self.change("task", id_, status=status, end_time=self.now(), **more)

    def count_results(self, id_: str) -> dict[str, int]:
        def number(kind: str) -> int:
            return sum(each["task_id"] == id_ for each in self.tables[kind].values())

        return {f"{kind}_cnt": number(kind) for kind in RESULT_TABLES}

    def tasks(self, name: str = "") -> list[dict[str, Any]]:
        return [task for task in self.tables["task"].values() if name in task["name"]]
