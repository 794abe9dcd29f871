"""ARL's schedule endpoints."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from arl_sandbox import schedules
from arl_sandbox.database import ArlDatabase
from arl_sandbox.responses import ArlState, read_payload, success

REQUIRED_FIELDS = {"name": str, "target": str, "schedule_type": str, "policy_id": str, "task_tag": str}
TIME_FIELDS = {"cron": str, "start_date": str}
PUSH_FIELDS = {"notify_enable": bool, "notify_channel": str, "notify_on": str}


class ScheduleCalls:
    """Create, stop, recover and delete schedules."""

    def __init__(self, arl: ArlState) -> None:
        self._arl = arl

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/task_schedule/", self._create),
            web.post("/api/task_schedule/stop/", self._one_by_one(schedules.stop)),
            web.post("/api/task_schedule/recover/", self._one_by_one(schedules.recover)),
            web.post("/api/task_schedule/delete/", self._delete),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        optional = TIME_FIELDS | PUSH_FIELDS if self._arl.fork else TIME_FIELDS
        asked = await read_payload(request, REQUIRED_FIELDS, optional)
        return success(schedules.create(self._arl.database, asked, fork=self._arl.fork))

    def _one_by_one(
        self, act: Callable[[ArlDatabase, object], None]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Build a handler that processes ids one by one. Ids before an error stay processed."""

        async def answer(request: web.Request) -> web.Response:
            ids = (await read_payload(request, {"_id": list}))["_id"]
            for id_ in ids:
                act(self._arl.database, id_)
            return success({"_id": ids})

        return answer

    async def _delete(self, request: web.Request) -> web.Response:
        ids = (await read_payload(request, {"_id": list}))["_id"]
        schedules.delete(self._arl.database, ids)
        return success({"_id": ids})
