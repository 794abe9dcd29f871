"""What ARL does with tasks when it is asked: make them, stop them, begin them again, delete them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from arl_sandbox.database import KINDS, WEB, ArlDatabase
from arl_sandbox.documents import ENDINGS, NOT_YET, RISK, is_domain, is_id, split
from arl_sandbox.errors import Crash, Refusal
from arl_sandbox.policies import for_addresses

AGAIN = "重新运行-"
ONLY_ONCE = {"monitor"}  # tags of tasks that cannot be begun again


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """What tasks are to be made of."""

    name: str
    target: str
    tag: str = "task"
    options: Mapping[str, Any] = field(default_factory=dict)
    process: str = WEB


def submit(database: ArlDatabase, order: TaskRequest) -> Iterator[tuple[str, str]]:
    """The tasks of an order, each inserted, then published; refused as a whole before any is made.

    Yields ("inserted", id) and ("published", id).
    """
    check(database, order)
    for kind, line in _parts(order):
        id_ = database.task(order.name, kind, line, process=order.process, **_more(order, kind))
        yield "inserted", id_
        publish(database, id_)
        yield "published", id_


def _parts(order: TaskRequest) -> list[tuple[str, str]]:
    """One task for all addresses, one for each domain; a set has any order."""
    addresses, domains = split(order.target)
    if order.tag == RISK:
        return [(RISK, f"目标：{len(addresses) + len(domains)}， PoC：{len(_pocs(order.options))}")]
    first = [("ip", " ".join(reversed(addresses)))] if addresses else []
    return [*first, *(("domain", domain) for domain in reversed(domains))]


def _more(order: TaskRequest, kind: str) -> dict[str, Any]:
    options = for_addresses(order.options) if kind == "ip" else dict(order.options)
    more: dict[str, Any] = {"task_tag": order.tag, "options": options}
    if kind == RISK:
        addresses, domains = split(order.target)
        more["cruising_target"] = [*addresses, *domains]
    return more


def _pocs(options: Mapping[str, Any]) -> list[object]:
    return [each for each in options.get("poc_config", ()) if each.get("enable")]


def check(database: ArlDatabase, order: TaskRequest) -> None:
    """Raises what ARL refuses of a target: nothing, no address and no domain, black, forbidden."""
    addresses, domains = split(order.target)
    if not addresses and not domains:
        raise Refusal(706)
    for word in [] if order.tag == RISK else domains:
        if not is_domain(word):
            raise Refusal(500, error=f"{word} 无效的目标")
    for word in addresses:
        if word in database.blocked_addresses:
            raise Refusal(500, error=f"{word} 在黑名单IP中")
    for word in domains:
        if any(word == each or word.endswith(f".{each}") for each in database.forbidden_domains):
            raise Refusal(500, error=f"{word} 包含在禁止域名内")


def publish(database: ArlDatabase, id_: str) -> None:
    """Give a task to the broker; one that it does not take is gone again."""
    if database.broker_capacity <= 0:
        database.delete("task", id_)
        raise Refusal(500, error="[Errno 111] Connection refused")
    database.broker_capacity -= 1
    database.queue.append(id_)
    database.change("task", id_, celery_id=f"celery-{id_}")


def known(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """The task of an id. Raises `Crash` for what is no id, and what ARL says where there is none."""
    if not isinstance(id_, str) or not is_id(id_):
        raise Crash
    task = database.tables["task"].get(id_)
    if task is None:
        raise Refusal(103, task_id=id_)
    return task


def ended(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """The task of an id, which must have ended."""
    task = known(database, id_)
    if task["status"] not in ENDINGS:
        raise Refusal(104, task_id=id_)
    return task


def stoppable(database: ArlDatabase, id_: object) -> dict[str, Any]:
    """The task of an id, which must be open and known to the broker."""
    task = known(database, id_)
    if task["status"] in ENDINGS:
        raise Refusal(105, task_id=id_)
    if not task["celery_id"]:
        raise Refusal(102, task_id=id_)
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
        task = ended(database, id_)
        if "result_set_id" in task or task["task_tag"] in ONLY_ONCE:
            raise Refusal(500, error="不支持该任务重新运行")
    for id_ in ids:
        old = database.tables["task"][id_]
        copy = {name: value for name, value in old.items() if name not in {"_id", "statistic"}}
        fresh = {
            "status": "waiting",
            "start_time": NOT_YET,
            "end_time": NOT_YET,
            "service": [],
            "celery_id": "",
        }
        name = AGAIN + old["name"].removeprefix(AGAIN)
        publish(database, database.insert("task", copy | fresh | {"name": name}))


def delete(database: ArlDatabase, ids: list[str], *, results: bool) -> None:
    """Ended tasks, with what they found where asked; all of them or none."""
    for id_ in ids:
        ended(database, id_)
    for id_ in ids:
        database.delete("task", id_)
        for kind in KINDS if results else ():
            for found in [each["_id"] for each in database.tables[kind].values() if each["task_id"] == id_]:
                database.delete(kind, found)
