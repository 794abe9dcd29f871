"""ARL's REST API as it answers: HTTP 200 for nearly everything, `code` in the body, and its quirks."""

import base64
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.sandbox.arl.world import Refusal, World

KEY = "arl-api-key"
KINDS = (
    "site", "ip", "domain", "url", "vuln", "nuclei_result", "fileleak", "cert", "service", "npoc_service",
    "cip", "stat_finger", "wih",
)  # fmt: skip
EXACT = {"task_id", "task_tag", "_id"}
CACHED_FOR, CACHED_SIZE = 60, 5_000
IDS = 24


@dataclass(kw_only=True)
class FakeArl:
    """`async with FakeArl(world=world) as arl:`; it counts what it was asked."""

    world: World
    fork: bool = False  # with its cache of a minute
    basic: str = ""  # user:password that the proxy before it demands
    tls: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    lose: set[str] = field(default_factory=set)  # paths whose next answer is lost, after the deed
    late_celery: bool = False  # a task that was just made cannot be stopped
    ignored_stop: bool = False  # it says 200 and nothing happens
    url: str = ""
    _kept: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)

    async def __aenter__(self) -> "FakeArl":
        app = web.Application(middlewares=[self._door])
        app.router.add_get("/api/task/", self._listed("task"))
        app.router.add_get("/api/task_schedule/", self._listed("task_schedule"))
        for kind in KINDS:
            app.router.add_get(f"/api/{kind}/", self._listed(kind))
        app.router.add_post("/api/task/policy/", self._submit)
        app.router.add_get("/api/task/stop/{id}", self._stop)
        app.router.add_post("/api/task/restart/", self._restart)
        app.router.add_route("*", "/{path:.*}", self._elsewhere)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    @property
    def _door(self) -> Any:
        @web.middleware
        async def door(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            return await self._enter(request, handler)

        return door

    async def _enter(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.basic and request.headers.get("Authorization") != _basic(self.basic):
            return web.Response(status=401, text="<h1>401 Authorization Required</h1>")
        if request.headers.get("Token") != KEY:
            return _said(401, "not login")
        try:
            answer = await handler(request)
        except Refusal as refusal:
            answer = _said(refusal.code, refusal.words)
        await self.world.flush()
        if request.path in self.lose and request.transport is not None:
            self.lose.discard(request.path)
            request.transport.close()
        return answer

    async def _elsewhere(self, request: web.Request) -> web.Response:
        if f"{request.path}/" in {f"/api/{name}/" for name in ("task", "task_schedule", *KINDS)}:
            location = f"http://{request.host}{request.path}/"
            return web.Response(status=308, headers={"Location": location})
        return web.Response(status=404, text="Not Found")

    def _listed(self, table: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            now, key = self.world.clock().timestamp(), request.path_qs
            size = int(request.query.get("size", 10))
            kept = self.fork and size <= CACHED_SIZE and key in self._kept
            if kept and now - self._kept[key][0] < CACHED_FOR:
                return web.json_response(self._kept[key][1])
            if "_id" in request.query and len(request.query["_id"]) != IDS:
                return _crash()
            self._kept[key] = now, self._page(table, request.query, size)
            return web.json_response(self._kept[key][1])

        return answer

    def _page(self, table: str, query: Mapping[str, str], size: int) -> dict[str, Any]:
        wanted = {name: text for name, text in query.items() if name not in {"page", "size", "order"}}
        found = [each for each in self.world.tables[table].values() if _fits(each, wanted)]
        found.sort(key=lambda each: str(each["_id"]), reverse=query.get("order", "-_id").startswith("-"))
        page = int(query.get("page", 1))
        items = found[(page - 1) * size : page * size]
        return {"page": page, "size": size, "total": len(found), "items": items, "query": wanted, "code": 200}

    async def _submit(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if "name" not in asked or "task_tag" not in asked:
            return web.json_response(
                {"errors": {"name": "required"}, "message": "Input payload validation failed"}, status=400
            )
        if asked["policy_id"] not in self.world.tables["policy"]:
            raise Refusal(1100, f"策略ID不存在 policy_id:{asked['policy_id']}")
        ids = list(self.world.submit(asked["name"], asked["target"], asked["task_tag"]))
        items = [{"task_id": id_, "target": self.world.tables["task"][id_]["target"]} for id_ in ids]
        return _said(200, "success", items=items)

    async def _stop(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        if len(id_) != IDS:
            return _crash()
        task = self.world.tables["task"].get(id_)
        if task is None:
            raise Refusal(103, "没有找到任务")
        if task["status"] in {"done", "error", "stop"}:
            raise Refusal(105, "任务已经完成")
        if self.late_celery or not task["celery_id"]:
            raise Refusal(102, "没有找到celery_id")
        if not self.ignored_stop:
            self.world.change("task", id_, status="stop", end_time=self.world.now())
        return _said(200, "success", task_id=id_)

    async def _restart(self, request: web.Request) -> web.Response:
        ids = (await request.json())["task_id"]
        if any(len(id_) != IDS for id_ in ids):
            return _crash()
        for id_ in ids:
            self._may_restart(self.world.tables["task"].get(id_))
        for id_ in ids:
            old = self.world.tables["task"][id_]
            fresh = {"status": "waiting", "start_time": "-", "end_time": "-", "service": [], "celery_id": "c"}
            copy = {name: value for name, value in old.items() if name not in {"_id", "statistic"}}
            name = "重新运行-" + old["name"].removeprefix("重新运行-")
            self.world.insert("task", copy | fresh | {"name": name})
        return _said(200, "success", task_id=ids)

    def _may_restart(self, task: dict[str, Any] | None) -> None:
        if task is None:
            raise Refusal(103, "没有找到任务")
        if task["status"] not in {"done", "error", "stop"}:
            raise Refusal(104, "任务正在运行")
        if "result_set_id" in task:
            raise Refusal(500, "系统异常 error:不支持该任务重新运行")


def _said(code: int, message: str, **data: Any) -> web.Response:
    return web.json_response({"message": message, "code": code, "data": data})


def _crash() -> web.Response:
    return web.json_response({"message": "Internal Server Error"}, status=500)


def _fits(document: dict[str, Any], wanted: Mapping[str, str]) -> bool:
    """Text is looked for as a part, whatever its case; a few fields are exact."""
    return all(
        document.get(name) == text if name in EXACT else text.lower() in str(document.get(name)).lower()
        for name, text in wanted.items()
    )


def _basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
