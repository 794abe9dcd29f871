"""What ARL does with schedules when it is asked: make, stop, recover, delete; there is no change of one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from arl_sandbox.cron import WrongCron, is_too_often, next_fire
from arl_sandbox.database import ArlDatabase
from arl_sandbox.documents import FUTURE, NOT_YET, RECURRENT, RISK, ZONE, is_id, split, written
from arl_sandbox.errors import ANY_WORDS, Crash, Refusal
from arl_sandbox.scheduler import EARLY
from arl_sandbox.tasks import TaskRequest, check

Json = dict[str, Any]

PUSHING = {
    "notify_enable": True,
    "notify_channel": "dingding",
    "notify_on": "finished",
}  # the fork's defaults
FIXED = {"error", "done"}  # states that a stop does not change; a recover does not change `error`


def create(database: ArlDatabase, asked: Mapping[str, Any], *, fork: bool) -> Json:
    """A new schedule. The order of the refusals is chosen."""
    kind, tag = asked["schedule_type"], asked["task_tag"]
    if kind not in {RECURRENT, FUTURE}:
        raise Refusal(1601, schedule_type=kind)
    if tag not in {"task", RISK}:
        raise Refusal(1603, task_tag=tag)
    times = _recurrent(database, asked) if kind == RECURRENT else _future(database, asked)
    policy = _policy(database, asked["policy_id"])
    check(database, TaskRequest(name=asked["name"], target=asked["target"], tag=tag))
    addresses, domains = split(asked["target"])
    told = dict.fromkeys(PUSHING) if not fork else {name: asked.get(name, PUSHING[name]) for name in PUSHING}
    if fork and told["notify_channel"] != PUSHING["notify_channel"]:
        raise Refusal(ANY_WORDS, "notify_channel 只支持 dingding")  # the words are chosen
    id_ = database.schedule(
        asked["name"],
        " ".join([" ".join(addresses), *domains]),  # without an address it begins with a blank
        task_tag=tag,
        schedule_type=kind,
        policy_id=policy["_id"],
        **times,
        **(told if fork else {}),
    )
    return database.tables["task_schedule"][id_]


def _recurrent(database: ArlDatabase, asked: Mapping[str, Any]) -> Json:
    cron, now = asked.get("cron", ""), database.clock()
    try:
        coming, often = next_fire(cron, now), is_too_often(cron, now)
    except WrongCron:
        raise Refusal(1502, cron=cron) from None
    if often:
        raise Refusal(700, cron=cron)
    return {
        "cron": cron,
        "start_date": "",
        "start_time": 0,
        "next_run_date": written(coming) if coming else NOT_YET,
    }


def _future(database: ArlDatabase, asked: Mapping[str, Any]) -> Json:
    text = asked.get("start_date", "")
    try:
        start = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)
    except ValueError:
        raise Refusal(1602, start_date=text) from None
    if start <= database.clock():
        raise Refusal(1604, start_date=text)
    return {"cron": "", "start_date": text, "start_time": start.timestamp(), "next_run_date": text}


def _policy(database: ArlDatabase, id_: str) -> Json:
    if not is_id(id_):
        raise Crash
    policy = database.tables["policy"].get(id_)
    if policy is None:
        raise Refusal(1100, policy_id=id_)
    return policy


def known(database: ArlDatabase, id_: object) -> Json:
    if not isinstance(id_, str) or not is_id(id_):
        raise Crash
    schedule = database.tables["task_schedule"].get(id_)
    if schedule is None:
        raise Refusal(1605, schedule_id=id_)
    return schedule


def stop(database: ArlDatabase, id_: object) -> None:
    schedule = known(database, id_)
    if schedule["status"] == "stop":
        raise Refusal(500, error=f"{schedule['name']} 已经处于 stop ")
    if schedule["status"] in FIXED:
        raise Refusal(500, error=f"{schedule['name']} 不可改变状态")
    database.change("task_schedule", schedule["_id"], status="stop", next_run_date=NOT_YET)


def recover(database: ArlDatabase, id_: object) -> None:
    """One that fired once for all fires again at once: its time has passed."""
    schedule = known(database, id_)
    if schedule["status"] == "scheduled":
        raise Refusal(500, error=f"{schedule['name']} 已经处于 scheduled ")
    if schedule["status"] == "error":
        raise Refusal(500, error=f"{schedule['name']} 不可改变状态")
    coming = next_fire(schedule["cron"], database.clock()) if schedule["cron"] else None
    shown = written(coming - EARLY) if coming else schedule["start_date"] or NOT_YET
    database.change("task_schedule", schedule["_id"], status="scheduled", next_run_date=shown)


def delete(database: ArlDatabase, ids: list[str]) -> None:
    for id_ in ids:
        known(database, id_)
    for id_ in dict.fromkeys(ids):
        database.delete("task_schedule", id_)
