"""ARL's exports: workbooks of one task, of several tasks (fork only), and plain-text lists."""

import json
import re
from typing import Any
from urllib.parse import quote

from aiohttp import web

from arl_sandbox.errors import InternalError
from arl_sandbox.export_workbook import build_workbook, keep_cell, sanitize_cell
from arl_sandbox.merging import merge_results
from arl_sandbox.responses import ArlState, read_payload

Json = dict[str, Any]

MAX_NAME_LENGTH = 20  # longer targets and names are cut in file names
EXPORTED_TABLES = ("site", "ip", "domain")
LIST_FIELDS = {"site": "site", "domain": "domain", "ip": "ip", "url": "url", "cip": "cidr_ip"}

_ADDRESS = re.compile(r"\d+.\d+.\d+.\d+")  # unescaped dots, as in ARL


class ExportCalls:
    """Export calls. As in ARL, any user can export any task."""

    def __init__(self, arl: ArlState) -> None:
        self._arl = arl
        self._database = arl.database

    def routes(self) -> list[web.RouteDef]:
        lists = [*LIST_FIELDS, "ip_port"]
        return [
            web.get("/api/export/{id}", self._one),
            *([web.post("/api/export/batch", self._many)] if self._arl.fork else []),
            *(web.post(f"/api/batch_export/{kind}/", self._list) for kind in lists),
        ]

    async def _one(self, request: web.Request) -> web.Response:
        task = self._database.tables["task"].get(request.match_info["id"])
        if task is None:
            return web.json_response("not found")
        found = {kind: self._found(kind, [task["_id"]]) for kind in EXPORTED_TABLES}
        content = build_workbook(found, alone=_is_of_addresses(task), clean=keep_cell)
        return _file(f"ARL资产导出报告_{task['target'].replace('/', '_')[:MAX_NAME_LENGTH]}.xlsx", content)

    async def _many(self, request: web.Request) -> web.Response:
        """Export several tasks. Only the first id must exist. Errors use a format of their own."""
        ids = await _ids(request)
        if not ids:
            return _error(400, "task_ids 不能为空")  # assumed message
        tasks = [task for id_ in ids if (task := self._database.tables["task"].get(str(id_)))]
        if not tasks or tasks[0]["_id"] != ids[0]:
            return _error(404, "任务不存在")  # assumed message
        found = {kind: self._found(kind, [task["_id"] for task in tasks]) for kind in EXPORTED_TABLES}
        if not any(found.values()):
            return _error(500, "导出失败: 未找到可导出的任务数据")
        try:
            alone = all(map(_is_of_addresses, tasks))
            content = build_workbook(merge_results(found), alone=alone, clean=sanitize_cell)
        except (InternalError, KeyError, TypeError) as error:
            return _error(500, f"导出失败: {error}")
        return _file(f"ARL批量导出报告_{tasks[0]['name'][:MAX_NAME_LENGTH]}.xlsx", content)

    async def _list(self, request: web.Request) -> web.Response:
        """Export a list of distinct lines, in no fixed order."""
        ids = (await read_payload(request, {"task_id": list}))["task_id"]
        kind = request.path.strip("/").rpartition("/")[2]
        if kind == "ip_port":
            found = self._found("ip", ids)
            lines = {f"{ip['ip']}:{port['port_id']}" for ip in found for port in ip["port_info"]}
        else:
            lines = {str(each[LIST_FIELDS[kind]]) for each in self._found(kind, ids)}
        name = f"{kind}_{len(lines)}_{self._database.epoch()}.txt"
        return _file(name, "\r\n".join(sorted(lines)).encode())

    def _found(self, kind: str, ids: list[str]) -> list[Json]:
        """Return the results of tasks, one task after the other."""
        rows = self._database.tables[kind].values()
        return [row for id_ in ids for row in rows if row["task_id"] == id_]


async def _ids(request: web.Request) -> list[str]:
    try:
        body = json.loads(await request.read())
        ids = body.get("task_ids")
    except (ValueError, AttributeError):
        return []
    return ids if isinstance(ids, list) else []


def _is_of_addresses(task: Json) -> bool:
    return task["type"] == "ip" or _ADDRESS.match(task["target"][:MAX_NAME_LENGTH]) is not None


def _error(status: int, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)


def _file(name: str, content: bytes) -> web.Response:
    headers = {"Content-Disposition": f"attachment; filename={quote(name)}"}
    return web.Response(body=content, content_type="application/octet-stream", headers=headers)
