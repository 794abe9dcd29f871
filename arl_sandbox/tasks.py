"""What ARL does with tasks when it is asked: make them, stop them, begin them again, delete them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from arl_sandbox.database import RESULT_TABLES, WEB_PROCESS, ArlDatabase
from arl_sandbox.documents import FINAL_STATES, NO_TIME, RISK_CRUISING, is_domain, is_id, split_target
from arl_sandbox.errors import ArlError, InternalError
from arl_sandbox.policies import without_domain_options

RESTART_PREFIX = "重新运行-"
NOT_RESTARTABLE_TAGS = {"monitor"}  # tags of tasks that cannot be begun again


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """What tasks are to be made of."""

    name: str
    target: str
    tag: str = "task"
    options: Mapping[str, Any] = field(default_factory=dict)
    process: str = WEB_PROCESS


def submit(database: ArlDatabase, order: TaskRequest) -> Iterator[tuple[str, str]]:
    """The tasks of an order, each inserted, then published; refused as a whole before any is made.

    Yields ("inserted", id) and ("published", id).
    """
    check_target(database, order)
    for kind, line in _split_into_tasks(order):
        id_ = database.add_task(order.name, kind, line, process=order.process, **_task_fields(order, kind))
        yield "inserted", id_
        publish(database, id_)
        yield "published", id_


def _split_into_tasks(order: TaskRequest) -> list[tuple[str, str]]:
    """One task for all addresses, one for each domain; a set has any order."""
    addresses, domains = split_target(order.target)
    if order.tag == RISK_CRUISING:
        return [
            (
                RISK_CRUISING,
                f"目标：{len(addresses) + len(domains)}， PoC：{len(_enabled_pocs(order.options))}",
            )
        ]
    first = [("ip", " ".join(reversed(addresses)))] if addresses else []
    return [*first, *(("domain", domain) for domain in reversed(domains))]


def _task_fields(order: TaskRequest, kind: str) -> dict[str, Any]:
    options = without_domain_options(order.options) if kind == "ip" else dict(order.options)
    more: dict[str, Any] = {"task_tag": order.tag, "options": options}
    if kind == RISK_CRUISING:
        addresses, domains = split_target(order.target)
        more["cruising_target"] = [*addresses, *domains]
    return more


def _enabled_pocs(options: Mapping[str, Any]) -> list[object]:
    return [each for each in options.get("poc_config", ()) if each.get("enable")]


def check_target(database: ArlDatabase, order: TaskRequest) -> None:
    """Raises what ARL refuses of a target: nothing, no address and no domain, black, forbidden."""
    addresses, domains = split_target(order.target)
    if not addresses and not domains:
        raise ArlError(706)
    for word in [] if order.tag == RISK_CRUISING else domains:
        if not is_domain(word):
            raise ArlError(500, error=f"{word} 无效的目标")
    for word in addresses:
        if word in database.blocked_addresses:
            raise ArlError(500, error=f"{word} 在黑名单IP中")
    for word in domains:
        if any(word == each or word.endswith(f".{each}") for each in database.forbidden_domains):
            raise ArlError(500, error=f"{word} 包含在禁止域名内")


def publish(database: ArlDatabase, id_: str) -> None:
    """Give a task to the broker; one that it does not take is gone again."""
    if database.broker_capacity <= 0:
        database.delete("task", id_)
        raise ArlError(500, error="[Errno 111] Connection refused")
    database.broker_capacity -= 1
    database.queue.append(id_)
    database.change("task", id_, celery_id=f"celery-{id_}")


def find_task(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """The task of an id. Raises `Crash` for what is no id, and what ARL says where there is none."""
    if not isinstance(id_, str) or not is_id(id_):
        raise InternalError
    task = database.tables["task"].get(id_)
    if task is None:
        raise ArlError(103, task_id=id_)
    return task


def find_ended_task(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """The task of an id, which must have ended."""
    task = find_task(database, id_)
    if task["status"] not in FINAL_STATES:
        raise ArlError(104, task_id=id_)
    return task


def find_stoppable_task(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """The task of an id, which must be open and known to the broker."""
    task = find_task(database, id_)
    if task["status"] in FINAL_STATES:
        raise ArlError(105, task_id=id_)
    if not task["celery_id"]:
        raise ArlError(102, task_id=id_)
    return task


def stop(database: ArlDatabase, task: Mapping[str, Any], *, fork: bool = False) -> Iterator[None]:
    """Each step is a write. The worker is told first, and the fork's says `error` when it dies of it."""
    database.revoked.add(task["_id"])
    if fork and task["status"] != "waiting":
        database.change("task", task["_id"], status="error", stop_reason="SIGTERM", interrupted=True)
        yield
    database.change("task", task["_id"], status="stop")
    yield
    database.update("task", task["_id"], end_time=database.now())
    yield


def restart(database: ArlDatabase, ids: list[str]) -> None:
    """Copies of ended tasks, whose ids nobody is told; all of them or none."""
    for id_ in ids:
        task = find_ended_task(database, id_)
        if "result_set_id" in task or task["task_tag"] in NOT_RESTARTABLE_TAGS:
            raise ArlError(500, error="不支持该任务重新运行")
    for id_ in ids:
        old = database.tables["task"][id_]
        copy = {name: value for name, value in old.items() if name not in {"_id", "statistic"}}
        fresh = {
            "status": "waiting",
            "start_time": NO_TIME,
            "end_time": NO_TIME,
            "service": [],
            "celery_id": "",
        }
        name = RESTART_PREFIX + old["name"].removeprefix(RESTART_PREFIX)
        publish(database, database.insert("task", copy | fresh | {"name": name}))


def delete(database: ArlDatabase, ids: list[str], *, results: bool) -> None:
    """Ended tasks, with what they found where asked; all of them or none."""
    for id_ in ids:
        find_ended_task(database, id_)
    for id_ in ids:
        database.delete("task", id_)
        for kind in RESULT_TABLES if results else ():
            for found in [each["_id"] for each in database.tables[kind].values() if each["task_id"] == id_]:
                database.delete(kind, found)
