"""ARL's task endpoints."""

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from arl_sandbox.api.lists import SWITCHES
from arl_sandbox.documents import RISK_CRUISING, is_id
from arl_sandbox.errors import CUSTOM_CODE, ArlError, InternalError
from arl_sandbox.policies import task_options
from arl_sandbox.responses import ArlState, envelope, read_payload, success
from arl_sandbox.tasks import TaskRequest, delete, find_stoppable_task, restart, stop, submit

Json = dict[str, Any]

TAGS = ("task", RISK_CRUISING)
TEXT_OPTIONS = ("domain_brute_type", "port_scan_type", "port_custom")


class TaskCalls:
    """Create, stop, restart and delete tasks."""

    def __init__(self, arl: ArlState) -> None:
        self._arl = arl
        self._database = arl.database

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/task/", self._make),
            web.post("/api/task/policy/", self._by_policy),
            web.get("/api/task/stop/{id}", self._stop),
            web.post("/api/task/batch_stop/", self._stop_many),
            web.post("/api/task/delete/", self._delete),
            web.post("/api/task/restart/", self._restart),
        ]

    async def _make(self, request: web.Request) -> web.Response:
        """Create tasks. The response has no `data`."""
        optional = {**dict.fromkeys(SWITCHES, bool), **dict.fromkeys(TEXT_OPTIONS, str)}
        asked = await read_payload(request, {"name": str, "target": str}, optional)
        options = dict.fromkeys(SWITCHES, False) | {name: asked[name] for name in optional if name in asked}
        items = self._submit(TaskRequest(name=asked["name"], target=asked["target"], options=options))
        return web.json_response({"code": 200, "message": "success", "items": items})

    async def _by_policy(self, request: web.Request) -> web.Response:
        asked = await read_payload(
            request,
            {"name": str, "task_tag": str, "policy_id": str},
            {"target": str, "result_set_id": str},
        )
        if asked["task_tag"] not in TAGS:
            raise ArlError(CUSTOM_CODE, f"task_tag 只能取 {' 或 '.join(TAGS)}")  # assumed message
        policy = self._policy(asked["policy_id"])
        target = self._within(asked.get("target", ""), policy)
        if set_id := asked.get("result_set_id", ""):
            target = self._result_set(set_id)
        order = TaskRequest(
            name=asked["name"],
            target=target,
            tag=asked["task_tag"],
            options=task_options(policy, asked["task_tag"]),
        )
        more = {"result_set_id": set_id} if set_id else {}
        return success({"items": self._submit(order, more)})

    def _policy(self, id_: str) -> Json:
        if not is_id(id_):
            raise InternalError
        policy = self._database.tables["policy"].get(id_)
        if policy is None:
            raise ArlError(1100, policy_id=id_)
        return policy

    def _within(self, target: str, policy: Json) -> str:
        """Check the target against the policy's scope, if any. Raises `ArlError`."""
        scope_id = policy["policy"]["scope_config"]["scope_id"]
        if not scope_id:
            return target
        scope = self._database.tables["asset_scope"].get(scope_id)
        if scope is None:
            raise ArlError(601, scope_id=scope_id)
        for word in target.lower().split():
            if not any(word == each or word.endswith(f".{each}") for each in scope["scope_array"]):
                raise ArlError(500, error=f"{word}不在范围{' '.join(scope['scope_array'])}中")
        return target

    def _result_set(self, id_: str) -> str:
        found = self._database.tables["result_set"].get(id_)
        if found is None:
            raise ArlError(1001, result_set_id=id_)
        return " ".join(found["items"])

    def _submit(self, order: TaskRequest, more: Json | None = None) -> list[Json]:
        ids = [id_ for step, id_ in submit(self._database, order) if step == "published"]
        for id_ in ids if more else ():
            self._database.change("task", id_, **more or {})
        return [self._response(id_) for id_ in ids]

    def _response(self, id_: str) -> Json:
        """Return a task in the format of the creating call."""
        task = {name: value for name, value in self._database.tables["task"][id_].items() if name != "_id"}
        return task | {"task_id": id_}

    async def _stop(self, request: web.Request) -> web.Response:
        """Stop a task, by GET as in ARL."""
        id_ = request.match_info["id"]
        await self._write(self._stop_steps(id_))
        return success({"task_id": id_})

    def _stop_steps(self, id_: object) -> Iterator[None]:
        task = find_stoppable_task(self._database, id_)
        if self._arl.delay_celery_id and task["status"] == "waiting":
            raise ArlError(102, task_id=id_)
        return iter(()) if self._arl.ignore_stop else stop(self._database, task, fork=self._arl.fork)

    async def _write(self, steps: Iterator[None]) -> None:
        """Flush after each write, so that readers can see intermediate states."""
        for _ in steps:
            await self._database.flush()

    async def _stop_many(self, request: web.Request) -> web.Response:
        """Stop several tasks. Responds with 200 even for errors; a malformed id aborts halfway."""
        asked = await read_payload(request, {"task_id": list})
        for id_ in asked["task_id"]:
            try:
                await self._write(self._stop_steps(id_))
            except ArlError:
                continue
        return success({"task_id": asked["task_id"]})

    async def _delete(self, request: web.Request) -> web.Response:
        asked = await read_payload(request, {"task_id": list}, {"del_task_data": bool})
        delete(self._database, asked["task_id"], results=asked.get("del_task_data", False))
        return success({"task_id": asked["task_id"]})

    async def _restart(self, request: web.Request) -> web.Response:
        """Restart tasks. The response has the ids of the old tasks."""
        asked = await read_payload(request, {"task_id": list})
        restart(self._database, asked["task_id"])
        return envelope(200, "success", {"task_id": asked["task_id"]})
