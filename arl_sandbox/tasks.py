"""Operations on tasks: submit, stop, restart and delete."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from arl_sandbox.database import RESULT_TABLES, WEB_PROCESS, ArlDatabase
from arl_sandbox.documents import FINAL_STATES, NO_TIME, RISK_CRUISING, is_domain, is_id, split_target
from arl_sandbox.errors import ArlError, InternalError
from arl_sandbox.policies import without_domain_options

RESTART_PREFIX = "重新运行-"
NOT_RESTARTABLE_TAGS = {"monitor"}  # tasks with these tags cannot be restarted


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """A request to create tasks."""

    name: str
    target: str
    tag: str = "task"
    options: Mapping[str, Any] = field(default_factory=dict)
    process: str = WEB_PROCESS


def submit(database: ArlDatabase, order: TaskRequest) -> Iterator[tuple[str, str]]:
    """Create the tasks of a request, each inserted and then published.

    Yields ("inserted", id) and ("published", id). Raises `ArlError` before the first one if the target is
    invalid.
    """
    check_target(database, order)
    for kind, line in _split_into_tasks(order):
        id_ = database.add_task(order.name, kind, line, process=order.process, **_task_fields(order, kind))
        yield "inserted", id_
        publish(database, id_)
        yield "published", id_


def _split_into_tasks(order: TaskRequest) -> list[tuple[str, str]]:
    """Split a request into one task for all addresses and one per domain, in no fixed order."""
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
    """Raise `ArlError` if a target is empty, invalid, blocked or forbidden."""
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
    """Publish a task to the broker. If the broker fails, the task is deleted again."""
    if database.broker_capacity <= 0:
        database.delete("task", id_)
        raise ArlError(500, error="[Errno 111] Connection refused")
    database.broker_capacity -= 1
    database.queue.append(id_)
    database.change("task", id_, celery_id=f"celery-{id_}")


def find_task(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """Find a task. Raises `InternalError` for a malformed id and `ArlError` for an unknown one."""
    if not isinstance(id_, str) or not is_id(id_):
        raise InternalError
    task = database.tables["task"].get(id_)
    if task is None:
        raise ArlError(103, task_id=id_)
    return task


def find_ended_task(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """Find a task that has ended. Raises `ArlError` otherwise."""
    task = find_task(database, id_)
    if task["status"] not in FINAL_STATES:
        raise ArlError(104, task_id=id_)
    return task


def find_stoppable_task(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """Find a task that has not ended and has a celery_id. Raises `ArlError` otherwise."""
    task = find_task(database, id_)
    if task["status"] in FINAL_STATES:
        raise ArlError(105, task_id=id_)
    if not task["celery_id"]:
        raise ArlError(102, task_id=id_)
    return task


def stop(database: ArlDatabase, task: Mapping[str, Any], *, fork: bool = False) -> Iterator[None]:
    """Stop a task, one write per step. The fork's worker first sets `error` when it is terminated."""
    database.revoked.add(task["_id"])
    if fork and task["status"] != "waiting":
        database.change("task", task["_id"], status="error", stop_reason="SIGTERM", interrupted=True)
        yield
    database.change("task", task["_id"], status="stop")
    yield
    database.update("task", task["_id"], end_time=database.now())
    yield


def restart(database: ArlDatabase, ids: list[str]) -> None:
    """Restart ended tasks as copies, all or none. The ids of the copies are not returned."""
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
    """Delete ended tasks, and their results if `results` is set, all or none."""
    for id_ in ids:
        find_ended_task(database, id_)
    for id_ in ids:
        database.delete("task", id_)
        for kind in RESULT_TABLES if results else ():
            for found in [each["_id"] for each in database.tables[kind].values() if each["task_id"] == id_]:
                database.delete(kind, found)
