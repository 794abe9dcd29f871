"""No question of the store reads more of a long history than it answers."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.models import JobState, LapseState, RunStatus
from bot.stores.sqlite.audit import SqliteAudit
from bot.stores.sqlite.lapses import SqliteLapses
from bot.stores.sqlite.store import SqliteStore
from bot.stores.sqlite.tasks import SqliteTaskStore
from tests.factories import NOW

QUESTIONS: Mapping[str, tuple[Callable[[SqliteStore], Awaitable[object]], set[str]]] = {
    "the newest runs": (lambda s: s.find_runs(), {"runs_newest"}),
    "the newest runs of a schedule": (lambda s: s.find_runs(schedule_id="s1"), {"runs_of_schedule"}),
    "open runs": (lambda s: s.find_runs(status=RunStatus.RUNNING, limit=0), {"runs_open"}),
    "the open run of a schedule": (
        lambda s: s.find_runs(status=RunStatus.RUNNING, schedule_id="s1", limit=1),
        {"runs_open"},
    ),
    "the newest reports": (lambda s: s.find_reports(limit=10), {"reports_newest"}),
    "the newest report of a schedule": (lambda s: s.find_reports(schedule_id="s1"), {"reports_of_schedule"}),
    "the jobs of a run": (lambda s: s.find_jobs(run_id="r1"), {"jobs_of_run"}),
    "dead jobs": (lambda s: s.find_jobs(states={JobState.DEAD}), {"jobs_of_state"}),
    "waiting digests": (lambda s: s.find_jobs(kind="digest", states={JobState.TODO}), {"jobs_of_kind"}),
    "what did not arrive": (lambda s: s.find_undelivered(["card", "file"]), {"jobs_undelivered"}),
    "how much did not arrive": (lambda s: s.count_undelivered(["card"]), {"jobs_undelivered"}),
    "what of a run did not arrive": (lambda s: s.find_undelivered(["card"], run_id="r1"), {"jobs_of_run"}),
    "what ended lately": (lambda s: s.find_ended(["card"], NOW), {"jobs_ended"}),
    "old payloads": (lambda s: s.clear_payloads(["message"], NOW, NOW, limit=9), {"jobs_ended"}),
    "the newest entries of the audit": (lambda s: SqliteAudit(s).find_entries(), {"audit_newest"}),
    "the entries of a schedule": (
        lambda s: SqliteAudit(s).find_entries(schedule="s1"),
        {"audit_of_schedule", "audit_of_schedule_name"},
    ),
    "the entries of a person": (
        lambda s: SqliteAudit(s).find_entries(actor="u1"),
        {"audit_of_actor", "audit_of_actor_name"},
    ),
    "old entries of the audit": (lambda s: SqliteAudit(s).purge_entries(NOW, limit=9), {"audit_newest"}),
    "open lapses": (lambda s: SqliteLapses(s).find_lapses({LapseState.FOUND}), {"lapses_of_state"}),
    "a claim": (lambda s: s.claim_job(["card", "file"], "me", NOW, NOW), {"jobs_waiting", "jobs_doing"}),
    "the next due job": (lambda s: s.next_due(["card", "file"]), {"jobs_waiting", "jobs_doing"}),
    "a claim of a task": (
        lambda s: SqliteTaskStore(s).claim_task("me", NOW, NOW),
        {"tasks_waiting", "tasks_running"},
    ),
}


async def plan(store: SqliteStore, ask: Callable[[SqliteStore], Awaitable[object]]) -> list[str]:
    """Return what SQLite does for the first statement of a question."""
    asked: list[tuple[str, Mapping[str, Any]]] = []
    rows = store.rows

    async def watched(sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        asked.append((sql, values or {}))
        return await rows(sql, values)

    store.rows = watched  # type: ignore[method-assign]
    await ask(store)
    sql, values = asked[0]
    return [str(row["detail"]) for row in await rows(f"explain query plan {sql}", values)]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_walks_along_an_index(question: str, tmp_path: Path) -> None:
    ask, indexes = QUESTIONS[question]
    store = SqliteStore(tmp_path / "plans.db")
    await store.open()
    steps = await plan(store, ask)
    await store.close()
    reads = [step for step in steps if step.startswith(("SCAN", "SEARCH")) and "json_each" not in step]
    assert {index for index in indexes if any(f" {index}" in step for step in reads)} == indexes
    assert not [step for step in reads if step in SCANS]
    assert not [step for step in steps if step.endswith("B-TREE FOR ORDER BY")] or question in SORTED


SCANS = {f"SCAN {table}" for table in ("jobs", "runs", "reports", "tasks", "audit", "lapses")}
SORTED = {  # a few rows: one per kind, or what is in trouble, or what ended lately, or what one asked for
    *("a claim", "old payloads", "dead jobs", "waiting digests"),
    *("what did not arrive", "how much did not arrive", "what ended lately"),
    *("open lapses", "the entries of a schedule", "the entries of a person"),
}
