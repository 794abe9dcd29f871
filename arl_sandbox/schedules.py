"""Operations on schedules: create, stop, recover and delete. ARL cannot edit a schedule."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from arl_sandbox.cron import CronError, is_too_often, next_fire
from arl_sandbox.database import ArlDatabase
from arl_sandbox.documents import (
    FUTURE_SCAN,
    NO_TIME,
    RECURRENT_SCAN,
    RISK_CRUISING,
    ZONE,
    format_time,
    is_id,
    split_target,
)
from arl_sandbox.errors import CUSTOM_CODE, ArlError, InternalError
from arl_sandbox.scheduler import LOOKAHEAD
from arl_sandbox.tasks import TaskRequest, check_target

Json = dict[str, Any]

PUSH_DEFAULTS = {
    "notify_enable": True,
    "notify_channel": "dingding",
    "notify_on": "finished",
}  # the fork's defaults
FINAL_SCHEDULE_STATES = {
    "error",
    "done",
}  # a stop does not change these states, a recover does not change `error`


def create(database: ArlDatabase, asked: Mapping[str, Any], *, fork: bool) -> Json:
    """Create a schedule. The order of the checks is assumed."""
    kind, tag = asked["schedule_type"], asked["task_tag"]
    if kind not in {RECURRENT_SCAN, FUTURE_SCAN}:
        raise ArlError(1601, schedule_type=kind)
    if tag not in {"task", RISK_CRUISING}:
        raise ArlError(1603, task_tag=tag)
    times = _recurrent_fields(database, asked) if kind == RECURRENT_SCAN else _future_fields(database, asked)
    policy = _find_policy(database, asked["policy_id"])
    check_target(database, TaskRequest(name=asked["name"], target=asked["target"], tag=tag))
    addresses, domains = split_target(asked["target"])
    told = (
        dict.fromkeys(PUSH_DEFAULTS)
        if not fork
        else {name: asked.get(name, PUSH_DEFAULTS[name]) for name in PUSH_DEFAULTS}
    )
    if fork and told["notify_channel"] != PUSH_DEFAULTS["notify_channel"]:
        raise ArlError(CUSTOM_CODE, "notify_channel 只支持 dingding")  # assumed message
    id_ = database.add_schedule(
        asked["name"],
        " ".join([" ".join(addresses), *domains]),  # without addresses it begins with a space
        task_tag=tag,
        schedule_type=kind,
        policy_id=policy["_id"],
        **times,
        **(told if fork else {}),
    )
    return database.tables["task_schedule"][id_]


def _recurrent_fields(database: ArlDatabase, asked: Mapping[str, Any]) -> Json:
    cron, now = asked.get("cron", ""), database.clock()
    try:
        coming, often = next_fire(cron, now), is_too_often(cron, now)
    except CronError:
        raise ArlError(1502, cron=cron) from None
    if often:
        raise ArlError(700, cron=cron)
    return {
        "cron": cron,
        "start_date": "",
        "start_time": 0,
        "next_run_date": format_time(coming) if coming else NO_TIME,
    }


def _future_fields(database: ArlDatabase, asked: Mapping[str, Any]) -> Json:
    text = asked.get("start_date", "")
    try:
        start = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)
    except ValueError:
        raise ArlError(1602, start_date=text) from None
    if start <= database.clock():
        raise ArlError(1604, start_date=text)
    return {"cron": "", "start_date": text, "start_time": start.timestamp(), "next_run_date": text}


def _find_policy(database: ArlDatabase, id_: str) -> Json:
    if not is_id(id_):
        raise InternalError
    policy = database.tables["policy"].get(id_)
    if policy is None:
        raise ArlError(1100, policy_id=id_)
    return policy


def find_schedule(database: ArlDatabase, id_: object) -> Json:
    if not isinstance(id_, str) or not is_id(id_):
        raise InternalError
    schedule = database.tables["task_schedule"].get(id_)
    if schedule is None:
        raise ArlError(1605, schedule_id=id_)
    return schedule


def stop(database: ArlDatabase, id_: object) -> None:
    schedule = find_schedule(database, id_)
    if schedule["status"] == "stop":
        raise ArlError(500, error=f"{schedule['name']} 已经处于 stop ")
    if schedule["status"] in FINAL_SCHEDULE_STATES:
        raise ArlError(500, error=f"{schedule['name']} 不可改变状态")
    database.change("task_schedule", schedule["_id"], status="stop", next_run_date=NO_TIME)


def recover(database: ArlDatabase, id_: object) -> None:
    """Recover a stopped schedule. A one-time schedule fires again at once, as its time has passed."""
    schedule = find_schedule(database, id_)
    if schedule["status"] == "scheduled":
        raise ArlError(500, error=f"{schedule['name']} 已经处于 scheduled ")
    if schedule["status"] == "error":
        raise ArlError(500, error=f"{schedule['name']} 不可改变状态")
    coming = next_fire(schedule["cron"], database.clock()) if schedule["cron"] else None
    shown = format_time(coming - LOOKAHEAD) if coming else schedule["start_date"] or NO_TIME
    database.change("task_schedule", schedule["_id"], status="scheduled", next_run_date=shown)


def delete(database: ArlDatabase, ids: list[str]) -> None:
    for id_ in ids:
        find_schedule(database, id_)
    for id_ in dict.fromkeys(ids):
        database.delete("task_schedule", id_)
