"""The fork's run records and DingTalk pushes, both handled in its scheduler loop."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from arl_sandbox.database import ArlDatabase
from arl_sandbox.documents import FINAL_STATES, NO_TIME

Json = dict[str, Any]

RUN_TABLE = "task_schedule_run"
COUNT_FIELDS = ("site_cnt", "domain_cnt", "ip_cnt", "url_cnt", "vuln_cnt")
FAILED_STATES = ("error", "stop", "missing")


@dataclass(kw_only=True)
class PushBehavior:
    """The fork's DingTalk pushes: whether they succeed, and how many seconds each one blocks."""

    works: bool = False
    seconds: float = 0.0
    pushed: list[str] = field(default_factory=list)  # names of schedules, in the order of the pushes


def new_record(database: ArlDatabase, schedule: Mapping[str, Any], ids: list[str]) -> Json:
    """Build the record of a triggered run. Missing notification settings of the schedule default to on."""
    return {
        "schedule_id": schedule["_id"],
        "schedule_name": schedule["name"],
        "schedule_type": schedule["schedule_type"],
        "task_tag": schedule["task_tag"],
        "run_number": schedule["run_number"],
        "task_ids": ids,
        "status": "running",
        "summary": build_summary(database, ids),
        "notify_enable": schedule.get("notify_enable", True),
        "notify_channel": schedule.get("notify_channel", "dingding"),
        "notify_on": schedule.get("notify_on", "finished"),
        "push_status": "pending",
        "start_time": database.epoch(),
        "start_date": database.now(),
        "end_time": 0,
        "end_date": NO_TIME,
    }


def build_summary(database: ArlDatabase, ids: list[str]) -> Json:
    """Summarize tasks by state and result counts. ARL counts results of `done` tasks only."""
    details = [_task_details(database, id_) for id_ in ids]
    states = [each["status"] for each in details]
    known = {"waiting", "missing", *FINAL_STATES}
    return {
        "total": len(ids),
        **{name: states.count(name) for name in ("done", "error", "stop", "waiting")},
        "running": sum(state not in known for state in states),
        "missing": states.count("missing"),
        **{name: sum(each[name] for each in details) for name in COUNT_FIELDS},
        "task_details": details,
    }


def _task_details(database: ArlDatabase, id_: str) -> Json:
    task = database.tables["task"].get(id_, {"status": "missing"})
    told = {name: task.get(name, "") for name in ("name", "target", "type", "status")}
    counts = {name: task.get("statistic", {}).get(name, 0) for name in COUNT_FIELDS}
    return {"id": id_} | told | counts


def update_records(database: ArlDatabase, pushing: PushBehavior) -> Iterator[float]:
    """Update all open records at the end of a scheduler pass, after pushing if required.

    Each record is replaced as a whole. If the scheduler is killed between push and write, it pushes again. A
    failed push is not retried.
    """
    read = [dict(record) for record in database.tables[RUN_TABLE].values() if record["status"] == "running"]
    for record in read:
        fresh = record | {"summary": build_summary(database, record["task_ids"])}
        if _is_over(fresh["summary"]):
            bad = any(fresh["summary"][name] for name in FAILED_STATES)
            fresh |= {"status": "error" if bad else "finished"}
            fresh |= {"end_time": database.epoch(), "end_date": database.now()}
            if _should_push(fresh, bad=bad):
                pushing.pushed += [record["schedule_name"]] if pushing.works else []
                yield pushing.seconds
                fresh |= {"push_status": "success" if pushing.works else "error", "push_date": database.now()}
            else:
                fresh["push_status"] = "skip"
        database.replace(RUN_TABLE, record["_id"], fresh)
        yield 0.0


def _is_over(counts: Mapping[str, Any]) -> bool:
    return not counts["waiting"] and not counts["running"]


def _should_push(record: Mapping[str, Any], *, bad: bool) -> bool:
    """Return True if a finished record is pushed. `finished`, the default, requires every task to be done."""
    if not record["notify_enable"]:
        return False
    return {"finished": not bad, "failed": bad}.get(record["notify_on"], True)
